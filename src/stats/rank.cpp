// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/rank.hpp"

#include "stats/check.hpp"

#include <boost/math/distributions/normal.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

namespace xfer::stats {
namespace {

void check_lists(std::span<const double> x, std::span<const double> y, const char* operation) {
  check_finite(x, operation);
  check_finite(y, operation);
  if (x.size() != y.size())
    refuse(std::string(operation) + ": needs two equally long lists (got " +
           std::to_string(x.size()) + " and " + std::to_string(y.size()) + ")");
}

Undefined too_few() { return {"needs at least 2 pairs"}; }
Undefined no_variation() { return {"one of the lists does not vary"}; }

/// Two-sided p-value of the U distribution without ties: how many of the orders of the two lists
/// give each U, by Mann and Whitney's recurrence, in which `count[j][u]` is for i and j values.
double exact_p(double u, std::size_t n, std::size_t m) {
  const std::size_t pairs = n * m;
  std::vector<std::vector<double>> count(m + 1, std::vector<double>(pairs + 1));
  for (auto& row : count) row[0] = 1.0;  // i = 0: one order, U = 0
  // Probabilities rather than counts, which would overflow: of i + j values, the largest is one of
  // the first list with probability i / (i + j) and then beats all j of the second.
  for (std::size_t i = 1; i <= n; ++i)
    for (std::size_t j = 1; j <= m; ++j) {
      const double first = static_cast<double>(i) / static_cast<double>(i + j);
      const std::vector<double>& other = count[j - 1];  // i and j - 1
      std::vector<double>& own = count[j];              // still i - 1 and j
      for (std::size_t k = i * j + 1; k-- > 0;)
        own[k] = first * (k >= j ? own[k - j] : 0.0) + (1.0 - first) * other[k];
    }
  const std::vector<double>& p = count[m];
  const double larger = std::max(u, static_cast<double>(pairs) - u);
  double tail = 0.0;
  for (auto k = static_cast<std::size_t>(larger); k <= pairs; ++k) tail += p[k];
  return std::min(1.0, 2.0 * tail);
}

}  // namespace

std::vector<double> ranks(std::span<const double> values) {
  check_finite(values, "ranks");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  std::vector<double> result(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t last = first;
    while (last + 1 < order.size() && values[order[last + 1]] == values[order[first]]) ++last;
    const double rank = static_cast<double>(first + last) / 2.0 + 1.0;
    for (std::size_t k = first; k <= last; ++k) result[order[k]] = rank;
    first = last + 1;
  }
  return result;
}

Value spearman(std::span<const double> x, std::span<const double> y) {
  check_lists(x, y, "spearman");
  if (x.size() < 2) return too_few();
  const std::vector<double> a = ranks(x);
  const std::vector<double> b = ranks(y);
  // Ranks and their mean are multiples of a half: sums without variation are exactly 0.
  const double mean = (static_cast<double>(x.size()) + 1.0) / 2.0;
  double aa = 0.0;
  double bb = 0.0;
  double ab = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    aa += (a[i] - mean) * (a[i] - mean);
    bb += (b[i] - mean) * (b[i] - mean);
    ab += (a[i] - mean) * (b[i] - mean);
  }
  if (aa == 0.0 || bb == 0.0) return no_variation();
  return std::clamp(ab / std::sqrt(aa * bb), -1.0, 1.0);
}

Value kendall(std::span<const double> x, std::span<const double> y) {
  check_lists(x, y, "kendall");
  if (x.size() < 2) return too_few();
  double balance = 0.0;
  double x_differs = 0.0;
  double y_differs = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      const int dx = (x[i] > x[j] ? 1 : 0) - (x[i] < x[j] ? 1 : 0);
      const int dy = (y[i] > y[j] ? 1 : 0) - (y[i] < y[j] ? 1 : 0);
      balance += dx * dy;
      x_differs += dx != 0 ? 1.0 : 0.0;
      y_differs += dy != 0 ? 1.0 : 0.0;
    }
  if (x_differs == 0.0 || y_differs == 0.0) return no_variation();
  return std::clamp(balance / std::sqrt(x_differs * y_differs), -1.0, 1.0);
}

MannWhitney mann_whitney(std::span<const double> x, std::span<const double> y) {
  check_finite(x, "mann_whitney");
  check_finite(y, "mann_whitney");
  if (x.empty() || y.empty()) refuse("mann_whitney: a list is empty");
  std::vector<double> all(x.begin(), x.end());
  all.insert(all.end(), y.begin(), y.end());
  const std::vector<double> rank = ranks(all);
  const auto n = static_cast<double>(x.size());
  const auto m = static_cast<double>(y.size());
  double sum = 0.0;
  for (std::size_t i = 0; i < x.size(); ++i) sum += rank[i];
  MannWhitney result;
  result.u = sum - n * (n + 1.0) / 2.0;
  result.probability = result.u / (n * m);

  std::sort(all.begin(), all.end());
  double ties = 0.0;
  for (std::size_t first = 0; first < all.size();) {
    std::size_t next = first;
    while (next < all.size() && all[next] == all[first]) ++next;
    const auto t = static_cast<double>(next - first);
    ties += t * t * t - t;
    first = next;
  }
  constexpr std::size_t exact_pairs = 2500;
  result.exact = ties == 0.0 && x.size() <= exact_pairs / y.size();
  if (result.exact) {
    result.p = exact_p(result.u, x.size(), y.size());
    return result;
  }
  const double total = n + m;
  const double spread = std::sqrt(n * m / 12.0 * (total + 1.0 - ties / (total * (total - 1.0))));
  if (!(spread > 0.0)) return result;
  const double distance = std::max(0.0, std::abs(result.u - n * m / 2.0) - 0.5);
  result.p =
      std::min(1.0, 2.0 * boost::math::cdf(complement(boost::math::normal(), distance / spread)));
  return result;
}

}  // namespace xfer::stats
