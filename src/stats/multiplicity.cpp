// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/multiplicity.hpp"

#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace xfer::stats {
namespace {

/// Indices of the p-values from the smallest up.
std::vector<std::size_t> ascending(std::span<const double> p, const char* operation) {
  for (std::size_t i = 0; i < p.size(); ++i)
    if (!(p[i] >= 0.0 && p[i] <= 1.0))
      refuse(std::string(operation) + ": p-values must be in [0, 1] (value " + std::to_string(i) +
             " is " + std::to_string(p[i]) + ")");
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  return order;
}

}  // namespace

std::vector<double> holm(std::span<const double> p) {
  const auto order = ascending(p, "holm");
  std::vector<double> adjusted(p.size());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, p[order[rank]] * static_cast<double>(order.size() - rank));
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

namespace {

/// The step-up adjustment of both false-discovery procedures, which differ in a factor.
std::vector<double> step_up(std::span<const double> p, double factor, const char* operation) {
  const auto order = ascending(p, operation);
  std::vector<double> adjusted(p.size());
  double smallest = 1.0;
  for (std::size_t rank = order.size(); rank-- > 0;) {
    smallest = std::min(smallest, factor * p[order[rank]] * static_cast<double>(order.size()) /
                                      static_cast<double>(rank + 1));
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

}  // namespace

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  return step_up(p, 1.0, "benjamini_hochberg");
}

std::vector<double> benjamini_yekutieli(std::span<const double> p) {
  double harmonic = 0.0;
  for (std::size_t i = 1; i <= p.size(); ++i) harmonic += 1.0 / static_cast<double>(i);
  return step_up(p, harmonic, "benjamini_yekutieli");
}

std::vector<double> bonferroni(std::span<const double> p) {
  ascending(p, "bonferroni");
  std::vector<double> adjusted;
  for (const double value : p)
    adjusted.push_back(std::min(1.0, value * static_cast<double>(p.size())));
  return adjusted;
}

namespace {

std::vector<double> standard_errors(std::span<const BandInput> rows) {
  if (rows.empty()) refuse("simultaneous_bands: no rows");
  const std::size_t count = rows.front().draws.size();
  if (count < 100)
    refuse("simultaneous_bands: needs at least 100 draws (got " + std::to_string(count) + ")");
  std::vector<double> errors;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const BandInput& row = rows[k];
    if (row.draws.size() != count)
      refuse("simultaneous_bands: row " + std::to_string(k) + " has " +
             std::to_string(row.draws.size()) + " draws, row 0 has " + std::to_string(count));
    if (!std::isfinite(row.estimate) || !(row.df >= 1.0))
      refuse("simultaneous_bands: row " + std::to_string(k) +
             " needs a finite estimate and a df of at least 1");
    check_finite(row.draws, "simultaneous_bands");
    const double spread = variance(row.draws);
    errors.push_back(is_flat(spread, row.estimate) ? 0.0 : std::sqrt(spread));
  }
  return errors;
}

/// |estimate| / error as a normal value of the same tail probability as Student's t gives it.
double normal_statistic(double estimate, double error, double df) {
  const double t = std::abs(estimate) / error;
  const double tail = boost::math::cdf(complement(boost::math::students_t(df), t));
  return boost::math::quantile(complement(boost::math::normal(), std::max(tail, 1e-300)));
}

}  // namespace

std::vector<Band> simultaneous_bands(std::span<const BandInput> rows, double level) {
  check_level(level, "simultaneous_bands");
  const std::vector<double> errors = standard_errors(rows);
  std::vector<double> largest(rows.front().draws.size());
  for (std::size_t k = 0; k < rows.size(); ++k) {
    if (errors[k] == 0.0) continue;
    for (std::size_t r = 0; r < largest.size(); ++r)
      largest[r] = std::max(largest[r], std::abs(rows[k].draws[r] - rows[k].estimate) / errors[k]);
  }
  // Never below the critical value of one row alone, which few resamples can understate.
  const double critical = std::max(quantile(largest, level), critical_normal(level));
  std::vector<Band> bands;
  for (std::size_t k = 0; k < rows.size(); ++k) {
    Band& band = bands.emplace_back();
    const double estimate = rows[k].estimate;
    band.interval = {estimate, estimate, estimate};
    band.standard_error = errors[k];
    if (errors[k] == 0.0) {
      band.p = band.p_adjusted = estimate == 0.0 ? 1.0 : 0.0;
      continue;
    }
    const double half = student_critical(critical, rows[k].df) * errors[k];
    band.interval = {estimate, estimate - half, estimate + half};
    const double z = normal_statistic(estimate, errors[k], rows[k].df);
    band.p = std::min(1.0, 2.0 * boost::math::cdf(complement(boost::math::normal(), z)));
    const auto beyond =
        std::count_if(largest.begin(), largest.end(), [z](double t) { return t >= z; });
    band.p_adjusted =
        std::max(band.p, static_cast<double>(beyond + 1) / static_cast<double>(largest.size() + 1));
  }
  return bands;
}

}  // namespace xfer::stats
