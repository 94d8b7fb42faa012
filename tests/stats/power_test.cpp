// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/power.hpp"

#include "xfer/error.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace xfer::stats {
namespace {

TEST(Power, items_follow_the_published_formula) {
  PairedDesign design;  // omega^2 = 1/9
  EXPECT_EQ(std::round(items_needed(0.03, design)), 969.0);
  design.first_variance = design.second_variance = 1.0 / 6.0;
  EXPECT_EQ(std::round(items_needed(0.03, design)), 3876.0);
  design.first_samples = design.second_samples = 10;
  EXPECT_EQ(std::round(items_needed(0.03, design)), 1260.0);
  EXPECT_NEAR(smallest_effect(items_needed(0.03, design), design), 0.03, 1e-12);
}

TEST(Power, smallest_differences_match_the_table) {  // in points, to one decimal
  struct Row {
    double items, d10, d20, d30, unpaired;
  };
  for (const Row& row : {Row{164, 6.9, 9.8, 12.0, 15.5}, Row{200, 6.3, 8.9, 10.9, 14.0},
                         Row{500, 4.0, 5.6, 6.9, 8.9}, Row{1000, 2.8, 4.0, 4.9, 6.3},
                         Row{1319, 2.4, 3.5, 4.2, 5.5}}) {
    EXPECT_NEAR(100.0 * smallest_effect_paired(row.items, 0.1), row.d10, 0.0505);
    EXPECT_NEAR(100.0 * smallest_effect_paired(row.items, 0.2), row.d20, 0.0505);
    EXPECT_NEAR(100.0 * smallest_effect_paired(row.items, 0.3), row.d30, 0.0505);
    EXPECT_NEAR(100.0 * smallest_effect_unpaired(row.items), row.unpaired, 0.0505);
  }
}

TEST(Power, t_tests_match_reference_values) {
  EXPECT_NEAR(t_test_size(0.5), 33.367, 5e-4);
  EXPECT_NEAR(t_test_size(0.5, TTestKind::two_samples), 63.766, 5e-4);
  EXPECT_NEAR(t_test_power(0.5, 33.367), 0.8, 1e-5);
  EXPECT_NEAR(t_test_power(0.0, 10), 0.05, 1e-12);
  EXPECT_NEAR(t_test_power(-0.5, 33.367), 0.8, 1e-5);
  EXPECT_NEAR(t_test_power(0.01, 2e6, TTestKind::one_sample), 1.0, 1e-9);
  EXPECT_NEAR(t_test_power(1e6, 5), 1.0, 1e-12);
}

TEST(Power, seeds_match_the_table) {
  const double one[][2] = {{3, 3.26}, {5, 1.68}, {8, 1.16}};
  for (const auto& [seeds, effect] : one)
    EXPECT_NEAR(t_test_smallest_effect(seeds), effect, 0.0051);
  const double two[][2] = {{3, 3.07}, {5, 2.02}, {8, 1.51}};
  for (const auto& [seeds, effect] : two)
    EXPECT_NEAR(t_test_smallest_effect(seeds, TTestKind::two_samples), effect, 0.0051);
}

TEST(Power, correlations_match_the_table) {
  EXPECT_NEAR(smallest_correlation(42), 0.42, 0.005);
  EXPECT_NEAR(smallest_correlation(21), 0.58, 0.005);
  EXPECT_NEAR(smallest_correlation(210), 0.19, 0.005);
  EXPECT_EQ(std::ceil(pairs_needed(0.15)), 347.0);
  EXPECT_NEAR(smallest_correlation(pairs_needed(-0.3)), 0.3, 1e-12);
}

TEST(Power, refuses_impossible_designs) {
  EXPECT_THROW(items_needed(0.0, {}), Error);
  PairedDesign bad;
  bad.item_variance = -1.0;
  EXPECT_THROW(items_needed(0.1, bad), Error);
  bad = {};
  bad.first_samples = 0;
  EXPECT_THROW(smallest_effect(10, bad), Error);
  EXPECT_THROW(smallest_effect_paired(100, 0.0), Error);
  EXPECT_THROW(smallest_effect_unpaired(100, 1.0), Error);
  EXPECT_THROW(t_test_power(0.5, 1.0), Error);
  EXPECT_EQ(t_test_size(1e20), 1.1);
  EXPECT_THROW(t_test_size(0.0), Error);
  EXPECT_THROW(t_test_smallest_effect(1.0), Error);
  EXPECT_THROW(smallest_correlation(3), Error);
  EXPECT_THROW(pairs_needed(1.0), Error);
  EXPECT_THROW(pairs_needed(0.2, {0.95, 0.04}), Error);
  EXPECT_THROW(pairs_needed(0.2, {1.0, 0.8}), Error);
}

}  // namespace
}  // namespace xfer::stats
