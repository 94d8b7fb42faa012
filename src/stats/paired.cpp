// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/paired.hpp"

#include "stats/check.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/intervals.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <string>
#include <vector>

namespace xfer::stats {

namespace {

/// Checks the counts; returns how many pairs disagree.
double discordant(std::int64_t only_first, std::int64_t only_second, const char* operation) {
  if (only_first < 0 || only_second < 0)
    refuse(std::string(operation) + ": counts must not be negative (got " +
           std::to_string(only_first) + " and " + std::to_string(only_second) + ")");
  return static_cast<double>(only_first) + static_cast<double>(only_second);
}

void check_pairs(std::span<const double> first, std::span<const double> second, std::size_t least,
                 const char* operation) {
  check_finite(first, operation);
  check_finite(second, operation);
  if (first.size() != second.size() || first.size() < least)
    refuse(std::string(operation) + ": needs two equally long lists of at least " +
           std::to_string(least) + " values (got " + std::to_string(first.size()) + " and " +
           std::to_string(second.size()) + ")");
}

struct Moments {
  double mean = 0.0;
  /// Of the mean.
  double se = 0.0;
};

Moments moments(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double v : values) mean += v / n;
  double squares = 0.0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return {mean, std::sqrt(squares / (n - 1.0) / n)};
}

std::vector<double> differences(std::span<const double> first, std::span<const double> second) {
  std::vector<double> d;
  d.reserve(first.size());
  for (std::size_t i = 0; i < first.size(); ++i) d.push_back(first[i] - second[i]);
  return d;
}

/// P(T >= t) under Student's t; of a value without spread, whether it lies above 0.
double upper_tail(double mean, double se, double df) {
  if (!(se > 0.0)) return mean > 0.0 ? 0.0 : 1.0;
  return boost::math::cdf(complement(boost::math::students_t(df), mean / se));
}

PairedT t_test(const Moments& m, double df, double level) {
  PairedT result;
  result.df = df;
  const double half = critical_t(level, df) * m.se;
  result.difference = {m.mean, m.mean - half, m.mean + half};
  if (m.se > 0.0) {
    result.t = m.mean / m.se;
    result.p = 2.0 * boost::math::cdf(boost::math::students_t(df), -std::abs(result.t));
  } else if (m.mean != 0.0) {
    result.t = std::copysign(std::numeric_limits<double>::infinity(), m.mean);
    result.p = 0.0;
  }
  return result;
}

}  // namespace

double mcnemar_exact(std::int64_t only_first, std::int64_t only_second) {
  const double n = discordant(only_first, only_second, "mcnemar_exact");
  if (only_first == only_second) return 1.0;
  const auto fewer = static_cast<double>(std::min(only_first, only_second));
  return std::min(1.0, 2.0 * boost::math::cdf(boost::math::binomial(n, 0.5), fewer));
}

double mcnemar_mid_p(std::int64_t only_first, std::int64_t only_second) {
  const double n = discordant(only_first, only_second, "mcnemar_mid_p");
  if (n == 0.0) return 1.0;
  const auto fewer = static_cast<double>(std::min(only_first, only_second));
  const boost::math::binomial flips(n, 0.5);
  return std::min(1.0, 2.0 * boost::math::cdf(flips, fewer) - boost::math::pdf(flips, fewer));
}

ChiSquare mcnemar_chi_square(std::int64_t only_first, std::int64_t only_second, bool corrected) {
  const double n = discordant(only_first, only_second, "mcnemar_chi_square");
  if (n == 0.0) return {};
  const double apart = std::abs(static_cast<double>(only_first - only_second));
  const double distance = corrected ? std::max(0.0, apart - 1.0) : apart;
  const double statistic = distance * distance / n;
  return {statistic, boost::math::cdf(complement(boost::math::chi_squared(1.0), statistic))};
}

PairedT paired_t(std::span<const double> first, std::span<const double> second, double level) {
  check_level(level, "paired_t");
  check_pairs(first, second, 2, "paired_t");
  return t_test(moments(differences(first, second)), static_cast<double>(first.size()) - 1.0,
                level);
}

PairedT welch_t(std::span<const double> first, std::span<const double> second, double level) {
  check_level(level, "welch_t");
  check_finite(first, "welch_t");
  check_finite(second, "welch_t");
  if (first.size() < 2 || second.size() < 2)
    refuse("welch_t: needs at least 2 values in each list (got " + std::to_string(first.size()) +
           " and " + std::to_string(second.size()) + ")");
  const Moments a = moments(first);
  const Moments b = moments(second);
  const double va = a.se * a.se;
  const double vb = b.se * b.se;
  const double all = va + vb;
  const auto na = static_cast<double>(first.size());
  const auto nb = static_cast<double>(second.size());
  const double df =
      all > 0.0 ? all * all / (va * va / (na - 1.0) + vb * vb / (nb - 1.0)) : na + nb - 2.0;
  return t_test({a.mean - b.mean, std::sqrt(all)}, df, level);
}

Tost tost(std::span<const double> first, std::span<const double> second, double margin,
          double level) {
  if (!(level > 0.5 && level < 1.0))
    refuse("tost: level must be in (0.5, 1) (got " + std::to_string(level) + ")");
  if (!(margin > 0.0) || !std::isfinite(margin))
    refuse("tost: margin must be above 0 (got " + std::to_string(margin) + ")");
  check_pairs(first, second, 2, "tost");
  const Moments m = moments(differences(first, second));
  const double df = static_cast<double>(first.size()) - 1.0;
  const double half = critical_t(2.0 * level - 1.0, df) * m.se;
  Tost result;
  result.difference = {m.mean, m.mean - half, m.mean + half};
  result.p_lower = upper_tail(m.mean + margin, m.se, df);
  result.p_upper = upper_tail(margin - m.mean, m.se, df);
  result.p = std::max(result.p_lower, result.p_upper);
  return result;
}

namespace {

/// Share of all sign patterns whose sum is at least as far from 0, in Gray-code order: one sign
/// changes at a time. Exact sums are kept apart from rounding by a tolerance.
double all_flips(const std::vector<double>& d, double reach) {
  double sum = 0.0;
  for (const double v : d) sum += v;
  std::vector<double> sign(d.size(), 1.0);
  std::uint64_t hits = std::abs(sum) >= reach ? 1 : 0;
  const std::uint64_t patterns = std::uint64_t{1} << d.size();
  for (std::uint64_t k = 1; k < patterns; ++k) {
    const auto i = static_cast<std::size_t>(std::countr_zero(k));
    sum -= 2.0 * sign[i] * d[i];
    sign[i] = -sign[i];
    hits += std::abs(sum) >= reach ? 1U : 0U;
  }
  return static_cast<double>(hits) / static_cast<double>(patterns);
}

double drawn_flips(const std::vector<double>& d, double reach, int permutations,
                   std::uint64_t seed) {
  Rng rng(seed, "sign flips");
  int hits = 0;
  for (int k = 0; k < permutations; ++k) {
    double sum = 0.0;
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < d.size(); ++i) {
      if (i % 32 == 0) bits = rng.next_u32();
      sum += (bits & 1U) != 0 ? d[i] : -d[i];
      bits >>= 1U;
    }
    hits += std::abs(sum) >= reach ? 1 : 0;
  }
  return (hits + 1.0) / (permutations + 1.0);
}

}  // namespace

SignFlip sign_flip(std::span<const double> first, std::span<const double> second, int permutations,
                   std::uint64_t seed) {
  check_pairs(first, second, 1, "sign_flip");
  check_permutations(permutations, "sign_flip");
  std::vector<double> d = differences(first, second);
  SignFlip result;
  double sum = 0.0;
  double size = 0.0;
  for (const double v : d) {
    sum += v;
    size += std::abs(v);
  }
  result.difference = sum / static_cast<double>(d.size());
  std::erase(d, 0.0);
  const double reach = std::abs(sum) - 1e-12 * size;
  constexpr std::size_t listed_max = 20;
  result.exact = d.size() <= listed_max;
  if (d.empty()) return result;
  result.p = result.exact ? all_flips(d, reach) : drawn_flips(d, reach, permutations, seed);
  return result;
}

double cluster_se(std::span<const double> values, std::span<const std::int64_t> clusters,
                  bool corrected) {
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
  return std::sqrt(squares * (corrected ? count / (count - 1.0) : 1.0)) / n;
}

}  // namespace xfer::stats
