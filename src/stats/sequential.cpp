// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/sequential.hpp"

#include "stats/check.hpp"
#include "stats/spread.hpp"

#include <boost/math/distributions/normal.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>

namespace xfer::stats {
namespace {

constexpr double largest_bound = 8.0;
constexpr int grid_intervals = 600;  // even, for Simpson's rule

double upper_tail(double z) { return boost::math::cdf(complement(boost::math::normal(), z)); }

double upper_quantile(double tail) {
  return boost::math::quantile(complement(boost::math::normal(), tail));
}

double density(double x, double sd) {
  const double z = x / sd;
  return std::exp(-0.5 * z * z) / (sd * std::sqrt(2.0 * std::numbers::pi));
}

void check_times(std::span<const double> times) {
  double last = 0.0;
  for (const double time : times) {
    if (!(time > last && time <= 1.0))
      refuse("sequential: times must ascend within (0, 1] (got " + std::to_string(time) +
             " after " + std::to_string(last) + ")");
    last = time;
  }
}

/// The density of the score S(t) = Z sqrt(t), a Brownian motion, over what no look has stopped.
class Survivors {
public:
  /// Probability that |S| at `time` passes `bound` sqrt(time).
  double exit(double bound, double time) const {
    const double edge = bound * std::sqrt(time);
    if (points_.empty()) return 2.0 * upper_tail(bound);
    const double sd = std::sqrt(time - time_);
    double sum = 0.0;
    for (std::size_t i = 0; i < points_.size(); ++i)
      sum += weights_[i] *
             (upper_tail((edge - points_[i]) / sd) + upper_tail((edge + points_[i]) / sd));
    return sum;
  }

  /// Goes on to those that do not.
  void look(double bound, double time) {
    const double edge = bound * std::sqrt(time);
    const double step = 2.0 * edge / grid_intervals;
    std::vector<double> points;
    std::vector<double> weights;
    for (int i = 0; i <= grid_intervals; ++i) {
      const double s = -edge + step * i;
      const double simpson = (i == 0 || i == grid_intervals ? 1.0 : i % 2 == 1 ? 4.0 : 2.0);
      double height = 0.0;
      if (points_.empty()) height = density(s, std::sqrt(time));
      const double sd = std::sqrt(time - time_);
      for (std::size_t k = 0; k < points_.size(); ++k)
        height += weights_[k] * density(s - points_[k], sd);
      points.push_back(s);
      weights.push_back(height * simpson * step / 3.0);
    }
    points_ = std::move(points);
    weights_ = std::move(weights);
    time_ = time;
  }

private:
  std::vector<double> points_;
  std::vector<double> weights_;  // density times the quadrature's weight
  double time_ = 0.0;
};

}  // namespace

double spent_error(ErrorSpending spending, double alpha, double time) {
  if (!(alpha > 0.0 && alpha < 1.0))
    refuse("spent_error: alpha must be in (0, 1) (got " + std::to_string(alpha) + ")");
  if (!(time >= 0.0 && time <= 1.0))
    refuse("spent_error: time must be in [0, 1] (got " + std::to_string(time) + ")");
  if (time == 0.0) return 0.0;
  if (spending == ErrorSpending::pocock)
    return alpha * std::log(1.0 + (std::numbers::e - 1.0) * time);
  return 4.0 * upper_tail(upper_quantile(alpha / 4.0) / std::sqrt(time));
}

std::vector<double> crossing_probabilities(std::span<const double> bounds,
                                           std::span<const double> times) {
  check_times(times);
  if (bounds.size() != times.size()) refuse("crossing_probabilities: one bound for each time");
  std::vector<double> all;
  Survivors survivors;
  for (std::size_t k = 0; k < times.size(); ++k) {
    if (!(bounds[k] > 0.0) || !std::isfinite(bounds[k]))
      refuse("crossing_probabilities: bounds must be positive");
    all.push_back(survivors.exit(bounds[k], times[k]));
    survivors.look(bounds[k], times[k]);
  }
  return all;
}

std::vector<double> spending_bounds(ErrorSpending spending, double alpha,
                                    std::span<const double> times) {
  check_times(times);
  std::vector<double> bounds;
  Survivors survivors;
  double spent = 0.0;
  for (const double time : times) {
    const double allowed = spent_error(spending, alpha, time) - spent;
    double low = 0.0;
    double high = largest_bound;
    constexpr int halvings = 48;
    for (int i = 0; i < halvings; ++i) {
      const double middle = 0.5 * (low + high);
      (survivors.exit(middle, time) > allowed ? low : high) = middle;
    }
    spent += survivors.exit(high, time);
    bounds.push_back(high);
    survivors.look(high, time);
  }
  return bounds;
}

namespace {

struct Spread {
  double value = 0.0;
  double total = 0.0;    // variance of the estimate
  double between = 0.0;  // variance between seeds
  std::vector<double> seed_means;
  std::size_t units = 0;
};

Spread spread_of(const SequentialCell& cell) {
  if (cell.scores.size() < 2) refuse("repeated_intervals: needs at least 2 seeds");
  if (!(cell.bound > 0.0)) refuse("repeated_intervals: the bound must be positive");
  std::vector<double> flat;
  for (const std::vector<double>& row : cell.scores) {
    if (row.size() != cell.baseline.size())
      refuse("repeated_intervals: seeds and baseline have unlike numbers of items");
    flat.insert(flat.end(), row.begin(), row.end());
  }
  constexpr int resamples = 2000;
  BootstrapOptions options;
  options.resamples = resamples;
  options.item_weights = cell.item_weights;
  options.item_clusters = cell.item_clusters;
  const ArmView trained{flat, cell.scores.size(), 1};
  const ArmView base{cell.baseline, 1, 2};
  const BootstrapInterval gain = bootstrap_difference(trained, base, options);
  Spread spread;
  spread.value = gain.estimate.value;
  spread.total = gain.standard_error * gain.standard_error;
  for (const std::vector<double>& row : cell.scores)
    spread.seed_means.push_back(arm_mean(ArmView{row, 1, 1}, cell.item_weights));
  spread.between = variance(spread.seed_means);
  spread.units = cell.baseline.size();
  if (!cell.item_clusters.empty())
    spread.units =
        *std::max_element(cell.item_clusters.begin(), cell.item_clusters.end()) + std::size_t{1};
  return spread;
}

}  // namespace

std::vector<RepeatedInterval> repeated_intervals(std::span<const SequentialCell> cells) {
  std::vector<Spread> spreads;
  double mean = 0.0;
  double seed_df = 0.0;
  for (const SequentialCell& cell : cells) {
    spreads.push_back(spread_of(cell));
    mean += spreads.back().between / static_cast<double>(cells.size());
    seed_df += static_cast<double>(cell.scores.size()) - 1.0;
  }
  std::vector<RepeatedInterval> intervals;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    Spread& spread = spreads[c];
    const auto seeds = static_cast<double>(spread.seed_means.size());
    RepeatedInterval one;
    if (spread.between < mean) {
      spread.total += (mean - spread.between) / seeds;
      const double seed_part = mean / seeds;
      const double rest = std::max(0.0, spread.total - seed_part);
      one.df = std::max(1.0, spread.total * spread.total /
                                 (seed_part * seed_part / seed_df +
                                  rest * rest / static_cast<double>(spread.units - 1)));
    } else {
      const std::vector<std::vector<double>> series = {spread.seed_means};
      one.df = degrees_of_freedom(series, spread.total, spread.units);
    }
    one.standard_error = std::sqrt(spread.total);
    one.critical = student_critical(cells[c].bound, one.df);
    const double half = one.critical * one.standard_error;
    one.gain = {spread.value, spread.value - half, spread.value + half};
    intervals.push_back(one);
  }
  return intervals;
}

}  // namespace xfer::stats
