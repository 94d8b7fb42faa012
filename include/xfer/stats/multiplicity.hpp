// SPDX-License-Identifier: Apache-2.0
// Many tests at once.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Holm's adjusted p-values (1979), in the order given: rejecting those <= alpha keeps the chance
/// of any false rejection at alpha. Throws `invalid_argument` for a value outside [0, 1].
std::vector<double> holm(std::span<const double> p);

/// Benjamini and Hochberg's adjusted p-values (1995), in the order given: rejecting those <= q
/// keeps the expected share of false ones among the rejections at q. Same error.
std::vector<double> benjamini_hochberg(std::span<const double> p);

/// Benjamini and Yekutieli's adjusted p-values (2001): as above, under any dependence. Same error.
std::vector<double> benjamini_yekutieli(std::span<const double> p);

/// Bonferroni's adjusted p-values: each times their number, at most 1. Same error.
std::vector<double> bonferroni(std::span<const double> p);

/// Resampled estimates, one row each: what `simultaneous_bands` needs to know.
struct BandInput {
  double estimate = 0.0;
  /// The estimate under each resample; the same resamples, in the same order, for every row.
  std::span<const double> draws;
  /// Degrees of freedom of its standard error, at least 1.
  double df = 1e9;
};

struct Band {
  /// The estimate with its simultaneous interval; without width when its draws have none.
  Estimate interval;
  double standard_error = 0.0;
  /// Two-sided p-value of the estimate alone being 0; 1 when the draws have no spread and the
  /// estimate is 0, 0 when they have none and it is not.
  double p = 1.0;
  /// The same, adjusted for all rows by the distribution of the largest statistic.
  double p_adjusted = 1.0;
};

/// Max-t bands (Westfall and Young 1993; Romano and Wolf 2005): with probability `level` all
/// intervals hold their true values together. The critical value is the quantile of the largest
/// |draw - estimate| / standard error over the rows, resample by resample, so dependence between
/// rows is used; each row's is then moved from the normal to Student's t with the row's `df`.
/// Throws `invalid_argument` for no rows, rows of unlike length or fewer than 100 draws, values
/// that are not finite, or a level outside (0, 1).
std::vector<Band> simultaneous_bands(std::span<const BandInput> rows, double level = 0.95);

}  // namespace xfer::stats
#pragma GCC visibility pop
