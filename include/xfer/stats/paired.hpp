// SPDX-License-Identifier: Apache-2.0
// Tests of two models on the same items, and errors when items come in groups.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <span>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Two-sided exact McNemar test from the discordant pairs: `only_first` items that only the first
/// model got right, `only_second` only the second. Returns the p-value; 1 when there are none.
/// Throws `invalid_argument` for negative counts.
double mcnemar_exact(std::int64_t only_first, std::int64_t only_second);

/// The same with half the probability of the table observed (Lancaster 1961): less conservative,
/// near its nominal level on average (Fagerland, Lydersen and Laake 2013). Same error.
double mcnemar_mid_p(std::int64_t only_first, std::int64_t only_second);

struct ChiSquare {
  double statistic = 0.0;
  /// With one degree of freedom.
  double p = 1.0;
};

/// McNemar's large-sample test (1947), with or without Edwards' continuity correction (1948). Use
/// the exact test below 25 discordant pairs. Same error.
ChiSquare mcnemar_chi_square(std::int64_t only_first, std::int64_t only_second,
                             bool corrected = true);

/// A t-test.
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

/// Welch's t-test (1947) of two independent lists, which need not be equally long: `difference` is
/// mean(first) - mean(second), `df` Welch and Satterthwaite's. Throws `invalid_argument` unless
/// both hold at least 2 finite numbers.
PairedT welch_t(std::span<const double> first, std::span<const double> second, double level = 0.95);

/// Two one-sided tests (Schuirmann 1987) that the mean difference of pairs is within +-margin.
struct Tost {
  /// Mean of first - second with its interval at 2 * level - 1 (90 % for a level of 95 %), which
  /// lies within the margin exactly when `p` is below 1 - level.
  Estimate difference;
  /// Of the difference being -margin or less, and of its being margin or more.
  double p_lower = 1.0;
  double p_upper = 1.0;
  /// The larger of the two: the p-value of no equivalence.
  double p = 1.0;
};

/// Errors as of `paired_t`, and for a margin that is not above 0 or a level not above 0.5.
Tost tost(std::span<const double> first, std::span<const double> second, double margin,
          double level = 0.95);

/// A test by flipping the signs of paired differences.
struct SignFlip {
  /// Mean of first - second.
  double difference = 0.0;
  /// Two-sided.
  double p = 1.0;
  /// Whether all sign patterns were counted; otherwise `p` is (hits + 1) / (permutations + 1).
  bool exact = false;
};

/// Fisher's randomisation test (1935): under no effect each difference is as likely with the other
/// sign. Counts all patterns when at most 20 differences are not 0, else draws `permutations` of
/// them from `seed`. Throws `invalid_argument` as `paired_t` does (1 pair is enough), and for
/// permutations outside 100 to 10000000.
SignFlip sign_flip(std::span<const double> first, std::span<const double> second,
                   int permutations = 10000, std::uint64_t seed = 0);

/// Standard error of the mean of values that come in clusters: the cluster-robust estimate
/// sqrt(sum over clusters of (sum of residuals)^2) / n (Liang and Zeger 1986), times the
/// small-sample factor sqrt(C / (C - 1)) for C clusters unless `corrected` is false. With every
/// value a cluster of its own it is s / sqrt(n). `clusters` holds a label per value. Throws
/// `invalid_argument` for different lengths or fewer than 2 clusters.
double cluster_se(std::span<const double> values, std::span<const std::int64_t> clusters,
                  bool corrected = true);

}  // namespace xfer::stats
#pragma GCC visibility pop
