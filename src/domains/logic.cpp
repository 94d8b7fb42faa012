// SPDX-License-Identifier: Apache-2.0
// Logic: following rules, boolean lines, comparing and ordering.
#include "domains/arithmetic.hpp"
#include "domains/conditions.hpp"
#include "domains/problem.hpp"
#include "domains/structures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

/// How often a structure is drawn again for an answer chosen beforehand. Choosing the answer
/// first, and keeping it, is what balances the answers.
constexpr int tries_max = 2000;

/// Held-out forests are larger than all others.
Forest forest(Draw& d, int trees, int size_min, int size_max) {
  if (d.level() != Level::harder) return Forest(d, trees, size_min, size_max);
  d.mark_harder();
  return Forest(d, trees, size_max + 1, size_max + 1);
}

int hops(Draw& d) { return d.between(1, d.is_basic() ? 2 : 3); }

struct Query {
  int start;
  int target;
};

/// A question about two trees whose answer is `yes`. The wrong target plays in its own tree the
/// part that the right one plays in the other: nothing but following the rules tells them apart.
std::optional<Query> query(Draw& d, const Forest& f, int steps, bool yes) {
  const int tree = d.between(0, 1);
  const int start = f.deep_node(d, tree, steps), other = f.deep_node(d, 1 - tree, steps);
  if (start < 0 || other < 0) return std::nullopt;
  return Query{start, f.ancestor(yes ? start : other, steps)};
}

std::string walk_and_say(const Forest& f, const Query& q) {
  return f.walk(q.start, q.target) + " " + yes_no(f.reaches(q.start, q.target)) + ".";
}

std::optional<Problem> reach(Draw& d) {
  const Forest f = forest(d, 2, 4, 6);
  const bool yes = d.coin();
  const auto q = query(d, f, hops(d), yes);
  if (!q) return std::nullopt;
  const std::string rules = f.rules(d);
  const char from = f.letter(q->start), to = f.letter(q->target);
  return Problem{f.canonical({q->start, q->target}),
                 d.one_of({fmt::format("Rules: {}. Does {} lead to {}?", rules, from, to),
                           fmt::format("Does {} lead to {}? Rules: {}.", from, to, rules)}),
                 walk_and_say(f, *q), yes_no(yes)};
}

/// Where a walk ends, among three ends.
std::optional<Problem> end(Draw& d) {
  const Forest f = forest(d, 3, 3, 5);
  const int steps = hops(d);
  std::array<int, 3> starts;
  for (int tree = 0; tree < 3; ++tree) {
    starts[static_cast<std::size_t>(tree)] = f.deep_node(d, tree, steps);
    if (starts[static_cast<std::size_t>(tree)] < 0) return std::nullopt;
  }
  const int tree = d.between(0, 2), start = starts[static_cast<std::size_t>(tree)];
  const std::string rules = f.rules(d);
  const char from = f.letter(start);
  return Problem{f.canonical({start}),
                 d.one_of({fmt::format("Rules: {}. Where does {} end?", rules, from),
                           fmt::format("Where does {} end? Rules: {}.", from, rules)}),
                 f.walk(start, -1) + ".", std::string(1, f.letter(f.root(tree)))};
}

/// How many steps from one letter to another.
std::optional<Problem> count_steps(Draw& d) {
  const int steps = d.between(1, 3);
  Forest f = forest(d, 2, 4, 6);
  int start = f.deep_node(d, 0, steps);
  for (int i = 0; start < 0 && i < tries_max; ++i) {
    f = forest(d, 2, 4, 6);
    start = f.deep_node(d, 0, steps);
  }
  if (start < 0) return std::nullopt;
  const int target = f.ancestor(start, steps);
  const std::string rules = f.rules(d);
  const char from = f.letter(start), to = f.letter(target);
  std::string work;
  for (int i = 0; i < steps; ++i)
    work += fmt::format("{}{}{} {}", i > 0 ? " " : "", f.letter(f.ancestor(start, i)),
                        f.letter(f.ancestor(start, i + 1)), i + 1);
  return Problem{
      f.canonical({start, target}),
      d.one_of({fmt::format("Rules: {}. How many steps from {} to {}?", rules, from, to),
                fmt::format("How many steps from {} to {}? Rules: {}.", from, to, rules)}),
      work + ".", std::to_string(steps)};
}

/// Two questions about the same rules, joined by one word.
std::optional<Problem> both(Draw& d) {
  const Forest f = forest(d, 2, 4, 6);
  const Joint joint = d.coin() ? Joint::all : Joint::any;
  const auto truth = truth_values(d, 2, joint);
  const int steps = d.between(1, 2);
  const auto first = query(d, f, steps, truth[0]), second = query(d, f, steps, truth[1]);
  if (!first || !second || first->start == second->start) return std::nullopt;
  const std::string rules = f.rules(d);
  // Asked the other way round it is the same problem.
  const std::string form =
      std::min(f.canonical({first->start, first->target, second->start, second->target}),
               f.canonical({second->start, second->target, first->start, first->target}));
  return Problem{fmt::format("{},{}", word(joint), form),
                 d.one_of({fmt::format("Rules: {}. Does {} lead to {} {} {} to {}?", rules,
                                       f.letter(first->start), f.letter(first->target), word(joint),
                                       f.letter(second->start), f.letter(second->target)),
                           fmt::format("Does {} lead to {} {} {} to {}? Rules: {}.",
                                       f.letter(first->start), f.letter(first->target), word(joint),
                                       f.letter(second->start), f.letter(second->target), rules)}),
                 domains::steps({walk_and_say(f, *first), walk_and_say(f, *second),
                                 join_step(truth[0], joint, truth[1])}),
                 yes_no(join(truth[0], joint, truth[1]))};
}

/// Boolean lines; asked for are the values of the last two. Their values are chosen before, and
/// apart from, their operations: "and" is no sign of a 0.
std::optional<Problem> lines(Draw& d, int count) {
  if (d.level() == Level::harder) {
    d.mark_harder();
    count = 5;
  }
  const bool last = d.coin(), before = d.coin();
  std::vector<Operation> operations;
  for (int i = 0; i < count; ++i) operations.push_back(Operation::draw(d));
  for (int i = 0; i < tries_max; ++i) {
    const Circuit c(d, operations);
    if (c.value_from_end(0) != last || c.value_from_end(1) != before) continue;
    return Problem{
        c.canonical(),
        fmt::format("Let {} Find {} and {}.", c.text(), c.letter_from_end(1), c.letter_from_end(0)),
        c.work(), fmt::format("{}{}", before ? 1 : 0, last ? 1 : 0)};
  }
  return std::nullopt;
}

std::optional<Problem> circuit(Draw& d) { return lines(d, 3); }
std::optional<Problem> long_circuit(Draw& d) { return lines(d, 4); }

constexpr std::string_view letters = "ABC";

/// Three letters with two numbers each; no two have the same total.
struct Totals {
  std::array<std::array<int, 2>, 3> parts;
  int total(std::size_t i) const { return parts[i][0] + parts[i][1]; }
  /// Which of the three has the largest `value(i)`.
  template <class Value>
  static int largest(Value value) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < 3; ++i)
      if (value(i) > value(best)) best = i;
    return static_cast<int>(best);
  }
  int winner() const {
    return largest([&](std::size_t i) { return total(i); });
  }
};

/// The largest single number and the largest first number belong to the winner as often as to each
/// of the others.
std::optional<Totals> totals(Draw& d) {
  Totals t;
  const int winner = d.between(0, 2), single = d.between(0, 2), first = d.between(0, 2);
  for (int i = 0; i < tries_max; ++i) {
    for (auto& part : t.parts) {
      part[0] = d.number();
      part[1] = d.number();
    }
    // A hole among numbers that were thrown away does not make the problem harder.
    const auto has_hole = [](const auto& part) { return is_hole(part[0]) || is_hole(part[1]); };
    if (d.level() == Level::harder && std::none_of(t.parts.begin(), t.parts.end(), has_hole))
      continue;
    if (t.total(0) == t.total(1) || t.total(1) == t.total(2) || t.total(0) == t.total(2)) continue;
    if (t.winner() == winner && t.largest([&](std::size_t k) {
          return std::max(t.parts[k][0], t.parts[k][1]);
        }) == single &&
        t.largest([&](std::size_t k) { return t.parts[k][0]; }) == first)
      return t;
  }
  return std::nullopt;
}

std::string totals_key(const Totals& t) {
  std::array<std::array<int, 2>, 3> sorted = t.parts;
  for (auto& part : sorted) std::sort(part.begin(), part.end());
  std::sort(sorted.begin(), sorted.end());
  return operands(
      {sorted[0][0], sorted[0][1], sorted[1][0], sorted[1][1], sorted[2][0], sorted[2][1]});
}

std::string totals_text(const Totals& t) {
  std::string text;
  for (std::size_t i = 0; i < 3; ++i)
    text += fmt::format("{}{} has {} and {}.", i > 0 ? " " : "", letters[i], t.parts[i][0],
                        t.parts[i][1]);
  return text;
}

std::string totals_steps(const Totals& t) {
  std::string text;
  for (std::size_t i = 0; i < 3; ++i)
    text +=
        fmt::format("{}{}: {}", i > 0 ? " " : "", letters[i], sum(t.parts[i][0], t.parts[i][1]));
  return text;
}

std::optional<Problem> most(Draw& d) {
  const auto t = totals(d);
  if (!t) return std::nullopt;
  return Problem{totals_key(*t),
                 d.one_of({totals_text(*t) + " Which has the most?",
                           "Which has the most? " + totals_text(*t)}),
                 totals_steps(*t), std::string(1, letters[static_cast<std::size_t>(t->winner())])};
}

/// All three in order, from most to least.
std::optional<Problem> rank(Draw& d) {
  const auto t = totals(d);
  if (!t) return std::nullopt;
  std::array<std::size_t, 3> order = {0, 1, 2};
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return t->total(a) > t->total(b); });
  std::string answer;
  for (const std::size_t i : order) answer += letters[i];
  const std::string work = fmt::format("{} {}>{}>{}.", totals_steps(*t), t->total(order[0]),
                                       t->total(order[1]), t->total(order[2]));
  return Problem{totals_key(*t),
                 d.one_of({totals_text(*t) + " Order them from most to least.",
                           "Order them from most to least. " + totals_text(*t)}),
                 work, answer};
}

}  // namespace

const Recipe& logic_recipe() {
  static const Recipe recipe = {"logic",
                                "Logic: following rules, boolean lines, ordering",
                                "final_answer",
                                {{"reach", Since::pretraining, 11, 0.50, reach},
                                 {"end", Since::pretraining, 11, 0.20, end},
                                 {"circuit", Since::pretraining, 11, 0.20, circuit},
                                 {"most", Since::pretraining, 11, 0.40, most},
                                 {"count_steps", Since::full, 14, 0.30, count_steps},
                                 {"both", Since::full, 14, 0.40, both},
                                 {"long_circuit", Since::full, 14, 0.30, long_circuit},
                                 {"rank", Since::full, 14, 0.40, rank}}};
  return recipe;
}

}  // namespace xfer::domains
