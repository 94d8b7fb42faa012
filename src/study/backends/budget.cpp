// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/budget.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <utility>

namespace xfer::study {
namespace {

constexpr double nanodollars_per_dollar = 1e9;
constexpr double dollars_max = 1e9;

std::string day_of_the_system() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 16> text;
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d", &parts);
  return std::string(text.data(), size);
}

std::string money(Nanodollars amount) {
  std::array<char, 48> text;
  std::snprintf(text.data(), text.size(), "$%.4f", to_dollars(amount));
  return text.data();
}

}  // namespace

Nanodollars to_nanodollars(double dollars) {
  if (!(dollars >= 0.0 && dollars <= dollars_max))
    throw Error(Errc::invalid_argument,
                "budget: an amount must be from 0 to 1000000000 dollars "
                "(got " +
                    std::to_string(dollars) + ")");
  return static_cast<Nanodollars>(std::ceil(dollars * nanodollars_per_dollar));
}

double to_dollars(Nanodollars amount) noexcept {
  return static_cast<double>(amount) / nanodollars_per_dollar;
}

Budget::Hold::Hold(Hold&& other) noexcept
    : budget_(std::exchange(other.budget_, nullptr)), spend_(std::move(other.spend_)) {}

Budget::Hold::~Hold() {
  if (!budget_) return;
  try {
    budget_->settle(spend_, spend_.reserved, Outcome::lost);
  } catch (...) {
    // The row stays open where it is kept, which the next attempt counts in full too.
  }
}

void Budget::Hold::settle(Nanodollars spent, Outcome outcome) {
  if (!budget_) throw Error(Errc::internal, "budget: a reservation was settled twice");
  Budget* budget = std::exchange(budget_, nullptr);
  budget->settle(spend_, spent, outcome);
  if (spent > spend_.reserved)
    throw Error(Errc::internal, "budget: a call cost " + money(spent) + " where at most " +
                                    money(spend_.reserved) + " was expected");
}

Budget::Budget(BudgetLimits limits, std::vector<Spend> past, Store store, Today today)
    : limits_(limits), store_(store ? std::move(store) : [](const Spend&) {}),
      today_(today ? std::move(today) : day_of_the_system) {
  for (Spend& spend : past) {
    next_id_ = std::max(next_id_, spend.id + 1);
    if (spend.outcome == Outcome::open) {
      spend.spent = spend.reserved;
      spend.outcome = Outcome::lost;
      store_(spend);
    }
    count(spend);
  }
}

void Budget::count(const Spend& spend) {
  (spend.outcome == Outcome::useful ? totals_.useful : totals_.lost) += spend.spent;
  by_leg_[spend.leg].settled += spend.spent;
  by_day_[spend.day].settled += spend.spent;
}

void Budget::check(const std::string& name, const std::optional<Nanodollars>& limit,
                   const Sums& sums, Nanodollars amount, bool& wait) {
  if (!limit) return;
  if (amount > *limit - std::min(sums.settled, *limit)) {
    const std::string text = "budget: the limit " + name + " of " + money(*limit) +
                             " is reached (" + money(sums.settled) +
                             " is spent, the next call may cost " + money(amount) +
                             "); everything finished is kept, raise the limit to go on";
    if (reached_.empty()) reached_ = text;
    throw Error(Errc::cancelled, text);
  }
  if (amount > *limit - sums.settled - sums.open) wait = true;
}

std::optional<Budget::Hold> Budget::try_reserve(const std::string& leg, Nanodollars worst_case) {
  if (worst_case < 0)
    throw Error(Errc::invalid_argument, "budget: a reservation must not be negative");
  Spend spend;
  spend.leg = leg;
  spend.day = today_();
  spend.reserved = worst_case;
  const std::lock_guard lock(mutex_);
  bool wait = false;
  const Sums all{totals_.useful + totals_.lost, totals_.open};
  check("budget.max_dollars", limits_.study, all, worst_case, wait);
  check("budget.max_dollars_per_leg", limits_.leg, by_leg_[leg], worst_case, wait);
  check("budget.max_dollars_per_day", limits_.day, by_day_[spend.day], worst_case, wait);
  if (wait) return std::nullopt;
  spend.id = next_id_++;
  if (worst_case > 0) store_(spend);
  totals_.open += worst_case;
  by_leg_[leg].open += worst_case;
  by_day_[spend.day].open += worst_case;
  return Hold(*this, std::move(spend));
}

void Budget::settle(Spend& spend, Nanodollars spent, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  spend.spent = spent;
  spend.outcome = outcome == Outcome::open ? Outcome::lost : outcome;
  totals_.open -= spend.reserved;
  by_leg_[spend.leg].open -= spend.reserved;
  by_day_[spend.day].open -= spend.reserved;
  count(spend);
  if (spend.reserved > 0 || spent > 0) store_(spend);
}

BudgetTotals Budget::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

std::string Budget::reached() const {
  const std::lock_guard lock(mutex_);
  return reached_;
}

Nanodollars Budget::spent_on_leg(const std::string& leg) const {
  const std::lock_guard lock(mutex_);
  const auto found = by_leg_.find(leg);
  return found == by_leg_.end() ? 0 : found->second.settled + found->second.open;
}

}  // namespace xfer::study
