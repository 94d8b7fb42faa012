// SPDX-License-Identifier: Apache-2.0
// Calls that are paid for: each reserves the most it can cost before it is made.
#pragma once

#include "xfer/study/backend.hpp"
#include "xfer/study/budget.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/prices.hpp"
#include "xfer/study/spec.hpp"

#include <memory>
#include <optional>
#include <string>

namespace xfer::study {

/// Of a study and a day what is left when so much is spent elsewhere.
BudgetLimits limits_of(const BudgetSpec& budget, double spent = 0.0);

/// Reserves and settles by a price. Safe to use from several coroutines.
class Meter {
public:
  Meter(const Price& price, Budget& budget) : price_(price), budget_(&budget) {}

  const Price& price() const noexcept { return price_; }
  /// Of so many tokens at dollars for each million.
  static Nanodollars cost(std::size_t tokens, double per_million);
  /// Waits while the reservation would fit once calls under way are settled. Throws `cancelled`
  /// when a limit is reached.
  task<Budget::Hold> reserve(std::string leg, Nanodollars worst_case) const;

private:
  Price price_;
  Budget* budget_;
};

/// `inner` with every call of its trainers and samplers reserved before and settled after. A
/// trainer's spending counts for the leg whose key its state folder is named by, and so does that
/// of its snapshots; the base model's counts for "". A call that fails counts in full, as lost:
/// nobody knows what of it the service has done. Both arguments must outlive the backend and what
/// it makes.
std::unique_ptr<Backend> make_metered_backend(Backend& inner, const Meter& meter);

}  // namespace xfer::study
