// SPDX-License-Identifier: Apache-2.0
// Looking at data while it comes in, without raising the chance of a false claim.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// How much of the error rate may be spent by a share of the data: the spending functions of Lan
/// and DeMets (1983, Biometrika 70), each side of a two-sided test with half of `alpha`.
enum class ErrorSpending {
  obrien_fleming,  ///< 2 (1 - Phi(z(alpha / 4) / sqrt(t))) a side: hardly anything early
  pocock,          ///< alpha ln(1 + (e - 1) t): about as much at every look
};

/// Two-sided error that may be spent up to `time`, the share of the most data there can be, in
/// [0, 1]. Throws `invalid_argument` for a time outside or an alpha outside (0, 1).
double spent_error(ErrorSpending spending, double alpha, double time);

/// For each look the probability that |Z| passes its bound there for the first time, where Z is a
/// standard normal under no effect and Z at two looks has the correlation sqrt(t1 / t2). By the
/// recursion of Armitage, McPherson and Rowe (1969), to about 1e-6. Throws `invalid_argument`
/// unless the times ascend within (0, 1] and there is one positive bound for each.
std::vector<double> crossing_probabilities(std::span<const double> bounds,
                                           std::span<const double> times);

/// The bound on |Z| at each look that spends exactly what the function allows; at most 8, beyond
/// which nothing is spent that could be told from nothing. Same errors.
std::vector<double> spending_bounds(ErrorSpending spending, double alpha,
                                    std::span<const double> times);

/// One effect at one look: `scores[s][i]` is item i under training seed s.
struct SequentialCell {
  /// At least 2 seeds, each with the items of `baseline`.
  std::vector<std::vector<double>> scores;
  std::vector<double> baseline;
  /// As in `BootstrapOptions`.
  std::vector<double> item_weights;
  std::vector<std::uint32_t> item_clusters;
  /// On |Z| at this look, from `spending_bounds`.
  double bound = 0.0;
};

/// A repeated confidence interval (Jennison and Turnbull 1989, J. R. Statist. Soc. B 51): over all
/// the looks that its bounds were made for, all of a cell's intervals hold together with
/// probability 1 - alpha, whatever made one stop.
struct RepeatedInterval {
  /// mean(scores) - mean(baseline)
  Estimate gain;
  double standard_error = 0.0;
  double df = 0.0;
  /// Student's critical value that has the tail of `bound`.
  double critical = 0.0;
};

/// One interval for each cell. Standard errors are those of the crossed bootstrap over seeds and
/// items; the variance between the seeds of a cell counts at least as much as its mean over the
/// cells, whose degrees of freedom it then has. Seeds share their items, so that Z at two looks is
/// correlated at least as sqrt(t1 / t2): the bounds err on the safe side. Throws `invalid_argument`
/// for fewer than 2 seeds or items, unlike numbers of items, or a bound that is not positive.
std::vector<RepeatedInterval> repeated_intervals(std::span<const SequentialCell> cells);

}  // namespace xfer::stats
#pragma GCC visibility pop
