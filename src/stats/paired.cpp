#include "xfer/stats/paired.hpp"

#include "stats/check.hpp"
#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <vector>

namespace xfer::stats {

double mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
  if (only_first < 0 || only_second < 0)
    refuse("mcnemar_exact: counts must not be negative (got " + std::to_string(only_first) +
           " and " + std::to_string(only_second) + ")");
  if (only_first == only_second) return 1.0;
  const auto n = static_cast<double>(only_first) + static_cast<double>(only_second);
  const auto fewer = static_cast<double>(std::min(only_first, only_second));
  return std::min(1.0, 2.0 * boost::math::cdf(boost::math::binomial(n, 0.5), fewer));
}

PairedT paired_t(std::span<const double> first, std::span<const double> second, double level) {
  check_level(level, "paired_t");
  check_finite(first, "paired_t");
  check_finite(second, "paired_t");
  if (first.size() != second.size() || first.size() < 2)
    refuse("paired_t: needs two equally long lists of at least 2 values (got " +
           std::to_string(first.size()) + " and " + std::to_string(second.size()) + ")");
  const auto n = static_cast<double>(first.size());
  double mean = 0.0;
  for (std::size_t i = 0; i < first.size(); ++i) mean += (first[i] - second[i]) / n;
  double squares = 0.0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double deviation = first[i] - second[i] - mean;
    squares += deviation * deviation;
  }
  const double se = std::sqrt(squares / (n - 1.0) / n);
  PairedT result;
  result.df = n - 1.0;
  const double half = critical_t(level, result.df) * se;
  result.difference = {mean, mean - half, mean + half};
  if (se > 0.0) {
    result.t = mean / se;
    const boost::math::students_t distribution(result.df);
    result.p = 2.0 * boost::math::cdf(distribution, -std::abs(result.t));
  } else if (mean != 0.0) {
    result.t = std::copysign(std::numeric_limits<double>::infinity(), mean);
    result.p = 0.0;
  }
  return result;
}

double cluster_se(std::span<const double> values, std::span<const std::int64_t> clusters) {
  check_finite(values, "cluster_se");
  if (values.size() != clusters.size())
    refuse("cluster_se: one cluster label per value (got " + std::to_string(clusters.size()) +
           " for " + std::to_string(values.size()) + ")");
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double v : values) mean += v / n;
  std::map<std::int64_t, double> residuals;
  for (std::size_t i = 0; i < values.size(); ++i) residuals[clusters[i]] += values[i] - mean;
  if (residuals.size() < 2) refuse("cluster_se: needs at least 2 clusters");
  double squares = 0.0;
  for (const auto& [label, sum] : residuals) squares += sum * sum;
  const auto count = static_cast<double>(residuals.size());
  return std::sqrt(squares * count / (count - 1.0)) / n;
}

}  // namespace xfer::stats
