// SPDX-License-Identifier: Apache-2.0
// Spread of estimates: what intervals from resampling share.
#pragma once

#include "xfer/stats/bootstrap.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace xfer::stats {

/// Of at least 2 values, with n - 1.
double variance(std::span<const double> values);
double covariance(std::span<const double> a, std::span<const double> b);

/// Spread below what single-precision resampling can tell from none.
bool is_flat(double variance, double scale);

/// Degrees of freedom of a variance estimate made of parts, by Welch and Satterthwaite (1946):
/// each of `seed_series` is one set of training runs, its values what each run adds to the
/// estimate; the rest of `total` comes from `units` items or clusters. At least 1.
double degrees_of_freedom(std::span<const std::vector<double>> seed_series, double total,
                          std::size_t units);

/// Of the variance of an arm's mean, the part that comes from neither its seeds nor its items alone
/// but from each answer by itself; 0 for one seed. A crossed bootstrap counts it three times
/// (McCullagh 2000; Owen 2007, "The pigeonhole bootstrap", Ann. Appl. Stat. 1).
double residual_variance(const ArmView& arm, const BootstrapOptions& options);

/// The variance of a combination of arms from that of its crossed-bootstrap draws: without the two
/// surplus counts of `residual`, the sum of its arms' residual variances.
double corrected_variance(double of_draws, double residual);

/// Student's over the normal critical value.
double widening(double level, double df);

/// The normal critical value `z` moved to Student's t: the same tail probability.
double student_critical(double z, double df);

}  // namespace xfer::stats
