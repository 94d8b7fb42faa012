// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/rank.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace xfer::stats {
namespace {

using Numbers = std::vector<double>;

TEST(Ranks, share_the_mean_of_tied_places) {
  EXPECT_EQ(ranks(Numbers{10, 30, 20, 20}), (Numbers{1, 4, 2.5, 2.5}));
  EXPECT_TRUE(ranks({}).empty());
}

TEST(RankCorrelation, matches_reference_values) {
  const Numbers a = {1, 2, 3, 4, 5, 6, 7};
  const Numbers b = {1, 3, 2, 5, 4, 7, 6};
  EXPECT_NEAR(*spearman(a, b).number(), 0.8928571429, 1e-10);
  EXPECT_NEAR(*kendall(a, b).number(), 0.7142857143, 1e-10);
  const Numbers c = {1, 2, 2, 3, 4};
  const Numbers d = {2, 1, 3, 3, 5};
  EXPECT_NEAR(*spearman(c, d).number(), 0.7631578947, 1e-10);
  EXPECT_NEAR(*kendall(c, d).number(), 0.6666666667, 1e-10);
  EXPECT_EQ(*spearman(a, a).number(), 1.0);
  EXPECT_EQ(*kendall(a, Numbers{7, 6, 5, 4, 3, 2, 1}).number(), -1.0);
}

TEST(RankCorrelation, undefined_is_a_value_with_a_reason) {
  EXPECT_EQ(spearman(Numbers{1, 1, 1}, Numbers{1, 2, 3}).reason(),
            "one of the lists does not vary");
  EXPECT_EQ(kendall(Numbers{1}, Numbers{2}).reason(), "needs at least 2 pairs");
  EXPECT_THROW(spearman(Numbers{1, 2}, Numbers{1}), Error);
  EXPECT_THROW(kendall(Numbers{1, NAN}, Numbers{1, 2}), Error);
}

/// All ordered pairs of `domains`, transfer following similarity with some noise.
std::vector<PairValue> cells(std::int64_t domains, double slope, Rng& rng) {
  std::vector<PairValue> all;
  for (std::int64_t t = 0; t < domains; ++t)
    for (std::int64_t s = 0; s < domains; ++s) {
      if (s == t) continue;
      const double x = rng.normal();
      all.push_back({s, t, x, slope * x + rng.normal() + static_cast<double>(t)});
    }
  return all;
}

TEST(WithinTarget, finds_what_is_there_and_is_deterministic) {
  Rng rng(1);
  const auto strong = cells(7, 2.0, rng);
  const PermutationTest found = within_target(strong);
  EXPECT_GT(*found.coefficient.number(), 0.5);
  EXPECT_LT(found.p, 0.001);
  EXPECT_EQ(found.groups, 7);
  EXPECT_EQ(found.p, within_target(strong).p);
  PermutationOptions by_kendall;
  by_kendall.measure = RankMeasure::kendall;
  EXPECT_LT(within_target(strong, by_kendall).p, 0.001);
}

TEST(WithinTarget, differences_between_targets_do_not_count) {
  // Similarity and transfer both depend on the target alone but for a tie-breaking trace.
  std::vector<PairValue> all;
  Rng rng(2);
  for (std::int64_t t = 0; t < 6; ++t)
    for (std::int64_t s = 0; s < 6; ++s)
      if (s != t)
        all.push_back({s, t, static_cast<double>(t) + 1e-3 * rng.normal(),
                       static_cast<double>(t) + 1e-3 * rng.normal()});
  Numbers x;
  Numbers y;
  for (const PairValue& c : all) {
    x.push_back(c.similarity);
    y.push_back(c.transfer);
  }
  EXPECT_GT(*spearman(x, y).number(), 0.9);
  EXPECT_LT(std::abs(*within_target(all).coefficient.number()), 0.5);
}

TEST(WithinTarget, p_values_are_uniform_under_no_relation) {
  Rng rng(3);
  int rejected = 0;
  constexpr int studies = 400;
  for (int k = 0; k < studies; ++k) {
    PermutationOptions options;
    options.permutations = 199;
    options.seed = static_cast<std::uint64_t>(k);
    rejected += within_target(cells(5, 0.0, rng), options).p <= 0.05 ? 1 : 0;
  }
  EXPECT_LE(rejected, studies * 8 / 100);
  EXPECT_GE(rejected, studies * 2 / 100);
}

TEST(WithinTarget, refuses_nonsense_and_says_when_there_is_nothing_to_test) {
  const std::vector<PairValue> few = {{0, 1, 0.5, 0.1}, {2, 1, 0.3, 0.2}};
  EXPECT_FALSE(within_target(few).coefficient.defined());
  EXPECT_EQ(within_target(few).p, 1.0);
  const std::vector<PairValue> twice = {{0, 1, 0.5, 0.1}, {0, 1, 0.3, 0.2}};
  EXPECT_THROW(within_target(twice), Error);
  PermutationOptions options;
  options.permutations = 1;
  EXPECT_THROW(within_target(few, options), Error);
}

TEST(Mantel, relabels_rows_and_columns_together) {
  // Five domains on a line: distance against distance squared, with the diagonal ignored.
  constexpr std::size_t n = 5;
  Numbers x(n * n);
  Numbers y(n * n);
  const double place[n] = {0.0, 1.0, 2.2, 3.7, 5.5};
  for (std::size_t i = 0; i < n; ++i)
    for (std::size_t j = 0; j < n; ++j) {
      x[i * n + j] = i == j ? NAN : std::abs(place[i] - place[j]);
      y[i * n + j] = i == j ? NAN : x[i * n + j] * x[i * n + j];
    }
  const PermutationTest test = mantel(x, y, n);
  EXPECT_NEAR(*test.coefficient.number(), 1.0, 1e-12);
  EXPECT_TRUE(test.exact);
  EXPECT_EQ(test.p, 1.0 / 120.0);  // only the order itself
  EXPECT_THROW(mantel(x, y, 4), Error);
  EXPECT_FALSE(mantel(Numbers(4), Numbers(4), 2).coefficient.defined());
  EXPECT_FALSE(mantel(Numbers(25), x, n).coefficient.defined());
}

TEST(Mantel, draws_permutations_of_many_domains) {
  constexpr std::size_t n = 12;
  Rng rng(4);
  Numbers x(n * n);
  Numbers y(n * n);
  for (std::size_t k = 0; k < x.size(); ++k) {
    x[k] = rng.normal();
    y[k] = rng.normal();
  }
  PermutationOptions options;
  options.permutations = 500;
  const PermutationTest test = mantel(x, y, n, options);
  EXPECT_FALSE(test.exact);
  EXPECT_GT(test.p, 0.01);
  for (std::size_t k = 0; k < x.size(); ++k) y[k] += x[k];
  EXPECT_LT(mantel(x, y, n, options).p, 0.01);
}

TEST(MannWhitney, is_exact_for_small_lists) {
  // All of the first list below the second: 1 of C(7, 3) orders, and its mirror image.
  const MannWhitney apart = mann_whitney(Numbers{1, 2, 3}, Numbers{4, 5, 6, 7});
  EXPECT_EQ(apart.u, 0.0);
  EXPECT_TRUE(apart.exact);
  EXPECT_NEAR(apart.p, 2.0 / 35.0, 1e-14);
  EXPECT_NEAR(mann_whitney(Numbers{4, 5, 6, 7}, Numbers{1, 2, 3}).p, 2.0 / 35.0, 1e-14);
  const MannWhitney even = mann_whitney(Numbers{1, 4}, Numbers{2, 3});
  EXPECT_EQ(even.probability, 0.5);
  EXPECT_EQ(even.p, 1.0);
  EXPECT_THROW(mann_whitney({}, Numbers{1}), Error);
}

TEST(MannWhitney, approximates_with_ties_and_many_values) {
  const MannWhitney ties = mann_whitney(Numbers{1, 1, 2, 3}, Numbers{2, 3, 4, 4, 5});
  EXPECT_FALSE(ties.exact);
  EXPECT_EQ(ties.u, 2.0);
  EXPECT_EQ(mann_whitney(Numbers{1, 1}, Numbers{1, 1, 1}).p, 1.0);
  Numbers a(200);
  Numbers b(200);
  Rng rng(5);
  for (double& v : a) v = rng.normal();
  for (double& v : b) v = rng.normal() + 1.0;
  EXPECT_LT(mann_whitney(a, b).p, 1e-10);
  EXPECT_NEAR(mann_whitney(a, b).probability, 0.24, 0.05);
}

}  // namespace
}  // namespace xfer::stats
