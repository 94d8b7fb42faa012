// SPDX-License-Identifier: Apache-2.0
// Mathematics: word problems of two to four steps.
#include "domains/arithmetic.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

constexpr int math_result_max = 499;

std::string_view thing(Draw& d) {
  static constexpr std::array<std::string_view, 5> things = {"apples", "books", "cards", "eggs",
                                                             "pens"};
  return d.pick(things);
}

std::optional<Problem> gain_loss(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.number();
  if (a + b - c < 2) return std::nullopt;
  const auto n = person(d), o = thing(d);
  return Problem{
      operands({a, b, c}),
      d.one_of({fmt::format("{} has {} {}, gets {} more and loses {}. How many are left?", n, a, o,
                            b, c),
                fmt::format("There are {} {}. {} are added and {} are taken. How many "
                            "are left?",
                            a, o, b, c)}),
      steps({sum(a, b), difference(a + b, c)}), std::to_string(a + b - c)};
}

std::optional<Problem> loss_gain(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.number();
  if (a - b < 2) return std::nullopt;
  const auto n = person(d), o = thing(d);
  return Problem{operands({a, b, c}),
                 d.one_of({fmt::format("{} has {} {}, loses {} and gets {} more. How many now?", n,
                                       a, o, b, c),
                           fmt::format("There are {} {}. {} are taken and {} are added. How many "
                                       "now?",
                                       a, o, b, c)}),
                 steps({difference(a, b), sum(a - b, c)}), std::to_string(a - b + c)};
}

std::optional<Problem> boxes(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.digit();
  if (a + b * c > math_result_max) return std::nullopt;
  const auto n = person(d), o = thing(d);
  return Problem{
      operands({a, b, c}),
      d.one_of(
          {fmt::format("{} has {} {} and gets {} boxes of {}. How many now?", n, a, o, c, b),
           fmt::format("There are {} boxes of {} {} and {} more. How many in all?", c, b, o, a)}),
      steps({product(b, c), sum(b * c, a)}), std::to_string(a + b * c)};
}

std::optional<Problem> more_than(Draw& d) {
  const int a = d.number(), b = d.number();
  const auto n = person(d), m = person(d), o = thing(d);
  if (n == m) return std::nullopt;
  return Problem{
      operands({a, b}),
      d.one_of(
          {fmt::format("{} has {} {}. {} has {} more than {}. How many in all?", n, a, o, m, b, n),
           fmt::format("{} has {} more {} than {}, who has {}. How many in all?", m, b, o, n, a)}),
      steps({sum(a, b), sum(a + b, a)}), std::to_string(a + a + b)};
}

std::optional<Problem> two_groups(Draw& d) {
  int b = d.number(), c = d.digit(), e = d.number(), f = d.digit();
  if (b * c + e * f > math_result_max) return std::nullopt;
  const auto key =
      std::pair(b, c) < std::pair(e, f) ? operands({b, c, e, f}) : operands({e, f, b, c});
  const auto n = person(d), o = thing(d);
  return Problem{
      key,
      d.one_of({fmt::format("{} has {} boxes of {} {} and {} bags of {}. How many in all?", n, c, b,
                            o, f, e),
                fmt::format("There are {} bags of {} and {} boxes of {} {}. How many in "
                            "all?",
                            c, b, f, e, o)}),
      steps({product(b, c), product(e, f), sum(b * c, e * f)}), std::to_string(b * c + e * f)};
}

std::optional<Problem> change(Draw& d) {
  const int b = d.number(), c = d.digit(), rest = d.number();
  const int a = b * c + rest;
  if (a > math_result_max) return std::nullopt;
  const auto n = person(d), o = thing(d);
  return Problem{operands({a, b, c}),
                 d.one_of({fmt::format("{} has {} coins and buys {} {} at {} coins each. How many "
                                       "coins are left?",
                                       n, a, c, o, b),
                           fmt::format("There are {} {}. {} boxes of {} are taken. How many are "
                                       "left?",
                                       a, o, c, b)}),
                 steps({product(b, c), difference(a, b * c)}), std::to_string(rest)};
}

std::optional<Problem> share(Draw& d) {
  const int q = d.number(), c = d.digit(), a = d.number();
  const auto n = person(d), o = thing(d);
  return Problem{
      operands({q * c, c, a}),
      d.one_of({fmt::format("{} {} are shared by {} people. {} is one and has {} more. "
                            "How many has {}?",
                            q * c, o, c, n, a, n),
                fmt::format("{} {} fill {} boxes. {} takes one box and gets {} more. How "
                            "many has {}?",
                            q * c, o, c, n, a, n)}),
      steps({quotient(q * c, c), sum(q, a)}), std::to_string(q + a)};
}

std::optional<Problem> times_fewer(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.digit();
  if (a - b < 2) return std::nullopt;
  const auto n = person(d), m = person(d), o = thing(d);
  if (n == m) return std::nullopt;
  return Problem{operands({a, b, c}),
                 d.one_of({fmt::format("{} has {} {} and loses {}. {} has {} times what is left. "
                                       "How many has {}?",
                                       n, a, o, b, m, c, m),
                           fmt::format("A box holds {} {}. {} are taken from each of {} boxes. How "
                                       "many are left?",
                                       a, o, b, c)}),
                 steps({difference(a, b), product(a - b, c)}), std::to_string((a - b) * c)};
}

std::optional<Problem> times_sum(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.digit();
  if ((a + b) * c > math_result_max) return std::nullopt;
  const auto n = person(d), o = thing(d);
  return Problem{
      operands({std::min(a, b), std::max(a, b), c}),
      d.one_of(
          {fmt::format("{} gets {} {} and {} cards each day. How many in {} days?", n, a, o, b, c),
           fmt::format("Each of {} boxes holds {} {} and {} coins. How many in all?", c, a, o, b)}),
      steps({sum(a, b), product(a + b, c)}), std::to_string((a + b) * c)};
}

std::optional<Problem> four_changes(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.number(), e = d.number();
  if (a + b - c < 2) return std::nullopt;
  d.mark_harder();
  const auto n = person(d), o = thing(d);
  return Problem{operands({a, b, c, e}),
                 fmt::format("{} has {} {}, gets {} more, loses {} and gets {} more. How many now?",
                             n, a, o, b, c, e),
                 steps({sum(a, b), difference(a + b, c), sum(a + b - c, e)}),
                 std::to_string(a + b - c + e)};
}

}  // namespace

const Recipe& math_recipe() {
  static const Recipe recipe = {"math",
                                "Mathematics: word problems with worked steps",
                                "final_answer",
                                {{"gain_loss", Since::pretraining, 10, 0.65, gain_loss},
                                 {"loss_gain", Since::pretraining, 10, 0.20, loss_gain},
                                 {"boxes", Since::pretraining, 10, 0.20, boxes},
                                 {"more_than", Since::pretraining, 10, 0.70, more_than},
                                 {"two_groups", Since::full, 12, 0.20, two_groups},
                                 {"change", Since::full, 12, 0.30, change},
                                 {"share", Since::full, 12, 0.20, share},
                                 {"times_fewer", Since::full, 12, 0.30, times_fewer},
                                 {"times_sum", Since::full, 12, 0.30, times_sum},
                                 {"four_changes", Since::heldout, 12, 0.00, four_changes}}};
  return recipe;
}

}  // namespace xfer::domains
