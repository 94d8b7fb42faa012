// SPDX-License-Identifier: Apache-2.0
#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/matrix.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace xfer::stats {
namespace {

/// Halvings that are averaged when there are more than can be listed.
constexpr int halvings_max = 1000;

/// Correlation over cells between the sums of the seeds in `first` and of those in `second`; not a
/// number when one of them does not vary.
double correlation(std::span<const std::vector<double>> gains, std::span<const std::size_t> first,
                   std::span<const std::size_t> second) {
  std::vector<double> a;
  std::vector<double> b;
  for (const auto& row : gains) {
    double sum_a = 0.0;
    double sum_b = 0.0;
    for (const std::size_t s : first) sum_a += row[s];
    for (const std::size_t s : second) sum_b += row[s];
    a.push_back(sum_a);
    b.push_back(sum_b);
  }
  return covariance(a, b) / std::sqrt(variance(a) * variance(b));
}

}  // namespace

Reliability split_half(std::span<const std::vector<double>> gains) {
  const std::size_t seeds = gains.empty() ? 0 : gains.front().size();
  for (const auto& row : gains) {
    if (row.size() != seeds)
      refuse("split_half: every cell needs the same seeds (got " + std::to_string(row.size()) +
             " and " + std::to_string(seeds) + ")");
    check_finite(row, "split_half");
  }
  const auto none = [](const char* reason) {
    return Reliability{Undefined{reason}, Undefined{reason}};
  };
  if (gains.size() < 3) return none("needs at least 3 cells");
  if (seeds < 2) return none("needs at least 2 seeds");

  // An odd seed is left out of each halving in turn, by chance.
  const std::size_t half = seeds / 2;
  std::vector<std::size_t> order(seeds);
  std::iota(order.begin(), order.end(), std::size_t{0});
  double sum = 0.0;
  int count = 0;
  const auto add = [&](std::span<const std::size_t> first, std::span<const std::size_t> second) {
    const double r = correlation(gains, first, second);
    if (!std::isfinite(r)) return false;
    sum += r;
    ++count;
    return true;
  };
  if (seeds % 2 == 0 && seeds <= 12) {
    // Every halving once: seed 0 is always in the first half.
    for (std::uint32_t chosen = 1; chosen < (1U << seeds); chosen += 2) {
      if (std::popcount(chosen) != static_cast<int>(half)) continue;
      std::vector<std::size_t> first;
      std::vector<std::size_t> second;
      for (std::size_t s = 0; s < seeds; ++s)
        (((chosen >> s) & 1U) != 0 ? first : second).push_back(s);
      if (!add(first, second)) return none("the cells do not differ in one half of the seeds");
    }
  } else {
    Rng rng(0, "split half");
    for (int k = 0; k < halvings_max; ++k) {
      rng.shuffle(std::span(order));
      if (!add(std::span(order).first(half), std::span(order).subspan(half, half)))
        return none("the cells do not differ in one half of the seeds");
    }
  }
  const double r = sum / count;
  // Spearman and Brown: n halves of reliability r together have n r / (1 + (n - 1) r).
  const double n = static_cast<double>(seeds) / static_cast<double>(half);
  if (1.0 + (n - 1.0) * r <= 0.0) return {Value(r), Undefined{"the halves disagree"}};
  return {Value(r), Value(n * r / (1.0 + (n - 1.0) * r))};
}

}  // namespace xfer::stats
