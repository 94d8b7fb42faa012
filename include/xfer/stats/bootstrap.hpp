// The crossed bootstrap: seeds x items, for several arms that share their items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

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
};

/// Mean of an arm over seeds and (weighted) items.
double arm_mean(const ArmView& arm, std::span<const double> item_weights = {});

/// Means of every arm under resampling: `result[arm][resample]`. A resample draws the items (or
/// their clusters) once, with replacement, for all arms together, so that differences and ratios
/// of arms keep their pairing over items and their shared baseline; and for each arm with S >= 2
/// seeds it draws S - 1 of them with replacement, independently. S - 1 rather than S because the
/// variance of a resampled mean of S values is too small by (S - 1) / S, which halves it for two
/// seeds (Rao and Wu 1988). Arms with one seed carry no seed spread.
///
/// Deterministic in options and data, on one thread. Products are in single precision around the
/// arm's mean: the error is below 1e-5 of the scores' spread. Throws `invalid_argument` when arms
/// differ in their number of items, a score is not finite or an option is out of range.
std::vector<std::vector<double>> crossed_bootstrap(std::span<const ArmView> arms,
                                                   const BootstrapOptions& options);

}  // namespace xfer::stats
