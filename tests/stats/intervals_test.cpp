// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/intervals.hpp"

#include "xfer/error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace xfer::stats {
namespace {

// Reference values: SciPy 1.17 and statsmodels 0.15.
TEST(Wilson, matches_reference_values) {
  const Estimate a = wilson(15, 148);
  EXPECT_NEAR(a.value, 15.0 / 148.0, 1e-15);
  EXPECT_NEAR(a.lower, 0.0623863995, 1e-9);
  EXPECT_NEAR(a.upper, 0.1604872417, 1e-9);
  const Estimate b = wilson(5, 10);
  EXPECT_NEAR(b.lower, 0.2365930905, 1e-9);
  EXPECT_NEAR(b.upper, 0.7634069095, 1e-9);
  const Estimate none = wilson(0, 20);
  EXPECT_EQ(none.lower, 0.0);
  EXPECT_NEAR(none.upper, 0.1611251581, 1e-9);
  const Estimate all = wilson(164, 164);
  EXPECT_NEAR(all.lower, 0.9771125749, 1e-9);
  EXPECT_EQ(all.upper, 1.0);
}

TEST(Wilson, refuses_impossible_counts) {
  EXPECT_THROW(wilson(1, 0), Error);
  EXPECT_THROW(wilson(-1, 5), Error);
  EXPECT_THROW(wilson(6, 5), Error);
  EXPECT_THROW(wilson(1, 5, 1.0), Error);
  EXPECT_THROW(wilson(1, 5, std::numeric_limits<double>::quiet_NaN()), Error);
}

TEST(ClopperPearson, matches_reference_values) {
  const Estimate a = clopper_pearson(5, 10);
  EXPECT_NEAR(a.lower, 0.1870860284, 1e-9);
  EXPECT_NEAR(a.upper, 0.8129139716, 1e-9);
  EXPECT_EQ(clopper_pearson(0, 20).lower, 0.0);
  EXPECT_NEAR(clopper_pearson(0, 20).upper, 1.0 - std::pow(0.025, 1.0 / 20.0), 1e-12);
  EXPECT_EQ(clopper_pearson(20, 20).upper, 1.0);
}

TEST(Quantile, interpolates_like_numpy) {
  const std::vector<double> values = {4.0, 1.0, 3.0, 2.0};
  EXPECT_DOUBLE_EQ(quantile(values, 0.0), 1.0);
  EXPECT_DOUBLE_EQ(quantile(values, 1.0), 4.0);
  EXPECT_DOUBLE_EQ(quantile(values, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(values, 0.1), 1.3);
  EXPECT_THROW(quantile({}, 0.5), Error);
  EXPECT_THROW(quantile(values, 1.5), Error);
}

TEST(Fieller, matches_the_worked_example) {
  const Fieller f = fieller({0.12, 0.20, 0.02 * 0.02, 0.025 * 0.025, 0.0});
  EXPECT_TRUE(f.bounded);
  EXPECT_NEAR(f.ratio.value, 0.6, 1e-12);
  EXPECT_NEAR(f.ratio.lower, 0.38273, 5e-6);
  EXPECT_NEAR(f.ratio.upper, 0.89390, 5e-6);
  EXPECT_NEAR(f.g, 0.0600, 5e-5);
}

TEST(Fieller, is_unbounded_when_the_denominator_may_be_zero) {
  const Fieller f = fieller({0.12, 0.04, 0.0004, 0.000625, 0.0});
  EXPECT_FALSE(f.bounded);
  EXPECT_GT(f.g, 1.0);
}

TEST(Fieller, covariance_narrows_a_ratio_of_like_errors) {
  const double wide = fieller({0.12, 0.2, 4e-4, 4e-4, 0.0}).ratio.upper;
  const double narrow = fieller({0.12, 0.2, 4e-4, 4e-4, 3e-4}).ratio.upper;
  EXPECT_LT(narrow, wide);
  EXPECT_THROW(fieller({0.1, 0.0, 1.0, 1.0, 0.0}), Error);
  EXPECT_THROW(fieller({0.1, 0.1, -1.0, 1.0, 0.0}), Error);
}

TEST(Critical, matches_tables) {
  EXPECT_NEAR(critical_normal(0.95), 1.959963985, 1e-9);
  EXPECT_NEAR(critical_t(0.95, 1.0), 12.706204736, 1e-8);
  EXPECT_THROW(critical_t(0.95, 0.0), Error);
}

}  // namespace
}  // namespace xfer::stats
