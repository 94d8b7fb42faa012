// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/metrics.hpp"

#include "stats/check.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/rank.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <utility>

namespace xfer::stats {
namespace {

void check_same(std::size_t first, std::size_t second, const char* operation) {
  if (first != second || first == 0)
    refuse(std::string(operation) + ": needs two equally long lists of at least 1 value (got " +
           std::to_string(first) + " and " + std::to_string(second) + ")");
}

void check_numbers(std::span<const double> truth, std::span<const double> predicted,
                   const char* operation) {
  check_same(truth.size(), predicted.size(), operation);
  check_finite(truth, operation);
  check_finite(predicted, operation);
}

struct ClassCounts {
  double hits = 0.0;
  double in_truth = 0.0;
  double in_predicted = 0.0;
};

std::map<std::int64_t, ClassCounts> count_classes(std::span<const std::int64_t> truth,
                                                  std::span<const std::int64_t> predicted,
                                                  const char* operation) {
  check_same(truth.size(), predicted.size(), operation);
  std::map<std::int64_t, ClassCounts> classes;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    classes[truth[i]].in_truth += 1.0;
    classes[predicted[i]].in_predicted += 1.0;
    if (truth[i] == predicted[i]) classes[truth[i]].hits += 1.0;
  }
  return classes;
}

double mean_square(std::span<const double> truth, std::span<const double> predicted) {
  const auto n = static_cast<double>(truth.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = truth[i] - predicted[i];
    sum += error * error / n;
  }
  return sum;
}

}  // namespace

double pass_at_k(std::int64_t n, std::int64_t c, std::int64_t k) {
  if (n < 1 || c < 0 || c > n || k < 1 || k > n)
    refuse("pass_at_k: needs 0 <= c <= n and 1 <= k <= n (got n " + std::to_string(n) + ", c " +
           std::to_string(c) + ", k " + std::to_string(k) + ")");
  if (n - c < k) return 1.0;
  // C(n-c, k) / C(n, k) is symmetric in c and k: the shorter of the two products.
  const std::int64_t factors = std::min(c, k);
  const auto larger = static_cast<double>(std::max(c, k));
  double none = 1.0;
  for (std::int64_t i = 0; i < factors && none > 0.0; ++i)
    none *= 1.0 - larger / static_cast<double>(n - i);
  return 1.0 - none;
}

Metric cohen_kappa(std::span<const std::int64_t> first, std::span<const std::int64_t> second,
                   double level) {
  check_level(level, "cohen_kappa");
  const auto classes = count_classes(first, second, "cohen_kappa");
  const auto n = static_cast<double>(first.size());
  double observed = 0.0;
  double expected = 0.0;
  for (const auto& [label, c] : classes) {
    observed += c.hits / n;
    expected += c.in_truth / n * c.in_predicted / n;
  }
  if (1.0 - expected < 1e-12)
    return Undefined{"both raters give every item the same label, so chance alone would agree"};
  const double kappa = (observed - expected) / (1.0 - expected);

  std::map<std::pair<std::int64_t, std::int64_t>, double> joint;
  for (std::size_t i = 0; i < first.size(); ++i) joint[{first[i], second[i]}] += 1.0 / n;
  double agreeing = 0.0;
  double differing = 0.0;
  for (const auto& [pair, share] : joint) {
    const double row = classes.at(pair.first).in_truth / n;
    const double column = classes.at(pair.second).in_predicted / n;
    if (pair.first == pair.second) {
      const double factor = 1.0 - (row + column) * (1.0 - kappa);
      agreeing += share * factor * factor;
    } else {
      const double sum =
          classes.at(pair.first).in_predicted / n + classes.at(pair.second).in_truth / n;
      differing += share * sum * sum;
    }
  }
  const double shift = kappa - expected * (1.0 - kappa);
  const double variance =
      std::max(0.0, agreeing + (1.0 - kappa) * (1.0 - kappa) * differing - shift * shift) /
      (n * (1.0 - expected) * (1.0 - expected));
  const double half = critical_normal(level) * std::sqrt(variance);
  return Estimate{kappa, std::max(-1.0, kappa - half), std::min(1.0, kappa + half)};
}

Value roc_auc(std::span<const std::int64_t> labels, std::span<const double> scores) {
  check_same(labels.size(), scores.size(), "roc_auc");
  const std::vector<double> rank = ranks(scores);
  double positives = 0.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != 0 && labels[i] != 1)
      refuse("roc_auc: labels must be 0 or 1 (got " + std::to_string(labels[i]) + ")");
    if (labels[i] == 0) continue;
    positives += 1.0;
    sum += rank[i];
  }
  const double negatives = static_cast<double>(labels.size()) - positives;
  if (positives == 0.0) return Undefined{"no positive example"};
  if (negatives == 0.0) return Undefined{"no negative example"};
  return (sum - positives * (positives + 1.0) / 2.0) / (positives * negatives);
}

double balanced_accuracy(std::span<const std::int64_t> truth,
                         std::span<const std::int64_t> predicted) {
  double sum = 0.0;
  double present = 0.0;
  for (const auto& [label, c] : count_classes(truth, predicted, "balanced_accuracy")) {
    if (c.in_truth == 0.0) continue;
    sum += c.hits / c.in_truth;
    present += 1.0;
  }
  return sum / present;
}

double macro_f1(std::span<const std::int64_t> truth, std::span<const std::int64_t> predicted) {
  const auto classes = count_classes(truth, predicted, "macro_f1");
  double sum = 0.0;
  for (const auto& [label, c] : classes) sum += 2.0 * c.hits / (c.in_truth + c.in_predicted);
  return sum / static_cast<double>(classes.size());
}

double rmse(std::span<const double> truth, std::span<const double> predicted) {
  check_numbers(truth, predicted, "rmse");
  return std::sqrt(mean_square(truth, predicted));
}

double mae(std::span<const double> truth, std::span<const double> predicted) {
  check_numbers(truth, predicted, "mae");
  const auto n = static_cast<double>(truth.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < truth.size(); ++i) sum += std::abs(truth[i] - predicted[i]) / n;
  return sum;
}

Value r2(std::span<const double> truth, std::span<const double> predicted) {
  check_numbers(truth, predicted, "r2");
  const auto n = static_cast<double>(truth.size());
  double mean = 0.0;
  for (const double v : truth) mean += v / n;
  double spread = 0.0;
  for (const double v : truth) spread += (v - mean) * (v - mean) / n;
  const auto [low, high] = std::minmax_element(truth.begin(), truth.end());
  if (*low == *high || !(spread > 0.0)) return Undefined{"the truth does not vary"};
  return 1.0 - mean_square(truth, predicted) / spread;
}

}  // namespace xfer::stats
