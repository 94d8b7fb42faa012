// SPDX-License-Identifier: Apache-2.0
// Confidence intervals. Every `level` is in (0, 1), e.g. 0.95.
#pragma once

#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Share of successes with Wilson's score interval (Wilson 1927). Throws `invalid_argument` unless
/// 0 <= successes <= n and n >= 1.
Estimate wilson(std::int64_t successes, std::int64_t n, double level = 0.95);

/// Share of successes with the exact interval of Clopper and Pearson (1934). Same errors.
Estimate clopper_pearson(std::int64_t successes, std::int64_t n, double level = 0.95);

/// The quantile at `probability` in [0, 1] of at least one value, interpolated linearly between
/// order statistics (type 7 of Hyndman and Fan 1996, NumPy's default). Values need no order.
double quantile(std::span<const double> values, double probability);

/// A ratio of two normal means by Fieller's theorem (1954).
struct Fieller {
  /// Whether the confidence set is an interval; otherwise the denominator is not clearly away
  /// from zero and `ratio` holds its value twice more as bounds.
  bool bounded = false;
  Estimate ratio;
  /// Squared half-width of the denominator's interval over its square; bounded means below 1.
  double g = 0.0;
};

/// What `fieller` needs to know about the two means.
struct RatioInput {
  double numerator = 0.0;
  double denominator = 0.0;
  double numerator_variance = 0.0;
  double denominator_variance = 0.0;
  double covariance = 0.0;
};

/// Throws `invalid_argument` for a denominator of 0, a negative variance or a value that is not
/// finite.
Fieller fieller(const RatioInput& input, double level = 0.95);

/// The two-sided critical value: of the normal distribution, or of Student's t with `df` >= 0.1.
double critical_normal(double level);
double critical_t(double level, double df);

}  // namespace xfer::stats
#pragma GCC visibility pop
