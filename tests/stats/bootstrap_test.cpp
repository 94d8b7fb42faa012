// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/bootstrap.hpp"

#include "stats/drawn_rows.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace xfer::stats {
namespace {

double mean(const std::vector<double>& v) {
  return std::accumulate(v.begin(), v.end(), 0.0) / static_cast<double>(v.size());
}

double deviation(const std::vector<double>& v) {
  const double m = mean(v);
  double squares = 0.0;
  for (const double x : v) squares += (x - m) * (x - m);
  return std::sqrt(squares / static_cast<double>(v.size() - 1));
}

TEST(CrossedBootstrap, reaches_the_plug_in_error_of_a_mean) {
  // Student's sleep data, differences: the plug-in limit is the population SD / sqrt(n).
  const std::vector<double> d = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};
  const ArmView arm{d, 1, 0};
  BootstrapOptions options;
  options.resamples = 40000;
  const auto draws = crossed_bootstrap(std::span(&arm, 1), options)[0];
  EXPECT_NEAR(mean(draws), 1.58, 0.01);
  EXPECT_NEAR(deviation(draws), 0.3689986, 0.005);
}

TEST(CrossedBootstrap, is_deterministic_and_independent_of_other_arms) {
  const std::vector<double> a = {0, 1, 1, 0, 1, 1};
  const std::vector<double> b = {1, 1, 0, 0, 1, 0};
  const ArmView both[] = {{a, 1, 7}, {b, 2, 9}};
  BootstrapOptions options;
  options.resamples = 200;
  const ArmView three[] = {{a, 2, 7}, {b, 2, 9}};
  const auto together = crossed_bootstrap(three, options);
  const auto alone = crossed_bootstrap(std::span(three + 1, 1), options);
  EXPECT_EQ(together[1], alone[0]);
  EXPECT_THROW(crossed_bootstrap(both, options), Error);  // 6 items against 3
  options.seed = 1;
  EXPECT_NE(crossed_bootstrap(three, options)[1], alone[0]);
}

TEST(CrossedBootstrap, draws_items_once_for_all_arms) {
  std::vector<double> a(50);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<double>(i % 7);
  std::vector<double> shifted = a;
  for (double& x : shifted) x += 0.25;
  const ArmView arms[] = {{a, 1, 0}, {shifted, 1, 1}};
  const auto draws = crossed_bootstrap(arms, {});
  for (std::size_t r = 0; r < draws[0].size(); ++r)
    ASSERT_NEAR(draws[1][r] - draws[0][r], 0.25, 1e-5);
}

TEST(CrossedBootstrap, seed_spread_is_not_halved_with_two_seeds) {
  // No item spread: the variance of the mean of two seeds is (difference / 2)^2.
  std::vector<double> scores(40, 0.4);
  std::fill(scores.begin() + 20, scores.end(), 0.6);
  const ArmView arm{scores, 2, 0};
  const auto draws = crossed_bootstrap(std::span(&arm, 1), {})[0];
  EXPECT_NEAR(deviation(draws), 0.1, 0.002);
}

TEST(CrossedBootstrap, clusters_and_weights_widen_the_spread) {
  Rng rng(3);
  std::vector<double> scores(200);
  std::vector<std::uint32_t> clusters(200);
  std::vector<double> weights(200);
  for (std::size_t i = 0; i < 200; ++i) {
    clusters[i] = static_cast<std::uint32_t>(i / 10);
    if (i % 10 == 0) weights[i] = rng.uniform();
    scores[i] = i % 10 == 0 ? static_cast<double>(rng.below(2)) : scores[i - 1];
    weights[i] = i % 3 == 0 ? 8.0 : 1.0;
  }
  const ArmView arm{scores, 1, 0};
  const double plain = deviation(crossed_bootstrap(std::span(&arm, 1), {})[0]);
  BootstrapOptions grouped;
  grouped.item_clusters = clusters;
  EXPECT_GT(deviation(crossed_bootstrap(std::span(&arm, 1), grouped)[0]), 2.5 * plain);
  BootstrapOptions weighted;
  weighted.item_weights = weights;
  const auto draws = crossed_bootstrap(std::span(&arm, 1), weighted)[0];
  EXPECT_NEAR(mean(draws), arm_mean(arm, weights), 0.01);
  EXPECT_GT(deviation(draws), 1.2 * plain);
}

TEST(CrossedBootstrap, refuses_malformed_input) {
  const std::vector<double> a = {0, 1, std::numeric_limits<double>::quiet_NaN()};
  const ArmView bad{a, 1, 0};
  EXPECT_THROW(crossed_bootstrap(std::span(&bad, 1), {}), Error);
  EXPECT_THROW(crossed_bootstrap({}, {}), Error);
  const std::vector<double> b = {0, 1, 1};
  const ArmView arm{b, 1, 0};
  const ArmView uneven{b, 2, 0};
  EXPECT_THROW(crossed_bootstrap(std::span(&uneven, 1), {}), Error);
  BootstrapOptions options;
  options.resamples = 5;
  EXPECT_THROW(crossed_bootstrap(std::span(&arm, 1), options), Error);
  const std::vector<std::uint32_t> gap = {0, 0, 2};
  options = {};
  options.item_clusters = gap;
  EXPECT_THROW(crossed_bootstrap(std::span(&arm, 1), options), Error);
  const std::vector<double> weights = {1, 0, 1};
  options = {};
  options.item_weights = weights;
  EXPECT_THROW(crossed_bootstrap(std::span(&arm, 1), options), Error);
}

// Student's sleep data, differences.
const std::vector<double> sleep_differences = {1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4};

TEST(BootstrapMean, intervals_match_the_worked_example) {
  BootstrapOptions options;
  options.resamples = 40000;
  const ArmView arm{sleep_differences, 1, 0};
  const auto percentile = bootstrap_mean(arm, options, IntervalMethod::percentile);
  EXPECT_NEAR(percentile.estimate.value, 1.58, 1e-12);
  EXPECT_NEAR(percentile.estimate.lower, 0.96, 0.02);
  EXPECT_NEAR(percentile.estimate.upper, 2.38, 0.02);
  EXPECT_NEAR(percentile.standard_error, 0.3689986, 0.005);
  EXPECT_EQ(percentile.draws.size(), 40000U);
  const auto bca = bootstrap_mean(arm, options, IntervalMethod::bca);
  EXPECT_NEAR(bca.estimate.lower, 1.05, 0.02);
  EXPECT_NEAR(bca.estimate.upper, 2.64, 0.04);
  const auto adjusted = bootstrap_mean(arm, options);
  EXPECT_NEAR((adjusted.estimate.upper - 1.58) / (percentile.estimate.upper - 1.58),
              2.262157163 / 1.959963985, 1e-6);  // Student's t with 9 degrees of freedom
}

TEST(BootstrapMean, few_seeds_widen_more_than_many_items) {
  std::vector<double> scores;
  Rng rng(8);
  for (int s = 0; s < 3; ++s)
    for (int i = 0; i < 400; ++i) scores.push_back(rng.uniform() < 0.4 + 0.1 * s ? 1.0 : 0.0);
  const ArmView arm{scores, 3, 0};
  const auto percentile = bootstrap_mean(arm, {}, IntervalMethod::percentile);
  const auto adjusted = bootstrap_mean(arm, {});
  const auto width = [](const BootstrapInterval& b) { return b.estimate.upper - b.estimate.lower; };
  EXPECT_GT(width(adjusted), 1.6 * width(percentile));
}

TEST(BootstrapDifference, keeps_the_pairing_over_items) {
  Rng rng(9);
  std::vector<double> a(300);
  std::vector<double> b(300);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = rng.normal();
    b[i] = a[i] - 0.5 + 0.1 * rng.normal();
  }
  const ArmView first{a, 1, 0};
  const ArmView second{b, 1, 1};
  for (const auto method :
       {IntervalMethod::percentile, IntervalMethod::bca, IntervalMethod::adjusted}) {
    const auto d = bootstrap_difference(first, second, {}, method);
    EXPECT_NEAR(d.estimate.value, 0.5, 0.02);
    EXPECT_NEAR(d.estimate.upper - d.estimate.lower, 2 * 1.96 * 0.1 / std::sqrt(300.0), 0.004);
  }
}

TEST(BootstrapMean, bca_uses_clusters_weights_and_seeds) {
  Rng rng(10);
  std::vector<double> scores(2 * 60);
  for (double& v : scores) v = std::exp(rng.normal());
  std::vector<double> weights(60);
  std::vector<std::uint32_t> clusters(60);
  for (std::size_t i = 0; i < 60; ++i) {
    weights[i] = 1.0 + rng.uniform();
    clusters[i] = static_cast<std::uint32_t>(i / 3);
  }
  BootstrapOptions options;
  options.item_weights = weights;
  options.item_clusters = clusters;
  const ArmView arm{scores, 2, 0};
  const auto skewed = bootstrap_mean(arm, options, IntervalMethod::bca);
  const auto plain = bootstrap_mean(arm, options, IntervalMethod::percentile);
  EXPECT_GT(skewed.estimate.upper, plain.estimate.upper);  // the data lean to the right
  EXPECT_GT(skewed.estimate.lower, plain.estimate.lower);
}

TEST(BootstrapMean, no_spread_leaves_no_width_and_one_item_is_refused) {
  const std::vector<double> same(20, 0.5);
  for (const auto method :
       {IntervalMethod::percentile, IntervalMethod::bca, IntervalMethod::adjusted}) {
    const auto flat = bootstrap_mean({same, 2, 0}, {}, method);
    EXPECT_EQ(flat.estimate.lower, 0.5);
    EXPECT_EQ(flat.estimate.upper, 0.5);
    EXPECT_THROW(bootstrap_mean({std::span(same).first(1), 1, 0}, {}, method), Error);
    EXPECT_THROW(bootstrap_mean({same, 2, 0}, {}, method, 1.0), Error);
  }
}

TEST(CrossedBootstrap, item_sets_draw_their_items_apart_but_seeds_together) {
  std::vector<double> by_item(100);
  for (std::size_t i = 0; i < 50; ++i) by_item[i] = by_item[50 + i] = static_cast<double>(i);
  std::vector<double> by_seed(100);
  std::fill(by_seed.begin() + 50, by_seed.end(), 1.0);
  const ArmView arms[] = {{by_item, 2, 3}, {by_seed, 2, 3}};
  BootstrapOptions first;
  BootstrapOptions second;
  second.item_set = 7;
  const auto one = crossed_bootstrap(arms, first);
  const auto other = crossed_bootstrap(arms, second);
  EXPECT_NE(one[0], other[0]);
  for (std::size_t r = 0; r < one[1].size(); ++r) ASSERT_NEAR(one[1][r], other[1][r], 1e-6);
}

TEST(DrawnRows, draw_what_the_random_stream_says_with_any_instructions) {
  for (const std::size_t rows : {1U, 3U, 31U, 32U, 33U, 130U, 1000U}) {
    constexpr std::size_t columns = 11;
    DrawnRows best(rows, columns);
    DrawnRows portable(rows, columns, Instructions::portable);
    Rng values(rows);
    std::vector<float> whole(rows);
    for (std::size_t r = 0; r < rows; ++r)
      for (std::size_t c = 0; c < columns; ++c) {
        // Small integers in the first column, whose sums are exact.
        const auto v =
            static_cast<float>(c == 0 ? static_cast<double>(values.below(1000)) : values.normal());
        if (c == 0) whole[r] = v;
        best.set(r, c, v);
        portable.set(r, c, v);
      }
    constexpr std::uint64_t seed = 0xFEDCBA9876543210U;
    constexpr std::uint64_t stream = 0x0123456789ABCDEFU;
    for (const std::uint64_t resample : {std::uint64_t{0}, std::uint64_t{1} << 33U}) {
      Rng rng = Rng(seed, stream).fork(resample);
      float expected = 0.0F;
      for (std::size_t k = 0; k < rows; ++k)
        expected += whole[(std::uint64_t{rng.next_u32()} * rows) >> 32U];
      const std::vector<float> sums = best.draw(seed, stream, resample);
      EXPECT_EQ(sums[0], expected) << rows;
      EXPECT_EQ(sums, portable.draw(seed, stream, resample)) << rows;
    }
  }
}

}  // namespace
}  // namespace xfer::stats
