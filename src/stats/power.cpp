// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/power.hpp"

#include "stats/check.hpp"
#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/non_central_t.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/tools/roots.hpp>

#include <cmath>
#include <string>

namespace xfer::stats {
namespace {

/// Fewer values than this have a critical value beyond all measure.
constexpr double size_min = 1.1;

void check_target(const PowerTarget& target, const char* operation) {
  check_level(target.level, operation);
  if (!(target.power > 1.0 - target.level && target.power < 1.0))
    refuse(std::string(operation) + ": power must be above 1 - level and below 1 (got " +
           std::to_string(target.power) + ")");
}

/// z_level + z_power.
double reach(const PowerTarget& target, const char* operation) {
  check_target(target, operation);
  return critical_normal(target.level) + boost::math::quantile(boost::math::normal(), target.power);
}

void check_above(double value, double least, const char* what, const char* operation) {
  if (!(value > least) || !std::isfinite(value))
    refuse(std::string(operation) + ": " + what + " must be above " + std::to_string(least) +
           " (got " + std::to_string(value) + ")");
}

double answer_variance(const PairedDesign& d, const char* operation) {
  for (const double v : {d.item_variance, d.first_variance, d.second_variance})
    if (!(v >= 0.0) || !std::isfinite(v))
      refuse(std::string(operation) + ": variances must be 0 or more (got " + std::to_string(v) +
             ")");
  if (d.first_samples < 1 || d.second_samples < 1)
    refuse(std::string(operation) + ": samples per item must be at least 1");
  return d.item_variance + d.first_variance / d.first_samples +
         d.second_variance / d.second_samples;
}

/// Where a rising function of one variable crosses 0, between two places of unlike sign.
template <class Function>
double crossing(Function function, double low, double high) {
  std::uintmax_t steps = 200;
  const auto close = [](double a, double b) { return std::abs(a - b) <= 1e-11 * std::abs(b); };
  const auto [a, b] = boost::math::tools::toms748_solve(function, low, high, close, steps);
  return 0.5 * (a + b);
}

}  // namespace

double items_needed(double effect, const PairedDesign& design, const PowerTarget& target) {
  if (effect == 0.0 || !std::isfinite(effect))
    refuse("items_needed: effect must not be 0 (got " + std::to_string(effect) + ")");
  const double z = reach(target, "items_needed");
  return z * z * answer_variance(design, "items_needed") / (effect * effect);
}

double smallest_effect(double items, const PairedDesign& design, const PowerTarget& target) {
  if (!(items >= 1.0)) refuse("smallest_effect: needs at least 1 item");
  return reach(target, "smallest_effect") *
         std::sqrt(answer_variance(design, "smallest_effect") / items);
}

double smallest_effect_paired(double items, double flipped, const PowerTarget& target) {
  if (!(items >= 1.0)) refuse("smallest_effect_paired: needs at least 1 item");
  if (!(flipped > 0.0 && flipped <= 1.0))
    refuse("smallest_effect_paired: flipped must be in (0, 1] (got " + std::to_string(flipped) +
           ")");
  return reach(target, "smallest_effect_paired") * std::sqrt(flipped / items);
}

double smallest_effect_unpaired(double items, double share, const PowerTarget& target) {
  if (!(items >= 1.0)) refuse("smallest_effect_unpaired: needs at least 1 item");
  if (!(share > 0.0 && share < 1.0))
    refuse("smallest_effect_unpaired: share must be in (0, 1) (got " + std::to_string(share) + ")");
  return reach(target, "smallest_effect_unpaired") * std::sqrt(2.0 * share * (1.0 - share) / items);
}

double t_test_power(double effect, double n, TTestKind kind, double level) {
  check_level(level, "t_test_power");
  if (!(n >= size_min) || !std::isfinite(n))
    refuse("t_test_power: n must be at least 1.1 (got " + std::to_string(n) + ")");
  if (!std::isfinite(effect)) refuse("t_test_power: effect must be finite");
  const bool two = kind == TTestKind::two_samples;
  const double df = two ? 2.0 * (n - 1.0) : n - 1.0;
  const double shift = std::abs(effect) * std::sqrt(two ? n / 2.0 : n);
  // Beyond these the two distributions agree with the normal to all digits that matter here.
  if (df > 1e6 || shift > 37.0) {
    const boost::math::normal normal;
    const double z = df > 1e6 ? critical_normal(level) : critical_t(level, df);
    return boost::math::cdf(normal, shift - z) + boost::math::cdf(normal, -shift - z);
  }
  const double critical = critical_t(level, df);
  if (shift == 0.0) return 1.0 - level;
  const boost::math::non_central_t distribution(df, shift);
  return boost::math::cdf(complement(distribution, critical)) +
         boost::math::cdf(distribution, -critical);
}

double t_test_size(double effect, TTestKind kind, const PowerTarget& target) {
  check_target(target, "t_test_size");
  check_above(std::abs(effect), 1e-4 * (1.0 - 1e-12), "the size of the effect", "t_test_size");
  const auto lack = [&](double n) {
    return t_test_power(effect, n, kind, target.level) - target.power;
  };
  if (lack(size_min) >= 0.0) return size_min;
  double high = 4.0;
  while (lack(high) < 0.0) high *= 4.0;
  return crossing(lack, size_min, high);
}

double t_test_smallest_effect(double n, TTestKind kind, const PowerTarget& target) {
  check_target(target, "t_test_smallest_effect");
  check_above(n, 2.0 * (1.0 - 1e-12), "n", "t_test_smallest_effect");
  const auto lack = [&](double effect) {
    return t_test_power(effect, n, kind, target.level) - target.power;
  };
  double high = 1.0;
  while (lack(high) < 0.0) high *= 2.0;
  return crossing(lack, 0.0, high);
}

double smallest_correlation(double n, const PowerTarget& target) {
  check_above(n, 3.0, "n", "smallest_correlation");
  return std::tanh(reach(target, "smallest_correlation") / std::sqrt(n - 3.0));
}

double pairs_needed(double correlation, const PowerTarget& target) {
  if (!(std::abs(correlation) < 1.0) || correlation == 0.0)
    refuse("pairs_needed: correlation must be in (-1, 1) and not 0 (got " +
           std::to_string(correlation) + ")");
  const double z = reach(target, "pairs_needed") / std::atanh(correlation);
  return z * z + 3.0;
}

}  // namespace xfer::stats
