// SPDX-License-Identifier: Apache-2.0
// Money is reserved before it is spent, and settled after.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// US dollars in billionths, so that sums are exact.
using Nanodollars = std::int64_t;

/// Rounded up: a reservation never comes out too small. Throws `invalid_argument` for amounts that
/// are negative, not finite or above a billion dollars.
Nanodollars to_nanodollars(double dollars);
double to_dollars(Nanodollars amount) noexcept;

/// The most that may be spent; unset means no limit.
struct BudgetLimits {
  std::optional<Nanodollars> study;
  std::optional<Nanodollars> leg;
  /// Of a day in UTC.
  std::optional<Nanodollars> day;
};

/// What became of money that was reserved.
enum class Outcome {
  open,    ///< Not known yet. Found so after a kill it counts in full, as lost.
  useful,  ///< Paid for work that counts.
  lost,    ///< Paid for attempts that failed or had to be made again.
};

/// One reservation, as it is kept.
struct Spend {
  std::int64_t id = 0;
  std::string leg;  ///< "" for what belongs to no leg
  std::string day;  ///< e.g. "2026-11-24"
  Nanodollars reserved = 0;
  Nanodollars spent = 0;
  Outcome outcome = Outcome::open;
};

struct BudgetTotals {
  Nanodollars useful = 0;
  Nanodollars lost = 0;
  /// Reserved by calls under way.
  Nanodollars open = 0;
};

/// Keeps spending below the limits, also with many calls under way and after a kill: what is spent
/// and what is reserved never exceed a limit together. Safe to call concurrently.
class Budget {
public:
  /// Makes a row durable; called before a reservation is granted and after it is settled.
  using Store = std::function<void(const Spend&)>;
  /// Today in UTC.
  using Today = std::function<std::string()>;

  /// A granted reservation. Let go without `settle`, it counts in full and as lost: nobody knows
  /// what the call has cost.
  class Hold {
  public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();
    /// Throws `internal` when it costs more than was reserved, which is counted all the same, or
    /// when it is settled twice.
    void settle(Nanodollars spent, Outcome outcome = Outcome::useful);

  private:
    friend class Budget;
    Hold(Budget& budget, Spend spend) : budget_(&budget), spend_(std::move(spend)) {}
    Budget* budget_;
    Spend spend_;
  };

  /// `past` are the rows that `store` has kept; open ones among them become lost. Without `today`
  /// the system's clock is asked.
  explicit Budget(BudgetLimits limits, std::vector<Spend> past = {}, Store store = {},
                  Today today = {});
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  /// Reserves the most that a call can cost. Nothing when it might fit once calls under way are
  /// settled: try again then. Throws `cancelled`, naming the limit and what is spent, when it
  /// cannot fit, and what `store` throws; nothing is reserved then.
  std::optional<Hold> try_reserve(const std::string& leg, Nanodollars worst_case);

  BudgetTotals totals() const;
  /// Of one leg, settled and open together.
  Nanodollars spent_on_leg(const std::string& leg) const;
  /// What the first reservation that a limit refused was told; "" when there was none.
  std::string reached() const;

private:
  struct Sums {
    Nanodollars settled = 0;
    Nanodollars open = 0;
  };
  void check(const std::string& name, const std::optional<Nanodollars>& limit, const Sums& sums,
             Nanodollars amount, bool& wait);
  void settle(Spend& spend, Nanodollars spent, Outcome outcome);
  void count(const Spend& spend);

  const BudgetLimits limits_;
  const Store store_;
  const Today today_;
  mutable std::mutex mutex_;
  std::int64_t next_id_ = 1;
  BudgetTotals totals_;
  std::string reached_;
  std::map<std::string, Sums> by_leg_;
  std::map<std::string, Sums> by_day_;
};

}  // namespace xfer::study
#pragma GCC visibility pop
