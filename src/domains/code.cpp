// SPDX-License-Identifier: Apache-2.0
// Code: small expressions to write, and small programs to follow.
#include "domains/arithmetic.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace xfer::domains {
namespace {

constexpr int code_result_max = 499;

/// Hidden points on which a written expression is compared; `f` is the reference.
template <class Function>
std::string points(Draw& d, Function f) {
  std::string text = "[";
  for (int i = 0; i < 8; ++i) {
    const int x = d.between(-9, 30), y = d.between(-9, 30);
    text += fmt::format("{}[{},{},{}]", i > 0 ? "," : "", x, y, f(x, y));
  }
  return text + "]";
}

/// One sentence to be written as an expression in x.
std::optional<Problem> write_one(Draw& d) {
  const int form = d.between(0, 4), k = d.digit(), j = d.number();
  Problem p;
  p.operands = operands({form, k, j});
  const std::string scaled = fmt::format("x*{}", k);
  switch (form) {
    case 0:
      p.question = d.one_of({fmt::format("Multiply x by {}, then add {}.", k, j),
                             fmt::format("Add {} to {} times x.", j, k)});
      p.steps = scaled + ".";
      p.answer = fmt::format("{}+{}", scaled, j);
      p.points = points(d, [=](int x, int) { return x * k + j; });
      break;
    case 1:
      p.question = d.one_of({fmt::format("Add {} to x, then multiply by {}.", j, k),
                             fmt::format("Take {} times the sum of x and {}.", k, j)});
      p.steps = fmt::format("x+{}.", j);
      p.answer = fmt::format("(x+{})*{}", j, k);
      p.points = points(d, [=](int x, int) { return (x + j) * k; });
      break;
    case 2:
      p.question = d.one_of({fmt::format("Multiply x by {}, then subtract {}.", k, j),
                             fmt::format("Subtract {} from {} times x.", j, k)});
      p.steps = scaled + ".";
      p.answer = fmt::format("{}-{}", scaled, j);
      p.points = points(d, [=](int x, int) { return x * k - j; });
      break;
    case 3:
      p.question = d.one_of({fmt::format("Subtract {} times x from {}.", k, j),
                             fmt::format("Multiply x by {}, then subtract it from {}.", k, j)});
      p.steps = scaled + ".";
      p.answer = fmt::format("{}-{}", j, scaled);
      p.points = points(d, [=](int x, int) { return j - x * k; });
      break;
    default:
      p.question = d.one_of({fmt::format("Subtract {} from x, then multiply by {}.", j, k),
                             fmt::format("Take {} times the difference of x and {}.", k, j)});
      p.steps = fmt::format("x-{}.", j);
      p.answer = fmt::format("(x-{})*{}", j, k);
      p.points = points(d, [=](int x, int) { return (x - j) * k; });
      break;
  }
  p.question = "Write code. " + p.question;
  return p;
}

/// The same with two variables.
std::optional<Problem> write_two(Draw& d) {
  const int form = d.between(0, 4), k = d.digit(), m = d.digit(), j = d.number();
  Problem p;
  p.operands = form == 0 ? operands({form, k, m, j}) : operands({form, k, j});
  switch (form) {
    case 0:
      p.question = fmt::format("Add {} times x, {} times y and {}.", k, m, j);
      p.steps = fmt::format("x*{}. y*{}.", k, m);
      p.answer = fmt::format("x*{}+y*{}+{}", k, m, j);
      p.points = points(d, [=](int x, int y) { return x * k + y * m + j; });
      break;
    case 1:
      p.question = fmt::format("Add x and y, multiply by {}, then subtract {}.", k, j);
      p.steps = fmt::format("x+y. (x+y)*{}.", k);
      p.answer = fmt::format("(x+y)*{}-{}", k, j);
      p.points = points(d, [=](int x, int y) { return (x + y) * k - j; });
      break;
    case 2:
      p.question = fmt::format("Multiply the larger of x and y by {}, then add {}.", k, j);
      p.steps = fmt::format("max(x,y). max(x,y)*{}.", k);
      p.answer = fmt::format("max(x,y)*{}+{}", k, j);
      p.points = points(d, [=](int x, int y) { return std::max(x, y) * k + j; });
      break;
    case 3:
      p.question = fmt::format("Multiply the smaller of x and y by {}, then add {}.", k, j);
      p.steps = fmt::format("min(x,y). min(x,y)*{}.", k);
      p.answer = fmt::format("min(x,y)*{}+{}", k, j);
      p.points = points(d, [=](int x, int y) { return std::min(x, y) * k + j; });
      break;
    default:
      p.question = fmt::format("Subtract y from x, multiply by {}, then add {}.", k, j);
      p.steps = fmt::format("x-y. (x-y)*{}.", k);
      p.answer = fmt::format("(x-y)*{}+{}", k, j);
      p.points = points(d, [=](int x, int y) { return (x - y) * k + j; });
      break;
  }
  p.question = "Write code. " + p.question;
  return p;
}

std::string asked(Draw& d, std::string_view definition, std::string_view call) {
  return d.one_of({fmt::format("Let {}. Find {}.", definition, call),
                   fmt::format("What is {} for {}?", call, definition)});
}

std::optional<Problem> evaluate(Draw& d) {
  const int form = d.between(0, 2), k = d.digit(), j = d.number(), n = d.number();
  const std::string call = fmt::format("f({})", n);
  const auto key = operands({form, k, j, n});
  if (form == 1) {
    if ((n + j) * k > code_result_max) return std::nullopt;
    return Problem{key, asked(d, fmt::format("f(x)=(x+{})*{}", j, k), call),
                   steps({sum(n, j), product(n + j, k)}), std::to_string((n + j) * k)};
  }
  const int result = form == 0 ? n * k + j : n * k - j;
  if (result < 0 || result > code_result_max) return std::nullopt;
  return Problem{key, asked(d, fmt::format("f(x)=x*{}{}{}", k, form == 0 ? '+' : '-', j), call),
                 steps({product(n, k), form == 0 ? sum(n * k, j) : difference(n * k, j)}),
                 std::to_string(result)};
}

std::optional<Problem> evaluate_two(Draw& d) {
  const bool larger = d.coin();
  const int k = d.digit(), j = d.number(), x = d.number(), y = d.threshold(x, d.coin());
  const int inner = larger ? std::max(x, y) : std::min(x, y);
  if (y < 2 || inner * k + j > code_result_max) return std::nullopt;
  const std::string_view name = larger ? "max" : "min";
  return Problem{
      operands({k, j, x, y}, name),
      asked(d, fmt::format("f(x,y)={}(x,y)*{}+{}", name, k, j), fmt::format("f({},{})", x, y)),
      steps(
          {fmt::format("{}({},{})={}.", name, x, y, inner), product(inner, k), sum(inner * k, j)}),
      std::to_string(inner * k + j)};
}

/// One operation of a small program on x.
struct Change {
  char op;
  int operand;
  std::string text() const { return fmt::format("x{}{}", op, operand); }
  int apply(int x) const { return op == '+' ? x + operand : op == '-' ? x - operand : x * operand; }
  std::string step(int x) const {
    return op == '+' ? sum(x, operand) : op == '-' ? difference(x, operand) : product(x, operand);
  }
  bool fits(int x) const { return apply(x) >= 2 && apply(x) <= code_result_max; }
};

Change draw_change(Draw& d) {
  switch (d.between(0, 2)) {
    case 0: return {'+', d.number()};
    case 1: return {'-', d.number()};
    default: return {'*', d.digit()};
  }
}

std::optional<Problem> branch(Draw& d) {
  const int x = d.number(), limit = d.threshold(x, d.coin());
  const char op = d.coin() ? '>' : '<';
  const Change yes = draw_change(d), no = draw_change(d);
  if (limit < 2 || limit == x || yes.op == no.op || !yes.fits(x) || !no.fits(x))
    return std::nullopt;
  const Change& taken = holds(x, op, limit) ? yes : no;
  return Problem{fmt::format("{}{}{},{},{}", x, op, limit, yes.text(), no.text()),
                 d.one_of({fmt::format("Let x={}. If x{}{}: x={}. Else: x={}. Find x.", x, op,
                                       limit, yes.text(), no.text()),
                           fmt::format("Let x={}. Set x={} if x{}{}, else x={}. Find x.", x,
                                       yes.text(), op, limit, no.text())}),
                 steps({comparison(x, op, limit), taken.step(x)}), std::to_string(taken.apply(x))};
}

/// Ifs in a row, each on the value that the one before left.
std::optional<Problem> branches(Draw& d, int count) {
  int x = d.number();
  std::string question = fmt::format("Let x={}.", x), key = std::to_string(x), work;
  for (int i = 0; i < count; ++i) {
    const int limit = d.threshold(x, d.coin());
    const char op = d.coin() ? '>' : '<';
    const Change todo = draw_change(d);
    if (limit < 2 || !todo.fits(x) || todo.apply(x) > 300) return std::nullopt;
    question += fmt::format(" If x{}{}: x={}.", op, limit, todo.text());
    key += fmt::format(",{}{},{}", op, limit, todo.text());
    work += (i > 0 ? " " : "") + comparison(x, op, limit);
    if (holds(x, op, limit)) {
      work += " " + todo.step(x);
      x = todo.apply(x);
    }
  }
  return Problem{key, question + " Find x.", work, std::to_string(x)};
}

std::optional<Problem> two_branches(Draw& d) { return branches(d, 2); }

std::optional<Problem> three_branches(Draw& d) {
  d.mark_harder();
  return branches(d, 3);
}

std::optional<Problem> loop(Draw& d) {
  int x = d.number();
  const int times = d.between(2, 4);
  const Change todo = draw_change(d);
  const auto key = fmt::format("{},{},{}", x, times, todo.text());
  const auto question = d.one_of(
      {fmt::format("Let x={}. Repeat {} times: x={}. Find x.", x, times, todo.text()),
       fmt::format("Let x={}. Set x={} in a loop, {} times. Find x.", x, todo.text(), times)});
  std::string work;
  for (int i = 0; i < times; ++i) {
    if (!todo.fits(x)) return std::nullopt;
    work += (i > 0 ? " " : "") + todo.step(x);
    x = todo.apply(x);
  }
  return Problem{key, question, work, std::to_string(x)};
}

std::optional<Problem> remainder(Draw& d) {
  const int k = d.digit(), n = d.between(11, 10 * k - 1), j = d.number();
  if (n / k > 9 || n < k || n % k == 0) return std::nullopt;
  return Problem{operands({n, k, j}),
                 asked(d, fmt::format("f(x)=x%{}+{}", k, j), fmt::format("f({})", n)),
                 steps({fmt::format("{}/{}={} r{}.", n, k, n / k, n % k), sum(n % k, j)}),
                 std::to_string(n % k + j)};
}

}  // namespace

const Recipe& code_recipe() {
  static const Recipe recipe = {"code",
                                "Code: expressions to write, small programs to follow",
                                "code_expression",
                                {{"write_one", Since::pretraining, 14, 0.60, write_one},
                                 {"evaluate", Since::pretraining, 13, 0.75, evaluate},
                                 {"branch", Since::pretraining, 13, 0.25, branch},
                                 {"write_two", Since::full, 12, 0.50, write_two},
                                 {"evaluate_two", Since::full, 12, 0.60, evaluate_two},
                                 {"two_branches", Since::full, 12, 0.25, two_branches},
                                 {"loop", Since::full, 12, 0.60, loop},
                                 {"remainder", Since::full, 12, 0.60, remainder},
                                 {"three_branches", Since::heldout, 12, 0.00, three_branches}}};
  return recipe;
}

}  // namespace xfer::domains
