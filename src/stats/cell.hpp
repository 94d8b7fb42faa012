// The arms of one cell under one bootstrap, from which every metric of the cell is formed.
#pragma once

#include "xfer/stats/transfer.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace xfer::stats {

/// A weighted sum of arm means, e.g. transfer - baseline.
struct Term {
  std::size_t arm = 0;
  double factor = 1.0;
};
using Combination = std::vector<Term>;

/// Scores are held so that larger is better; intervals are percentile intervals of the crossed
/// bootstrap around the estimate, widened from the normal to Student's t: with few seeds, the
/// spread between them is itself uncertain. The degrees of freedom are Welch and Satterthwaite's
/// (1946), from each arm's seed spread (seeds - 1) and the rest (items or clusters - 1).
class Cell {
public:
  Cell(std::span<const ConditionScores> conditions, const TransferOptions& options);

  std::optional<std::size_t> arm_of(Condition condition) const;
  std::size_t seeds(std::size_t arm) const { return arms_[arm].row_means.size(); }
  /// Items, or clusters of them where given.
  std::size_t units() const { return units_; }
  double mean(std::size_t arm) const { return arms_[arm].mean; }
  /// -1 for scores that are negated inside.
  double direction() const { return direction_; }
  /// Whether a mean's interval can be Wilson's: one seed, equal weights, no clusters, 0 or 1 each.
  std::optional<std::int64_t> successes(std::size_t arm) const;

  /// Interval of a combination. Sets `flat` when resampling found no spread at all.
  Metric combine(const Combination& combination, bool& flat) const;
  /// Interval of numerator / denominator, or why there is none.
  Metric ratio(const Combination& numerator, const Combination& denominator) const;

private:
  struct Arm {
    Condition condition = Condition::baseline;
    std::vector<double> scores;  ///< seeds x items
    std::vector<double> row_means;
    double mean = 0.0;
    std::vector<double> draws;
  };

  double value(const Combination& combination) const;
  std::vector<double> draws(const Combination& combination) const;
  /// Student's over the normal critical value for an estimate of that bootstrap variance.
  double widening(const Combination& combination, double variance) const;

  TransferOptions options_;
  double direction_ = 1.0;
  std::size_t items_ = 0;
  std::size_t units_ = 0;
  std::vector<Arm> arms_;
};

}  // namespace xfer::stats
