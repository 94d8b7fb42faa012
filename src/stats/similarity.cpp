// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/similarity.hpp"

#include "stats/check.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace xfer::stats {
namespace {

/// Non-negative weights scaled to sum 1.
std::vector<double> shares(std::span<const double> weights, const std::string& what) {
  double sum = 0.0;
  for (const double w : weights) {
    if (!(w >= 0.0)) refuse(what + " must not be negative (got " + std::to_string(w) + ")");
    sum += w;
  }
  if (!(sum > 0.0) || !std::isfinite(sum))
    refuse(what + " must have a sum above 0 (got " + std::to_string(sum) + ")");
  std::vector<double> result(weights.begin(), weights.end());
  for (double& w : result) w /= sum;
  return result;
}

void check_shape(const MatrixView& m, const char* operation) {
  if (m.rows == 0 || m.columns == 0 || m.values.size() / m.rows != m.columns ||
      m.values.size() % m.rows != 0)
    refuse(std::string(operation) + ": " + std::to_string(m.values.size()) + " values are not " +
           std::to_string(m.rows) + " x " + std::to_string(m.columns));
}

/// Sum of the kernel over all pairs of rows of two samples, or of unlike rows of one.
double kernel_sum(const MatrixView& a, const MatrixView& b, double factor, bool skip_equal) {
  double sum = 0.0;
  for (std::size_t i = 0; i < a.rows; ++i)
    for (std::size_t j = 0; j < b.rows; ++j) {
      if (skip_equal && i == j) continue;
      double squares = 0.0;
      for (std::size_t k = 0; k < a.columns; ++k) {
        const double d = a.values[i * a.columns + k] - b.values[j * b.columns + k];
        squares += d * d;
      }
      sum += std::exp(factor * squares);
    }
  return sum;
}

}  // namespace

double jensen_shannon(std::span<const double> p, std::span<const double> q) {
  if (p.size() != q.size())
    refuse("jensen_shannon: p and q must have the same events (got " + std::to_string(p.size()) +
           " and " + std::to_string(q.size()) + ")");
  const std::vector<double> a = shares(p, "jensen_shannon: p");
  const std::vector<double> b = shares(q, "jensen_shannon: q");
  double bits = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double m = 0.5 * (a[i] + b[i]);
    if (a[i] > 0.0) bits += 0.5 * a[i] * std::log2(a[i] / m);
    if (b[i] > 0.0) bits += 0.5 * b[i] * std::log2(b[i] / m);
  }
  return std::clamp(bits, 0.0, 1.0);
}

double mmd2(const MatrixView& x, const MatrixView& y, double bandwidth, MmdEstimator estimator) {
  check_shape(x, "mmd2");
  check_shape(y, "mmd2");
  check_finite(x.values, "mmd2");
  check_finite(y.values, "mmd2");
  if (x.columns != y.columns)
    refuse("mmd2: both samples need the same columns (got " + std::to_string(x.columns) + " and " +
           std::to_string(y.columns) + ")");
  if (!(bandwidth > 0.0) || !std::isfinite(bandwidth))
    refuse("mmd2: bandwidth must be above 0 (got " + std::to_string(bandwidth) + ")");
  const bool unbiased = estimator == MmdEstimator::unbiased;
  if (unbiased && (x.rows < 2 || y.rows < 2))
    refuse("mmd2: the unbiased estimator needs at least 2 rows on each side");
  const double factor = -0.5 / bandwidth / bandwidth;
  const auto n = static_cast<double>(x.rows);
  const auto m = static_cast<double>(y.rows);
  return kernel_sum(x, x, factor, unbiased) / (n * (unbiased ? n - 1.0 : n)) +
         kernel_sum(y, y, factor, unbiased) / (m * (unbiased ? m - 1.0 : m)) -
         2.0 * kernel_sum(x, y, factor, false) / (n * m);
}

double leep(const MatrixView& theta, std::span<const std::int64_t> labels) {
  check_shape(theta, "leep");
  if (labels.size() != theta.rows)
    refuse("leep: one label per row of theta (got " + std::to_string(labels.size()) + " for " +
           std::to_string(theta.rows) + ")");
  std::vector<std::vector<double>> rows;
  std::map<std::int64_t, std::vector<double>> joint;  // P(y, z), times the examples
  std::vector<double> marginal(theta.columns);        // P(z), times the examples
  for (std::size_t i = 0; i < theta.rows; ++i) {
    rows.push_back(shares(theta.values.subspan(i * theta.columns, theta.columns),
                          "leep: row " + std::to_string(i) + " of theta"));
    auto& of_label = joint[labels[i]];
    of_label.resize(theta.columns);
    for (std::size_t z = 0; z < theta.columns; ++z) {
      of_label[z] += rows[i][z];
      marginal[z] += rows[i][z];
    }
  }
  double sum = 0.0;
  for (std::size_t i = 0; i < theta.rows; ++i) {
    const auto& of_label = joint[labels[i]];
    double expected = 0.0;
    for (std::size_t z = 0; z < theta.columns; ++z)
      if (marginal[z] > 0.0) expected += of_label[z] / marginal[z] * rows[i][z];
    sum += std::log(std::min(expected, 1.0));
  }
  return sum / static_cast<double>(theta.rows);
}

double nce(std::span<const std::int64_t> source, std::span<const std::int64_t> target) {
  if (source.size() != target.size() || source.empty())
    refuse("nce: needs two equally long lists of labels (got " + std::to_string(source.size()) +
           " and " + std::to_string(target.size()) + ")");
  std::map<std::pair<std::int64_t, std::int64_t>, double> joint;
  std::map<std::int64_t, double> marginal;
  for (std::size_t i = 0; i < source.size(); ++i) {
    joint[{source[i], target[i]}] += 1.0;
    marginal[source[i]] += 1.0;
  }
  double sum = 0.0;
  for (const auto& [pair, count] : joint) sum += count * std::log(count / marginal[pair.first]);
  return sum / static_cast<double>(source.size());
}

double proxy_a_distance(double error) {
  if (!(error >= 0.0 && error <= 1.0))
    refuse("proxy_a_distance: error must be in [0, 1] (got " + std::to_string(error) + ")");
  return 2.0 * (1.0 - 2.0 * error);
}

}  // namespace xfer::stats
