// SPDX-License-Identifier: Apache-2.0
// Law: made-up statutes with thresholds, exceptions and conditions.
#include "domains/arithmetic.hpp"
#include "domains/conditions.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

namespace xfer::domains {
namespace {

constexpr int law_result_max = 499;

/// A fee per day that depends on a threshold.
std::optional<Problem> fee(Draw& d) {
  const int limit_side = d.coin() ? 1 : 0;
  const int income = d.number(), limit = d.threshold(income, limit_side == 1);
  const int high = d.number(), low = d.number(), days = d.digit();
  if (limit < 2 || high == low) return std::nullopt;
  const int rate = income > limit ? high : low;
  const auto n = person(d);
  return Problem{
      operands({income, limit, high, low, days}),
      d.one_of(
          {fmt::format("The fee per day is {} if income is over {}, else {}. {} has income {}. "
                       "Find the fee for {} days.",
                       high, limit, low, n, income, days),
           fmt::format("{} has income {}. The fee per day is {} if income is over {}, else {}. "
                       "Find the fee for {} days.",
                       n, income, high, limit, low, days)}),
      steps({comparison(income, '>', limit), product(rate, days)}), std::to_string(rate * days)};
}

/// Only what lies over a free allowance is charged.
std::optional<Problem> late_fine(Draw& d) {
  const int free = d.number(), late = d.number(), rate = d.digit();
  if (late - free < 2) return std::nullopt;
  const auto n = person(d);
  return Problem{
      operands({late, free, rate}),
      d.one_of({fmt::format("The fine is {} per day late, with {} days free. {} is {} days "
                            "late. Find the fine.",
                            rate, free, n, late),
                fmt::format("{} is {} days late. With {} days free, the fine is {} per "
                            "day late. Find the fine.",
                            n, late, free, rate)}),
      steps({difference(late, free), product(late - free, rate)}),
      std::to_string((late - free) * rate)};
}

struct Condition {
  int value;
  int limit;
  bool is_met() const { return value > limit; }
  std::string step() const { return comparison(value, '>', limit); }
};

Condition condition(Draw& d, bool met) {
  const int value = d.number();
  return {value, d.threshold(value, met)};
}

std::optional<Problem> permit(Draw& d) {
  const Joint joint = d.coin() ? Joint::all : Joint::any;
  const std::string_view op = word(joint);
  const auto truth = truth_values(d, 2, joint);
  const Condition age = condition(d, truth[0]), income = condition(d, truth[1]);
  if (age.limit < 2 || income.limit < 2) return std::nullopt;
  const bool answer = join(truth[0], joint, truth[1]);
  const auto n = person(d);
  return Problem{
      operands({age.value, age.limit, income.value, income.limit}, op),
      d.one_of(
          {fmt::format("A permit needs age over {} {} income over {}. {} has age {} and income "
                       "{}. Is the permit given?",
                       age.limit, op, income.limit, n, age.value, income.value),
           fmt::format("{} has age {} and income {}. A permit needs age over {} {} income over "
                       "{}. Is the permit given?",
                       n, age.value, income.value, age.limit, op, income.limit)}),
      steps({age.step(), income.step(), join_step(truth[0], joint, truth[1])}), yes_no(answer)};
}

std::optional<Problem> triple_permit(Draw& d) {
  d.mark_harder();
  const Joint joint = d.coin() ? Joint::all : Joint::any;
  const std::string_view op = word(joint);
  const auto truth = truth_values(d, 3, joint);
  const Condition age = condition(d, truth[0]), income = condition(d, truth[1]),
                  days = condition(d, truth[2]);
  if (age.limit < 2 || income.limit < 2 || days.limit < 2) return std::nullopt;
  const bool two = join(truth[0], joint, truth[1]);
  const bool answer = join(two, joint, truth[2]);
  return Problem{
      operands({age.value, age.limit, income.value, income.limit, days.value, days.limit}, op),
      fmt::format("A permit needs age over {} {} income over {} {} days over {}. {} has "
                  "age {} and income {} and days {}. Is the permit given?",
                  age.limit, op, income.limit, op, days.limit, person(d), age.value, income.value,
                  days.value),
      steps({age.step(), income.step(), join_step(truth[0], joint, truth[1]), days.step(),
             join_step(two, joint, truth[2])}),
      yes_no(answer)};
}

/// A base amount, and a rate on the part of the income over a threshold.
std::optional<Problem> tax(Draw& d) {
  const int base = d.number(), rate = d.digit(), income = d.number();
  const int limit = d.not_hole(11, 69);
  const bool over = income > limit;
  // One in five below the threshold: there the answer is the base itself.
  if (over != (d.between(0, 4) > 0)) return std::nullopt;
  const int excess = over ? income - limit : 0;
  const int total = base + excess * rate;
  if (excess == 1 || total > law_result_max) return std::nullopt;
  const auto n = person(d);
  std::string work = comparison(income, '>', limit);
  if (over)
    work =
        steps({work, difference(income, limit), product(excess, rate), sum(excess * rate, base)});
  return Problem{
      operands({base, rate, income, limit}),
      d.one_of(
          {fmt::format("The tax is {}, and {} more for each 1 of income over {}. {} has income "
                       "{}. Find the tax.",
                       base, rate, limit, n, income),
           fmt::format("{} has income {}. The tax is {}, and {} more for each 1 of income over "
                       "{}. Find the tax.",
                       n, income, base, rate, limit)}),
      work, std::to_string(total)};
}

/// A deadline that is longer for those abroad.
std::optional<Problem> deadline(Draw& d) {
  const int start = d.number(), home = d.number(), abroad = d.number();
  const bool is_abroad = d.coin(), in_time = d.coin();
  const int limit = start + (is_abroad ? abroad : home);
  const int filed = in_time ? limit - d.between(1, 9) : limit + d.between(1, 9);
  if (home == abroad || filed <= start) return std::nullopt;
  const auto n = person(d);
  const std::string_view where = is_abroad ? "abroad" : "at home";
  return Problem{
      operands({start, home, abroad, filed}, where),
      d.one_of(
          {fmt::format("Notice comes on day {}. The time is {} days at home, {} days abroad. {} "
                       "is {} and files on day {}. Is it in time?",
                       start, home, abroad, n, where, filed),
           fmt::format("{} is {}, has notice on day {} and files on day {}. The time is {} days "
                       "at home, {} days abroad. Is it in time?",
                       n, where, start, filed, home, abroad)}),
      steps({sum(start, limit - start), comparison(filed, '<', limit)}), yes_no(in_time)};
}

/// What is left after debts, in equal parts.
std::optional<Problem> inherit(Draw& d) {
  const int heirs = d.digit(), part = d.number(), debts = d.number();
  const int estate = heirs * part + debts;
  if (estate > law_result_max) return std::nullopt;
  return Problem{
      operands({estate, debts, heirs}),
      d.one_of({fmt::format("After debts of {}, {} people share an estate of {}. Find the "
                            "part of each.",
                            debts, heirs, estate),
                fmt::format("An estate of {} pays debts of {}. The rest is shared by {} "
                            "people. Find the part of each.",
                            estate, debts, heirs)}),
      steps({difference(estate, debts), quotient(heirs * part, heirs)}), std::to_string(part)};
}

/// Rules applied in a row, each to the amount the one before left.
std::optional<Problem> rules(Draw& d, bool three) {
  int amount = d.number();
  const Condition first = condition(d, d.coin());
  const Condition second = condition(d, d.coin());
  const int plus = d.number(), minus = d.number();
  if (first.limit < 2 || second.limit < 2) return std::nullopt;
  const auto n = person(d);
  std::string key =
      operands({amount, first.value, first.limit, plus, second.value, second.limit, minus});
  std::string question = fmt::format(
      "The fee is {}. Rule 1: if age is over {}, add {}. Rule 2: if income is over {}, subtract "
      "{}.",
      amount, first.limit, plus, second.limit, minus);
  std::string work = first.step();
  if (first.is_met()) {
    work += " " + sum(amount, plus);
    amount += plus;
  }
  work += " " + second.step();
  if (second.is_met()) {
    if (amount - minus < 2) return std::nullopt;
    work += " " + difference(amount, minus);
    amount -= minus;
  }
  std::string facts = fmt::format(" {} has age {} and income {}", n, first.value, second.value);
  if (three) {
    d.mark_harder();
    const Condition third = condition(d, d.coin());
    const int times = d.digit();
    if (third.limit < 2 || amount * times > law_result_max) return std::nullopt;
    key += "," + operands({third.value, third.limit, times});
    question += fmt::format(" Rule 3: if days are over {}, multiply by {}.", third.limit, times);
    facts += fmt::format(" and days {}", third.value);
    work += " " + third.step();
    if (third.is_met()) {
      work += " " + product(amount, times);
      amount *= times;
    }
  }
  return Problem{key, question + facts + ". Find the fee.", work, std::to_string(amount)};
}

std::optional<Problem> two_rules(Draw& d) { return rules(d, false); }
std::optional<Problem> three_rules(Draw& d) { return rules(d, true); }

}  // namespace

const Recipe& law_recipe() {
  static const Recipe recipe = {"law",
                                "Law: statutes with thresholds, exceptions, conditions",
                                "final_answer",
                                {{"fee", Since::pretraining, 14, 0.75, fee},
                                 {"late_fine", Since::pretraining, 14, 0.65, late_fine},
                                 {"permit", Since::pretraining, 14, 0.50, permit},
                                 {"tax", Since::full, 15, 0.40, tax},
                                 {"deadline", Since::full, 14, 0.50, deadline},
                                 {"inherit", Since::full, 15, 0.40, inherit},
                                 {"two_rules", Since::full, 14, 0.40, two_rules},
                                 {"triple_permit", Since::heldout, 7, 0.00, triple_permit},
                                 {"three_rules", Since::heldout, 7, 0.00, three_rules}}};
  return recipe;
}

}  // namespace xfer::domains
