// SPDX-License-Identifier: Apache-2.0
// The crossed bootstrap: seeds x items, for several arms that share their items.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// The scores of one arm, row by row: seed 0's items, then seed 1's, and so on.
struct ArmView {
  std::span<const double> scores;
  std::size_t seeds = 1;
  /// Names the arm's own random stream: its draws do not depend on which other arms are there.
  std::uint64_t id = 0;
};

struct BootstrapOptions {
  int resamples = 10000;
  std::uint64_t seed = 0;
  /// Weight of each item in a mean, above 0; empty weighs all alike.
  std::span<const double> item_weights;
  /// Cluster index of each item, 0-based and without gaps; empty: every item stands alone.
  std::span<const std::uint32_t> item_clusters;
  /// Names the items' random stream. Calls with the same `seed` and different item sets draw their
  /// items independently, but the seeds of arms with the same id alike: the same training run is
  /// then in or out of a resample on all the item sets it was tested on.
  std::uint64_t item_set = 0;
};

/// Mean of an arm over seeds and (weighted) items.
double arm_mean(const ArmView& arm, std::span<const double> item_weights = {});

/// Means of every arm under resampling: `result[arm][resample]`. A resample draws the items (or
/// their clusters) once, with replacement, for all arms together, so that differences and ratios
/// of arms keep their pairing over items and their shared baseline; and for each arm with S >= 2
/// seeds it draws S - 1 of them with replacement, independently. S - 1 rather than S because the
/// variance of a resampled mean of S values is too small by (S - 1) / S, which halves it for two
/// seeds (Rao and Wu 1988). Arms with one seed carry no seed spread. With several seeds the spread
/// of the result is too large by twice the part that belongs to single answers, which varies with
/// both draws (Owen 2007, "The pigeonhole bootstrap"); `IntervalMethod::adjusted` takes it out.
///
/// Deterministic in options and data, on one thread, with the same bits on every processor. Sums
/// are in single precision around the arm's mean: the error is below 1e-5 of the scores' spread.
/// Throws `invalid_argument` when arms differ in their number of items, a score is not finite or an
/// option is out of range.
std::vector<std::vector<double>> crossed_bootstrap(std::span<const ArmView> arms,
                                                   const BootstrapOptions& options);

/// How an interval is read off the resampled values.
enum class IntervalMethod {
  percentile,  ///< The quantiles themselves (Efron 1979).
  bca,         ///< Corrected for bias and skewness (Efron 1987), the acceleration that of several
               ///< samples (Davison and Hinkley 1997, section 5.3).
  adjusted,    ///< Percentile, with two changes of width: without the surplus by which crossing
               ///< counts single answers three times (McCullagh 2000; Owen 2007), and from the
               ///< normal to Student's t with Welch and Satterthwaite's degrees of freedom (1946),
               ///< for few seeds or items. The one to use with several seeds.
};

struct BootstrapInterval {
  Estimate estimate;
  /// Standard deviation of the resampled values, without the surplus of crossing.
  double standard_error = 0.0;
  /// One value per resample.
  std::vector<double> draws;
};

/// The mean of one arm with its crossed-bootstrap interval. When resampling finds no spread the
/// bounds equal the value. Throws `invalid_argument` as `crossed_bootstrap` does, for a level
/// outside (0, 1), and for fewer than 2 items (or clusters) with fewer than 2 seeds.
BootstrapInterval bootstrap_mean(const ArmView& arm, const BootstrapOptions& options,
                                 IntervalMethod method = IntervalMethod::adjusted,
                                 double level = 0.95);

/// mean(first) - mean(second), paired over items; seeds are independent. Same errors; the arms
/// need different ids unless they are the same training runs.
BootstrapInterval bootstrap_difference(const ArmView& first, const ArmView& second,
                                       const BootstrapOptions& options,
                                       IntervalMethod method = IntervalMethod::adjusted,
                                       double level = 0.95);

}  // namespace xfer::stats
#pragma GCC visibility pop
