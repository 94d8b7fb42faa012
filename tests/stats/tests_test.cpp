// SPDX-License-Identifier: Apache-2.0
#include "xfer/error.hpp"
#include "xfer/rng.hpp"
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

TEST(McNemar, large_sample_tests_match_reference_values) {
  EXPECT_NEAR(mcnemar_chi_square(121, 59).statistic, 20.67222222, 1e-8);
  EXPECT_NEAR(mcnemar_chi_square(121, 59).p, 5.450094825e-06, 1e-15);
  EXPECT_NEAR(mcnemar_chi_square(121, 59, false).statistic, 21.35555556, 1e-8);
  EXPECT_NEAR(mcnemar_chi_square(121, 59, false).p, 3.815135865e-06, 1e-15);
  // The two disagree at .05 about this table.
  EXPECT_NEAR(mcnemar_chi_square(6, 16, false).p, 0.0330, 5e-5);
  EXPECT_GT(mcnemar_exact(6, 16), 0.05);
  EXPECT_LT(mcnemar_mid_p(6, 16), 0.05);
  EXPECT_NEAR(mcnemar_mid_p(6, 16), 0.052478790283203125 - 74613.0 / 4194304.0, 1e-14);
  EXPECT_EQ(mcnemar_mid_p(0, 0), 1.0);
  EXPECT_EQ(mcnemar_mid_p(5, 5), 1.0);
  EXPECT_EQ(mcnemar_chi_square(0, 0).p, 1.0);
  EXPECT_EQ(mcnemar_chi_square(3, 3).p, 1.0);
  EXPECT_THROW(mcnemar_chi_square(-1, 3), Error);
  EXPECT_THROW(mcnemar_mid_p(3, -1), Error);
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

TEST(WelchT, ignores_the_pairing_and_loses_the_verdict) {
  const PairedT result = welch_t(drug_1, drug_2);
  EXPECT_NEAR(result.p, 0.0793941402, 1e-10);
  EXPECT_NEAR(result.difference.value, -1.58, 1e-12);
  EXPECT_NEAR(result.df, 17.776473516, 1e-8);
  EXPECT_THROW(welch_t(drug_1, std::vector<double>{1.0}), Error);
  EXPECT_EQ(welch_t(std::vector<double>{1, 1}, std::vector<double>{1, 1}).p, 1.0);
}

TEST(SignFlip, counts_all_patterns_of_the_sleep_data) {
  const SignFlip result = sign_flip(drug_1, drug_2);
  EXPECT_TRUE(result.exact);
  EXPECT_EQ(result.p, 4.0 / 1024.0);  // 2 of 512: one pair does not differ
  EXPECT_NEAR(result.difference, -1.58, 1e-12);
}

TEST(SignFlip, draws_patterns_when_they_are_many) {
  Rng rng(11);
  std::vector<double> a(60);
  std::vector<double> b(60);
  for (std::size_t i = 0; i < a.size(); ++i) {
    a[i] = rng.normal();
    b[i] = a[i] + 0.9 * rng.normal() + 0.25;
  }
  const SignFlip drawn = sign_flip(a, b, 20000, 3);
  EXPECT_FALSE(drawn.exact);
  EXPECT_NEAR(drawn.p, paired_t(a, b).p, 0.01);
  EXPECT_EQ(drawn.p, sign_flip(a, b, 20000, 3).p);
  EXPECT_EQ(sign_flip(a, a).p, 1.0);
  EXPECT_THROW(sign_flip(a, b, 5), Error);
  EXPECT_THROW(sign_flip({}, {}), Error);
}

TEST(Tost, matches_the_sleep_data) {
  EXPECT_NEAR(tost(drug_1, drug_2, 1.0).p, 0.9149, 5e-5);
  EXPECT_NEAR(tost(drug_1, drug_2, 3.0).p, 0.002655570, 1e-9);
  // The interval at 2 * level - 1 lies within the margin exactly when p is small enough.
  const Tost wide = tost(drug_1, drug_2, 3.0);
  EXPECT_GT(wide.difference.lower, -3.0);
  const Tost edge = tost(drug_1, drug_2, -wide.difference.lower);
  EXPECT_NEAR(edge.p, 0.05, 1e-9);
  EXPECT_EQ(tost(drug_1, drug_1, 0.5).p, 0.0);
  EXPECT_THROW(tost(drug_1, drug_2, 0.0), Error);
  EXPECT_THROW(tost(drug_1, drug_2, 1.0, 0.4), Error);
}

TEST(ClusterSe, matches_the_worked_example) {
  const std::vector<double> y = {1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 1, 0, 1, 0, 1, 1};
  const std::vector<std::int64_t> cluster = {0, 0, 0, 0, 1, 1, 1, 2, 2, 2,
                                             2, 2, 3, 3, 4, 4, 4, 4, 4, 4};
  EXPECT_NEAR(cluster_se(y, cluster), 0.13491895716, 1e-10);
  EXPECT_NEAR(cluster_se(y, cluster, false), 0.12067518386, 1e-10);
  std::vector<std::int64_t> alone(20);
  for (std::size_t i = 0; i < alone.size(); ++i) alone[i] = static_cast<std::int64_t>(i);
  EXPECT_NEAR(cluster_se(y, alone), 0.10942433, 1e-8);
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
  EXPECT_EQ(rejected(bonferroni(classic)), 3);
  EXPECT_EQ(rejected(benjamini_yekutieli(classic)), 3);
  EXPECT_NEAR(benjamini_yekutieli(classic)[0], 0.0015 * 3.3182289932, 1e-9);
}

/// Rows of independent standard normals, some shifted.
std::vector<std::vector<double>> normal_rows(std::size_t rows, std::size_t draws, Rng rng) {
  std::vector<std::vector<double>> result(rows, std::vector<double>(draws));
  for (auto& row : result)
    for (double& v : row) v = rng.normal();
  return result;
}

TEST(SimultaneousBands, use_the_largest_statistic_of_all_rows) {
  const auto draws = normal_rows(10, 20000, Rng(4));
  std::vector<BandInput> rows;
  for (const auto& row : draws) rows.push_back({0.0, row});
  const auto bands = simultaneous_bands(rows);
  // Independent rows: the critical value z has (2 Phi(z) - 1)^10 = 0.95.
  for (const Band& band : bands)
    EXPECT_NEAR(band.interval.upper / band.standard_error, 2.7996, 0.05);
  // The same row ten times is one row.
  std::vector<BandInput> same(10, rows[0]);
  EXPECT_NEAR(simultaneous_bands(same)[3].interval.upper, 1.96, 0.04);
  EXPECT_NEAR(simultaneous_bands(std::span(rows).first(1))[0].interval.upper, 1.96, 0.04);
}

TEST(SimultaneousBands, adjust_p_values_and_allow_for_few_degrees_of_freedom) {
  const auto draws = normal_rows(5, 20000, Rng(5));
  std::vector<BandInput> rows;
  std::vector<std::vector<double>> shifted = draws;
  for (std::size_t k = 0; k < draws.size(); ++k) {
    const double shift = k == 0 ? 3.5 : 0.5;
    for (double& v : shifted[k]) v += shift;
    rows.push_back({shift, shifted[k]});
  }
  const auto bands = simultaneous_bands(rows);
  EXPECT_NEAR(bands[0].p, 0.00047, 1e-4);
  EXPECT_NEAR(bands[0].p_adjusted, 5 * 0.00047, 1e-3);
  EXPECT_GT(bands[0].interval.lower, 0.0);
  EXPECT_GT(bands[1].p_adjusted, 0.9);
  for (BandInput& row : rows) row.df = 2.0;
  const auto wide = simultaneous_bands(rows);
  EXPECT_LT(wide[0].interval.lower, 0.0);
  EXPECT_GT(wide[0].p, 0.07);  // Student's t with 2 degrees of freedom
}

TEST(SimultaneousBands, cope_with_rows_without_spread_and_refuse_nonsense) {
  const std::vector<double> flat(200, 0.25);
  const auto noise = normal_rows(1, 200, Rng(6))[0];
  const BandInput rows[] = {{0.25, flat}, {0.0, noise}};
  const auto bands = simultaneous_bands(rows);
  EXPECT_EQ(bands[0].interval.lower, 0.25);
  EXPECT_EQ(bands[0].p, 0.0);
  const std::vector<double> nothing(200);
  const BandInput zero[] = {{0.0, nothing}};
  EXPECT_EQ(simultaneous_bands(zero)[0].p, 1.0);
  EXPECT_THROW(simultaneous_bands({}), Error);
  const BandInput uneven[] = {{0.0, noise}, {0.0, std::span(noise).first(150)}};
  EXPECT_THROW(simultaneous_bands(uneven), Error);
  const BandInput few[] = {{0.0, std::span(noise).first(99)}};
  EXPECT_THROW(simultaneous_bands(few), Error);
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
