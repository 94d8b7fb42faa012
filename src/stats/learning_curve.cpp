// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/learning_curve.hpp"

#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

namespace xfer::stats {
namespace {

double area_under(std::span<const double> steps, std::span<const double> gains) {
  double area = 0.0;
  for (std::size_t k = 1; k < steps.size(); ++k)
    area += 0.5 * (gains[k] + gains[k - 1]) * (steps[k] - steps[k - 1]);
  return area / (steps.back() - steps.front());
}

/// Nothing when the curve does not end above 0.
std::optional<double> first_reaches(std::span<const double> steps, std::span<const double> gains,
                                    double share) {
  if (!(gains.back() > 0.0)) return std::nullopt;
  const double goal = share * gains.back();
  for (std::size_t k = 0; k < steps.size(); ++k) {
    if (gains[k] < goal) continue;
    if (k == 0) return steps[0];
    const double part = (goal - gains[k - 1]) / (gains[k] - gains[k - 1]);
    return steps[k - 1] + part * (steps[k] - steps[k - 1]);
  }
  return steps.back();
}

Metric over_seeds(std::span<const double> values, double level) {
  const auto n = static_cast<double>(values.size());
  if (values.size() < 2) return Undefined{"needs at least 2 seeds for an interval"};
  double mean = 0.0;
  for (const double v : values) mean += v / n;
  const double half = critical_t(level, n - 1.0) * std::sqrt(variance(values) / n);
  return Estimate{mean, mean - half, mean + half};
}

}  // namespace

LearningCurve learning_curve(std::span<const double> steps,
                             std::span<const std::vector<double>> gains, double share,
                             double level) {
  check_level(level, "learning_curve");
  check_finite(steps, "learning_curve: steps");
  if (steps.size() < 2) refuse("learning_curve: needs at least 2 checkpoints");
  for (std::size_t k = 1; k < steps.size(); ++k)
    if (!(steps[k] > steps[k - 1])) refuse("learning_curve: steps must rise");
  if (!(share > 0.0 && share <= 1.0))
    refuse("learning_curve: share must be in (0, 1] (got " + std::to_string(share) + ")");
  if (gains.empty()) refuse("learning_curve: no seeds");

  LearningCurve result;
  result.gains.assign(steps.size(), 0.0);
  std::vector<double> reached;
  for (const std::vector<double>& row : gains) {
    if (row.size() != steps.size())
      refuse("learning_curve: one gain per checkpoint (got " + std::to_string(row.size()) +
             " for " + std::to_string(steps.size()) + ")");
    check_finite(row, "learning_curve");
    for (std::size_t k = 0; k < row.size(); ++k)
      result.gains[k] += row[k] / static_cast<double>(gains.size());
    result.areas.push_back(area_under(steps, row));
    if (const auto at = first_reaches(steps, row, share)) reached.push_back(*at);
  }
  result.area = over_seeds(result.areas, level);
  if (reached.size() < gains.size())
    result.steps_to_share = Undefined{"the gain at the last checkpoint is not above 0 for " +
                                      std::to_string(gains.size() - reached.size()) + " of " +
                                      std::to_string(gains.size()) + " seeds"};
  else
    result.steps_to_share = over_seeds(reached, level);
  if (const Estimate* e = result.steps_to_share.estimate())
    result.steps_to_share =
        Estimate{e->value, std::max(e->lower, steps.front()), std::min(e->upper, steps.back())};
  return result;
}

}  // namespace xfer::stats
