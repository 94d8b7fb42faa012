// SPDX-License-Identifier: Apache-2.0
#include "stats/spread.hpp"

#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>

namespace xfer::stats {

double variance(std::span<const double> values) { return covariance(values, values); }

double covariance(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<double>(a.size());
  double mean_a = 0.0;
  double mean_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / n;
    mean_b += b[i] / n;
  }
  double products = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) products += (a[i] - mean_a) * (b[i] - mean_b);
  return products / (n - 1.0);
}

bool is_flat(double variance, double scale) {
  return std::sqrt(variance) <= 1e-9 * std::max(1.0, std::abs(scale));
}

double degrees_of_freedom(std::span<const std::vector<double>> seed_series, double total,
                          std::size_t units) {
  double between = 0.0;
  double squares = 0.0;
  for (const std::vector<double>& series : seed_series) {
    const auto count = static_cast<double>(series.size());
    const double part = variance(series) / count;
    between += part;
    squares += part * part / (count - 1.0);
  }
  const double rest = std::max(0.0, total - between);
  if (units > 1) squares += rest * rest / static_cast<double>(units - 1);
  constexpr double no_limit = 1e9;
  if (!(squares > 0.0)) return no_limit;
  const double all = between + rest;
  return std::clamp(all * all / squares, 1.0, no_limit);
}

double residual_variance(const ArmView& arm, const BootstrapOptions& options) {
  if (arm.seeds < 2) return 0.0;
  const std::size_t items = arm.scores.size() / arm.seeds;
  const auto weight = [&](std::size_t i) {
    return options.item_weights.empty() ? 1.0 : options.item_weights[i];
  };
  const auto unit = [&](std::size_t i) {
    return options.item_clusters.empty() ? i : std::size_t{options.item_clusters[i]};
  };
  std::size_t units = 0;
  double weight_all = 0.0;
  for (std::size_t i = 0; i < items; ++i) {
    units = std::max(units, unit(i) + 1);
    weight_all += weight(i);
  }
  const double mean = arm_mean(arm, options.item_weights);
  std::vector<double> cells(arm.seeds * units);  // what a unit adds under a seed
  std::vector<double> of_seed(arm.seeds);
  std::vector<double> of_unit(units);
  for (std::size_t s = 0; s < arm.seeds; ++s)
    for (std::size_t i = 0; i < items; ++i) {
      const double part = weight(i) * (arm.scores[s * items + i] - mean);
      cells[s * units + unit(i)] += part;
      of_seed[s] += part / static_cast<double>(units);
      of_unit[unit(i)] += part / static_cast<double>(arm.seeds);
    }
  double squares = 0.0;
  for (std::size_t s = 0; s < arm.seeds; ++s)
    for (std::size_t u = 0; u < units; ++u) {
      const double rest = cells[s * units + u] - of_seed[s] - of_unit[u];
      squares += rest * rest;
    }
  const auto seeds = static_cast<double>(arm.seeds);
  return squares / (seeds * (seeds - 1.0)) / (weight_all * weight_all);
}

double corrected_variance(double of_draws, double residual) {
  // All of it residual is the least that is left: a third.
  return std::max(of_draws - 2.0 * residual, of_draws / 3.0);
}

double widening(double level, double df) { return critical_t(level, df) / critical_normal(level); }

double student_critical(double z, double df) {
  // From the upper tail, where small probabilities keep their digits.
  const double tail = boost::math::cdf(complement(boost::math::normal(), z));
  return boost::math::quantile(complement(boost::math::students_t(df), std::max(tail, 1e-300)));
}

}  // namespace xfer::stats
