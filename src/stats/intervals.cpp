// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/intervals.hpp"

#include "stats/check.hpp"

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>

namespace xfer::stats {
namespace {

void check_counts(std::int64_t successes, std::int64_t n, double level, const char* operation) {
  if (n < 1 || successes < 0 || successes > n)
    refuse(std::string(operation) + ": successes must be 0 to n and n at least 1 (got " +
           std::to_string(successes) + " of " + std::to_string(n) + ")");
  check_level(level, operation);
}

}  // namespace

double critical_normal(double level) {
  check_level(level, "critical_normal");
  // By the upper tail: 0.5 + level / 2 rounds to 1 for the highest levels.
  return boost::math::quantile(complement(boost::math::normal(), (1.0 - level) / 2.0));
}

double critical_t(double level, double df) {
  check_level(level, "critical_t");
  if (!(df >= 0.1)) refuse("critical_t: df must be at least 0.1 (got " + std::to_string(df) + ")");
  return boost::math::quantile(complement(boost::math::students_t(df), (1.0 - level) / 2.0));
}

Estimate wilson(std::int64_t successes, std::int64_t n, double level) {
  check_counts(successes, n, level, "wilson");
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(successes) / count;
  const double z = critical_normal(level);
  const double z2 = z * z / count;
  const double centre = (share + z2 / 2.0) / (1.0 + z2);
  const double half =
      z / (1.0 + z2) * std::sqrt(share * (1.0 - share) / count + z2 / (4.0 * count));
  // Exactly at the ends, where rounding would leave a trace.
  return {share, successes == 0 ? 0.0 : std::max(0.0, centre - half),
          successes == n ? 1.0 : std::min(1.0, centre + half)};
}

Estimate clopper_pearson(std::int64_t successes, std::int64_t n, double level) {
  check_counts(successes, n, level, "clopper_pearson");
  const double tail = (1.0 - level) / 2.0;
  const auto k = static_cast<double>(successes);
  const auto rest = static_cast<double>(n - successes);
  using boost::math::beta_distribution;
  const double lower = successes == 0 ? 0.0 : quantile(beta_distribution<>(k, rest + 1.0), tail);
  const double upper =
      successes == n ? 1.0 : quantile(beta_distribution<>(k + 1.0, rest), 1.0 - tail);
  return {k / static_cast<double>(n), lower, upper};
}

double quantile(std::span<const double> values, double probability) {
  if (values.empty()) refuse("quantile: no values");
  if (!(probability >= 0.0 && probability <= 1.0))
    refuse("quantile: probability must be in [0, 1] (got " + std::to_string(probability) + ")");
  if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
    refuse("quantile: a value is not a number");
  std::vector<double> order(values.begin(), values.end());
  const double place = probability * static_cast<double>(order.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const auto at = order.begin() + static_cast<std::ptrdiff_t>(below);
  std::nth_element(order.begin(), at, order.end());
  const double low = *at;
  const double share = place - static_cast<double>(below);
  if (share == 0.0) return low;
  return low + share * (*std::min_element(at + 1, order.end()) - low);
}

Fieller fieller(const RatioInput& input, double level) {
  check_level(level, "fieller");
  const double all[] = {input.numerator, input.denominator, input.numerator_variance,
                        input.denominator_variance, input.covariance};
  check_finite(all, "fieller");
  if (input.denominator == 0.0) refuse("fieller: the denominator is 0");
  if (input.numerator_variance < 0.0 || input.denominator_variance < 0.0)
    refuse("fieller: a variance is negative");
  const double z = critical_normal(level);
  const double d2 = input.denominator * input.denominator;
  const double ratio = input.numerator / input.denominator;
  Fieller result;
  result.ratio = {ratio, ratio, ratio};
  result.g = z * z * input.denominator_variance / d2;
  if (result.g >= 1.0) return result;
  const double spread =
      input.numerator_variance - 2.0 * ratio * input.covariance +
      ratio * ratio * input.denominator_variance -
      result.g * (input.denominator_variance > 0.0
                      ? input.numerator_variance -
                            input.covariance * input.covariance / input.denominator_variance
                      : 0.0);
  const double shift = input.denominator_variance > 0.0
                           ? ratio - result.g * input.covariance / input.denominator_variance
                           : ratio;
  const double half = z / std::abs(input.denominator) * std::sqrt(std::max(0.0, spread));
  result.bounded = true;
  result.ratio.lower = (shift - half) / (1.0 - result.g);
  result.ratio.upper = (shift + half) / (1.0 - result.g);
  return result;
}

}  // namespace xfer::stats
