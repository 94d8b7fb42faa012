// SPDX-License-Identifier: Apache-2.0
#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/normal.hpp>

#include <algorithm>
#include <cmath>
#include <string>

namespace xfer::stats {
namespace {

/// One arm of the combination, with its factor.
struct Part {
  const ArmView* arm;
  double factor;
};

struct Problem {
  std::vector<Part> parts;
  const BootstrapOptions& options;
  std::size_t items = 0;
  std::size_t units = 0;
};

double weight_of(const Problem& problem, std::size_t item) {
  return problem.options.item_weights.empty() ? 1.0 : problem.options.item_weights[item];
}

ArmView row_of(const ArmView& arm, std::size_t seed, std::size_t items) {
  return {arm.scores.subspan(seed * items, items), 1, 0};
}

/// What each training run adds to the estimate: one series for each arm with several seeds.
std::vector<std::vector<double>> seed_series(const Problem& problem) {
  std::vector<std::vector<double>> all;
  for (const Part& part : problem.parts) {
    if (part.arm->seeds < 2) continue;
    auto& series = all.emplace_back();
    for (std::size_t s = 0; s < part.arm->seeds; ++s)
      series.push_back(part.factor *
                       arm_mean(row_of(*part.arm, s, problem.items), problem.options.item_weights));
  }
  return all;
}

/// Empirical influence of each item (or cluster) on the estimate; they sum to 0.
std::vector<double> item_influence(const Problem& problem) {
  std::vector<double> influence(problem.units);
  double total = 0.0;
  for (std::size_t i = 0; i < problem.items; ++i) total += weight_of(problem, i);
  const double scale = static_cast<double>(problem.units) / total;
  for (const Part& part : problem.parts) {
    const double mean = arm_mean(*part.arm, problem.options.item_weights);
    for (std::size_t i = 0; i < problem.items; ++i) {
      double over_seeds = 0.0;
      for (std::size_t s = 0; s < part.arm->seeds; ++s)
        over_seeds += part.arm->scores[s * problem.items + i];
      over_seeds /= static_cast<double>(part.arm->seeds);
      const auto& clusters = problem.options.item_clusters;
      influence[clusters.empty() ? i : clusters[i]] +=
          part.factor * scale * weight_of(problem, i) * (over_seeds - mean);
    }
  }
  return influence;
}

/// The acceleration of a linear statistic of several samples: a sixth of the skewness of its
/// bootstrap distribution (Davison and Hinkley 1997, section 5.3). Seeds are drawn S - 1 times.
double acceleration(const Problem& problem) {
  double cubes = 0.0;
  double squares = 0.0;
  const auto add = [&](std::span<const double> influence, double draws) {
    const auto n = static_cast<double>(influence.size());
    for (const double l : influence) {
      squares += l * l / (n * draws);
      cubes += l * l * l / (n * draws * draws);
    }
  };
  add(item_influence(problem), static_cast<double>(problem.units));
  for (std::vector<double> series : seed_series(problem)) {
    const auto n = static_cast<double>(series.size());
    double mean = 0.0;
    for (const double v : series) mean += v / n;
    for (double& v : series) v -= mean;
    add(series, n - 1.0);
  }
  return squares > 0.0 ? cubes / (6.0 * std::pow(squares, 1.5)) : 0.0;
}

Estimate bca(const Problem& problem, std::span<const double> draws, double estimate, double level) {
  const auto count = static_cast<double>(draws.size());
  // Resampled means are in single precision: what is this near the estimate equals it.
  const double tie = 1e-4 * std::sqrt(variance(draws));
  double below = 0.0;
  for (const double draw : draws)
    below += draw < estimate - tie ? 1.0 : draw <= estimate + tie ? 0.5 : 0.0;
  const boost::math::normal normal;
  const double share = std::clamp(below / count, 0.5 / count, 1.0 - 0.5 / count);
  const double bias = boost::math::quantile(normal, share);
  const double a = acceleration(problem);
  const auto bound = [&](double probability) {
    const double z = bias + boost::math::quantile(normal, probability);
    const double slope = 1.0 - a * z;
    // Beyond the pole of the correction only the outermost resample is left.
    if (slope <= 0.0) return quantile(draws, z > 0.0 ? 1.0 : 0.0);
    return quantile(draws, boost::math::cdf(normal, bias + z / slope));
  };
  const double tail = (1.0 - level) / 2.0;
  return {estimate, bound(tail), bound(1.0 - tail)};
}

BootstrapInterval interval(const std::vector<Part>& parts, const BootstrapOptions& options,
                           IntervalMethod method, double level) {
  check_level(level, "crossed_bootstrap");
  std::vector<ArmView> arms;
  for (const Part& part : parts) arms.push_back(*part.arm);
  const auto draws = crossed_bootstrap(arms, options);

  Problem problem{parts, options};
  problem.items = arms[0].scores.size() / arms[0].seeds;
  problem.units =
      options.item_clusters.empty()
          ? problem.items
          : *std::max_element(options.item_clusters.begin(), options.item_clusters.end()) + 1U;
  if (problem.units < 2 &&
      std::all_of(arms.begin(), arms.end(), [](const ArmView& a) { return a.seeds < 2; }))
    refuse("crossed_bootstrap: needs at least 2 items that stand alone, or 2 seeds");

  BootstrapInterval result;
  result.draws.assign(draws[0].size(), 0.0);
  double estimate = 0.0;
  for (std::size_t p = 0; p < parts.size(); ++p) {
    estimate += parts[p].factor * arm_mean(arms[p], options.item_weights);
    for (std::size_t r = 0; r < result.draws.size(); ++r)
      result.draws[r] += parts[p].factor * draws[p][r];
  }
  const double raw = variance(result.draws);
  double residual = 0.0;
  for (const Part& part : parts)
    residual += part.factor * part.factor * residual_variance(*part.arm, options);
  const double corrected = corrected_variance(raw, residual);
  result.standard_error = std::sqrt(corrected);
  result.estimate = {estimate, estimate, estimate};
  if (is_flat(raw, estimate)) return result;
  if (method == IntervalMethod::bca) {
    result.estimate = bca(problem, result.draws, estimate, level);
    return result;
  }
  const double tail = (1.0 - level) / 2.0;
  const double stretch =
      method == IntervalMethod::adjusted
          ? std::sqrt(corrected / raw) *
                widening(level, degrees_of_freedom(seed_series(problem), corrected, problem.units))
          : 1.0;
  result.estimate.lower = estimate - stretch * (estimate - quantile(result.draws, tail));
  result.estimate.upper = estimate + stretch * (quantile(result.draws, 1.0 - tail) - estimate);
  return result;
}

}  // namespace

BootstrapInterval bootstrap_mean(const ArmView& arm, const BootstrapOptions& options,
                                 IntervalMethod method, double level) {
  return interval({{&arm, 1.0}}, options, method, level);
}

BootstrapInterval bootstrap_difference(const ArmView& first, const ArmView& second,
                                       const BootstrapOptions& options, IntervalMethod method,
                                       double level) {
  return interval({{&first, 1.0}, {&second, -1.0}}, options, method, level);
}

}  // namespace xfer::stats
