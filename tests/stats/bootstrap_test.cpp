#include "xfer/stats/bootstrap.hpp"

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

}  // namespace
}  // namespace xfer::stats
