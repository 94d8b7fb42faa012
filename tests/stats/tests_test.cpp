#include "xfer/error.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace xfer::stats {
namespace {

TEST(McNemar, matches_reference_values) {
  EXPECT_NEAR(mcnemar_exact(121, 59), 4.4344492637551645e-06, 1e-17);
  EXPECT_NEAR(mcnemar_exact(5, 18), 0.010622024536132812, 1e-14);
  EXPECT_NEAR(mcnemar_exact(6, 16), 0.052478790283203125, 1e-14);
  EXPECT_EQ(mcnemar_exact(16, 6), mcnemar_exact(6, 16));
  EXPECT_EQ(mcnemar_exact(0, 0), 1.0);
  EXPECT_EQ(mcnemar_exact(7, 7), 1.0);
  EXPECT_THROW(mcnemar_exact(-1, 3), Error);
}

// Student's sleep data: extra hours of sleep under two drugs, ten patients.
const std::vector<double> drug_1 = {0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0};
const std::vector<double> drug_2 = {1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4};

TEST(PairedT, matches_students_sleep_data) {
  const PairedT result = paired_t(drug_1, drug_2);
  EXPECT_NEAR(result.t, -4.062127683, 1e-9);
  EXPECT_EQ(result.df, 9.0);
  EXPECT_NEAR(result.p, 0.002832890197, 1e-11);
  EXPECT_NEAR(result.difference.value, -1.58, 1e-12);
  EXPECT_NEAR(result.difference.lower, -2.4598857633, 1e-9);
  EXPECT_NEAR(result.difference.upper, -0.7001142367, 1e-9);
}

TEST(PairedT, copes_with_no_spread_and_refuses_nonsense) {
  const std::vector<double> a = {1.0, 2.0};
  const std::vector<double> b = {0.0, 1.0};
  EXPECT_EQ(paired_t(a, a).p, 1.0);
  EXPECT_EQ(paired_t(a, b).p, 0.0);
  EXPECT_TRUE(std::isinf(paired_t(a, b).t));
  EXPECT_THROW(paired_t(a, drug_1), Error);
  EXPECT_THROW(paired_t(std::vector<double>{1.0}, std::vector<double>{1.0}), Error);
  const std::vector<double> bad = {1.0, std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THROW(paired_t(a, bad), Error);
}

TEST(ClusterSe, matches_the_worked_example) {
  const std::vector<double> y = {1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1};
  const std::vector<std::int64_t> cluster = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2,
                                             2, 2, 3, 3, 4, 4, 4, 4, 4, 4};
  EXPECT_NEAR(cluster_se(y, cluster), 0.13491895716, 1e-10);
  EXPECT_THROW(cluster_se(y, std::vector<std::int64_t>(20, 1)), Error);
  EXPECT_THROW(cluster_se(y, std::vector<std::int64_t>(19, 1)), Error);
}

// The fifteen p-values of Benjamini and Hochberg 1995.
const std::vector<double> classic = {.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344,
                                     .0459, .3240, .4262, .5719, .6528, .7590, 1.0};

std::ptrdiff_t rejected(const std::vector<double>& adjusted) {
  return std::count_if(adjusted.begin(), adjusted.end(), [](double p) { return p <= 0.05; });
}

TEST(Multiplicity, matches_the_1995_example) {
  const auto bh = benjamini_hochberg(classic);
  EXPECT_EQ(rejected(bh), 4);
  const double expected[] = {.0015, .003, .0095, .035625, .0603};
  for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_NEAR(bh[i], expected[i], 1e-12);
  EXPECT_EQ(rejected(holm(classic)), 3);
}

TEST(Multiplicity, keeps_the_order_given_and_never_lowers_a_p_value) {
  const std::vector<double> shuffled = {0.04, 0.01, 0.03};
  const auto h = holm(shuffled);
  EXPECT_DOUBLE_EQ(h[0], 0.06);
  EXPECT_DOUBLE_EQ(h[1], 0.03);
  EXPECT_DOUBLE_EQ(h[2], 0.06);
  const auto bh = benjamini_hochberg(shuffled);
  EXPECT_DOUBLE_EQ(bh[0], 0.04);
  EXPECT_DOUBLE_EQ(bh[1], 0.03);
  EXPECT_DOUBLE_EQ(bh[2], 0.04);
  EXPECT_TRUE(holm({}).empty());
  EXPECT_THROW(holm(std::vector<double>{0.5, 1.5}), Error);
  EXPECT_THROW(benjamini_hochberg(std::vector<double>{-0.1}), Error);
}

}  // namespace
}  // namespace xfer::stats
