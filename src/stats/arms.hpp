// SPDX-License-Identifier: Apache-2.0
// Arms under one bootstrap, over one or several sets of items: what metrics are formed from.
#pragma once

#include "xfer/stats/transfer.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace xfer::stats {

/// A weighted sum of arm means, e.g. transfer - baseline.
struct Term {
  std::size_t arm = 0;
  double factor = 1.0;
};
using Combination = std::vector<Term>;

/// One model's scores on one set of items, `(*scores)[s][i]`.
struct ArmInput {
  /// Names the training runs: arms with the same id on several item sets are the same models.
  std::uint64_t run = 0;
  std::string name;
  const std::vector<std::vector<double>>* scores = nullptr;
};

/// A set of items and the arms tested on it. `id` names the items' random stream.
struct ItemSetInput {
  std::uint64_t id = 0;
  std::span<const double> weights;
  std::span<const std::string> clusters;
  std::vector<ArmInput> arms;
};

struct ArmsOptions {
  ScoreKind kind = ScoreKind::accuracy;
  double level = 0.95;
  int resamples = 10000;
  std::uint64_t seed = 0;
  /// Starts every message.
  std::string operation;
};

/// A combination under resampling; `variance` is corrected, and `draws` are drawn in to it.
struct Resampled {
  double estimate = 0.0;
  double variance = 0.0;
  double df = 1.0;
  bool flat = false;
  std::vector<double> draws;
};

/// Scores are held so that larger is better; intervals are percentile intervals of the crossed
/// bootstrap around the estimate, with two changes of their width: what crossing counts too often
/// is taken out (`corrected_variance`), and the normal is replaced by Student's t, because with few
/// seeds the spread between them is itself uncertain.
class Arms {
public:
  /// Arms are numbered in the order given, through all sets. Throws `invalid_argument` for scores
  /// that are malformed or outside the range of their kind, and for one run with unlike numbers of
  /// seeds.
  Arms(std::span<const ItemSetInput> sets, ArmsOptions options);

  std::size_t seeds(std::size_t arm) const { return arms_[arm].row_means.size(); }
  /// Items of the arm's set, or clusters of them where given.
  std::size_t units(std::size_t arm) const { return sets_[arms_[arm].set].units; }
  double mean(std::size_t arm) const { return arms_[arm].mean; }
  /// Variance of the arm's mean between its seeds, of which it has at least 2.
  double seed_variance(std::size_t arm) const;
  /// -1 for scores that are negated inside.
  double direction() const { return direction_; }
  /// Whether a mean's interval can be Wilson's: one seed, equal weights, no clusters, 0 or 1 each.
  std::optional<std::int64_t> successes(std::size_t arm) const;

  Resampled resample(const Combination& combination) const;
  /// Interval of a combination. Sets `flat` when resampling found no spread at all.
  Metric combine(const Combination& combination, bool& flat) const;
  /// What `n` items that never differ can rule out, for a combination of accuracies; 0 for bits.
  double flat_margin(const Combination& combination, double level) const;
  /// Interval of numerator / (offset + denominator), or why there is none.
  Metric ratio(const Combination& numerator, const Combination& denominator,
               double offset = 0.0) const;
  /// first ratio - second ratio, jointly resampled; both denominators must stay above zero.
  Metric ratio_difference(const Combination& first, const Combination& first_denominator,
                          const Combination& second, const Combination& second_denominator) const;

private:
  struct ItemSet {
    std::size_t items = 0;
    std::size_t units = 0;
    bool weighted = false;
  };
  struct Arm {
    std::size_t set = 0;
    std::uint64_t run = 0;
    std::vector<double> scores;  ///< seeds x items
    std::vector<double> row_means;
    double mean = 0.0;
    double residual = 0.0;  ///< see `residual_variance`
    std::vector<double> draws;
  };

  void add_set(const ItemSetInput& input);
  void check_runs() const;
  double value(const Combination& combination) const;
  std::vector<double> draws(const Combination& combination) const;
  /// Sum of the residual variances of the arms.
  double residual(const Combination& combination) const;
  double df(const Combination& combination, double variance) const;
  /// By how much the quantiles of the combination's draws are to be stretched.
  double stretch(const Combination& combination) const;
  std::size_t least_units(const Combination& combination) const;

  ArmsOptions options_;
  double direction_ = 1.0;
  std::vector<ItemSet> sets_;
  std::vector<Arm> arms_;
};

}  // namespace xfer::stats
