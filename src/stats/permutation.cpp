// SPDX-License-Identifier: Apache-2.0
#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/rank.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>

namespace xfer::stats {
namespace {

/// Two lists whose rank correlation is wanted again and again under permutations of the second:
/// what does not change is computed once.
class RankPairs {
public:
  RankPairs(std::vector<double> x, std::vector<double> y, RankMeasure measure)
      : measure_(measure), x_(ranks(x)), y_(ranks(y)) {
    const Value full = measure == RankMeasure::spearman ? spearman(x_, y_) : kendall(x_, y_);
    defined_ = full.defined();
    if (!defined_) return;
    if (measure == RankMeasure::spearman) {
      scale_ =
          1.0 / std::sqrt(variance(x_) * variance(y_)) / (static_cast<double>(x_.size()) - 1.0);
      const double mean = (static_cast<double>(x_.size()) + 1.0) / 2.0;
      for (double& v : x_) v -= mean;
      for (double& v : y_) v -= mean;
    } else {
      scale_ = 1.0 / std::sqrt(untied(x_) * untied(y_));
    }
  }

  bool defined() const noexcept { return defined_; }
  std::size_t size() const noexcept { return x_.size(); }

  /// The coefficient when place i holds the second list's value `order[i]`.
  double operator()(std::span<const std::size_t> order) const {
    double sum = 0.0;
    if (measure_ == RankMeasure::spearman) {
      for (std::size_t i = 0; i < x_.size(); ++i) sum += x_[i] * y_[order[i]];
    } else {
      for (std::size_t i = 0; i < x_.size(); ++i)
        for (std::size_t j = 0; j < i; ++j)
          sum += sign(x_[i] - x_[j]) * sign(y_[order[i]] - y_[order[j]]);
    }
    return sum * scale_;
  }

private:
  static double sign(double v) { return v > 0.0 ? 1.0 : v < 0.0 ? -1.0 : 0.0; }
  /// Pairs whose values differ.
  static double untied(const std::vector<double>& v) {
    double count = 0.0;
    for (std::size_t i = 0; i < v.size(); ++i)
      for (std::size_t j = 0; j < i; ++j) count += v[i] != v[j] ? 1.0 : 0.0;
    return count;
  }

  RankMeasure measure_;
  std::vector<double> x_;
  std::vector<double> y_;
  bool defined_ = false;
  double scale_ = 0.0;
};

std::vector<std::size_t> identity(std::size_t size) {
  std::vector<std::size_t> order(size);
  std::iota(order.begin(), order.end(), std::size_t{0});
  return order;
}

/// Sums in another order may differ in their last digits.
constexpr double tie = 1e-12;

double drawn_p(double coefficient, int permutations, const std::function<double()>& draw) {
  int hits = 0;
  for (int k = 0; k < permutations; ++k)
    hits += std::abs(draw()) >= std::abs(coefficient) - tie ? 1 : 0;
  return (hits + 1.0) / (permutations + 1.0);
}

}  // namespace

PermutationTest within_target(std::span<const PairValue> cells, const PermutationOptions& options) {
  check_permutations(options.permutations, "within_target");
  struct Lists {
    std::vector<double> x, y;
  };
  std::map<std::int64_t, Lists> by_target;
  std::set<std::pair<std::int64_t, std::int64_t>> seen;
  for (const PairValue& cell : cells) {
    const double both[] = {cell.similarity, cell.transfer};
    check_finite(both, "within_target");
    if (!seen.emplace(cell.source, cell.target).second)
      refuse("within_target: source " + std::to_string(cell.source) + " and target " +
             std::to_string(cell.target) + " are given twice");
    by_target[cell.target].x.push_back(cell.similarity);
    by_target[cell.target].y.push_back(cell.transfer);
  }
  std::vector<RankPairs> groups;
  double sum = 0.0;
  for (auto& [target, lists] : by_target) {
    if (lists.x.size() < 3) continue;
    RankPairs pairs(std::move(lists.x), std::move(lists.y), options.measure);
    if (!pairs.defined()) continue;
    sum += pairs(identity(pairs.size()));
    groups.push_back(std::move(pairs));
  }
  PermutationTest result;
  result.groups = static_cast<int>(groups.size());
  if (groups.empty()) {
    result.coefficient = Undefined{"no target has 3 sources that differ in both"};
    return result;
  }
  const auto count = static_cast<double>(groups.size());
  const double coefficient = sum / count;
  result.coefficient = coefficient;

  Rng rng(options.seed, "relabelled sources");
  std::vector<std::vector<std::size_t>> orders;
  for (const RankPairs& group : groups) orders.push_back(identity(group.size()));
  result.p = drawn_p(coefficient, options.permutations, [&] {
    double total = 0.0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      rng.shuffle(std::span(orders[g]));
      total += groups[g](orders[g]);
    }
    return total / count;
  });
  return result;
}

PermutationTest mantel(std::span<const double> x, std::span<const double> y, std::size_t size,
                       const PermutationOptions& options) {
  check_permutations(options.permutations, "mantel");
  if (size > 10'000 || x.size() != size * size || y.size() != size * size)
    refuse("mantel: needs two square matrices of " + std::to_string(size) + " rows (got " +
           std::to_string(x.size()) + " and " + std::to_string(y.size()) + " values)");
  PermutationTest result;
  result.groups = static_cast<int>(size);
  if (size < 3) {
    result.coefficient = Undefined{"needs at least 3 domains"};
    return result;
  }
  std::vector<double> a;
  std::vector<double> b;
  std::vector<std::size_t> place(size * size);  // of a cell among those off the diagonal
  for (std::size_t i = 0; i < size; ++i)
    for (std::size_t j = 0; j < size; ++j) {
      if (i == j) continue;
      place[i * size + j] = a.size();
      a.push_back(x[i * size + j]);
      b.push_back(y[i * size + j]);
    }
  check_finite(a, "mantel");
  check_finite(b, "mantel");
  const RankPairs pairs(std::move(a), std::move(b), options.measure);
  if (!pairs.defined()) {
    result.coefficient = Undefined{"a matrix does not vary off the diagonal"};
    return result;
  }
  const double coefficient = pairs(identity(pairs.size()));
  result.coefficient = coefficient;

  std::vector<std::size_t> names = identity(size);
  std::vector<std::size_t> order(pairs.size());
  const auto relabelled = [&] {
    std::size_t k = 0;
    for (std::size_t i = 0; i < size; ++i)
      for (std::size_t j = 0; j < size; ++j)
        if (i != j) order[k++] = place[names[i] * size + names[j]];
    return pairs(order);
  };
  constexpr std::size_t listed_max = 8;
  result.exact = size <= listed_max;
  if (!result.exact) {
    Rng rng(options.seed, "relabelled domains");
    result.p = drawn_p(coefficient, options.permutations, [&] {
      rng.shuffle(std::span(names));
      return relabelled();
    });
    return result;
  }
  double hits = 0.0;
  double all = 0.0;
  do {
    all += 1.0;
    hits += std::abs(relabelled()) >= std::abs(coefficient) - tie ? 1.0 : 0.0;
  } while (std::next_permutation(names.begin(), names.end()));
  result.p = hits / all;
  return result;
}

}  // namespace xfer::stats
