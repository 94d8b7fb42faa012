// Tests of two models on the same items, and errors when items come in groups.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <span>

namespace xfer::stats {

/// Two-sided exact McNemar test from the discordant pairs: `only_first` items that only the first
/// model got right, `only_second` only the second. Returns the p-value; 1 when there are none.
/// Throws `invalid_argument` for negative counts.
double mcnemar_exact(std::int64_t only_first, std::int64_t only_second);

struct PairedT {
  /// Mean of first - second with its interval.
  Estimate difference;
  /// Infinite when all differences are equal and not 0.
  double t = 0.0;
  double df = 0.0;
  /// Two-sided.
  double p = 1.0;
};

/// Student's paired t-test. Throws `invalid_argument` unless both have the same length, at least
/// 2, and hold finite numbers.
PairedT paired_t(std::span<const double> first, std::span<const double> second,
                 double level = 0.95);

/// Standard error of the mean of values that come in clusters: the cluster-robust estimate with
/// the small-sample factor sqrt(C / (C - 1)), C being the number of clusters. `clusters` holds a
/// label per value. Throws `invalid_argument` for different lengths or fewer than 2 clusters.
double cluster_se(std::span<const double> values, std::span<const std::int64_t> clusters);

}  // namespace xfer::stats
