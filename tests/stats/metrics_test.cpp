// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/metrics.hpp"

#include "xfer/error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace xfer::stats {
namespace {

using Numbers = std::vector<double>;
using Labels = std::vector<std::int64_t>;

TEST(PassAtK, matches_reference_values) {
  EXPECT_NEAR(pass_at_k(10, 3, 1), 0.3, 1e-12);
  EXPECT_NEAR(pass_at_k(10, 3, 5), 0.9166667, 5e-8);
  EXPECT_NEAR(pass_at_k(200, 20, 10), 0.6602256238, 1e-10);
  EXPECT_NEAR(pass_at_k(200, 20, 100), 0.9999996678, 1e-10);
  EXPECT_EQ(pass_at_k(10, 0, 5), 0.0);
  EXPECT_EQ(pass_at_k(10, 6, 5), 1.0);
  EXPECT_EQ(pass_at_k(10, 10, 10), 1.0);
  EXPECT_THROW(pass_at_k(10, 11, 1), Error);
  EXPECT_THROW(pass_at_k(10, 3, 0), Error);
  EXPECT_THROW(pass_at_k(10, 3, 11), Error);
}

TEST(CohenKappa, matches_the_textbook_table) {
  // 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: kappa 0.4.
  Labels a;
  Labels b;
  const auto add = [&](int count, std::int64_t first, std::int64_t second) {
    for (int i = 0; i < count; ++i) {
      a.push_back(first);
      b.push_back(second);
    }
  };
  add(20, 1, 1);
  add(5, 1, 0);
  add(10, 0, 1);
  add(15, 0, 0);
  const Metric kappa = cohen_kappa(a, b);
  EXPECT_NEAR(kappa.estimate()->value, 0.4, 1e-12);
  EXPECT_LT(kappa.estimate()->lower, 0.4);
  EXPECT_GT(kappa.estimate()->lower, 0.1);
  EXPECT_NEAR(cohen_kappa(a, a).estimate()->value, 1.0, 1e-12);
  EXPECT_FALSE(cohen_kappa(Labels{1, 1}, Labels{1, 1}).defined());
  EXPECT_NEAR(cohen_kappa(Labels{0, 1}, Labels{1, 0}).estimate()->value, -1.0, 1e-12);
  EXPECT_THROW(cohen_kappa(Labels{1}, Labels{1, 2}), Error);
}

TEST(RocAuc, counts_ordered_pairs) {
  EXPECT_NEAR(*roc_auc(Labels{0, 0, 1, 1}, Numbers{.1, .4, .35, .8}).number(), 0.75, 1e-12);
  EXPECT_EQ(*roc_auc(Labels{0, 1, 0, 1}, Numbers{1, 1, 1, 1}).number(), 0.5);
  EXPECT_EQ(roc_auc(Labels{0, 0}, Numbers{1, 2}).reason(), "no positive example");
  EXPECT_EQ(roc_auc(Labels{1, 1}, Numbers{1, 2}).reason(), "no negative example");
  EXPECT_THROW(roc_auc(Labels{0, 2}, Numbers{1, 2}), Error);
  EXPECT_THROW(roc_auc(Labels{0, 1}, Numbers{1, NAN}), Error);
}

TEST(Classification, averages_over_classes) {
  const Labels truth = {0, 0, 0, 0, 1, 1, 2};
  const Labels guess = {0, 0, 0, 1, 1, 0, 3};
  EXPECT_NEAR(balanced_accuracy(truth, guess), (0.75 + 0.5 + 0.0) / 3.0, 1e-12);
  EXPECT_NEAR(macro_f1(truth, guess), (0.75 + 0.5 + 0.0 + 0.0) / 4.0, 1e-12);
  EXPECT_EQ(macro_f1(truth, truth), 1.0);
  EXPECT_THROW(macro_f1(truth, Labels{1}), Error);
  EXPECT_THROW(balanced_accuracy({}, {}), Error);
}

TEST(Regression, measures_errors) {
  const Numbers truth = {3, -0.5, 2, 7};
  const Numbers guess = {2.5, 0.0, 2, 8};
  EXPECT_NEAR(rmse(truth, guess), std::sqrt(0.375), 1e-12);
  EXPECT_NEAR(mae(truth, guess), 0.5, 1e-12);
  EXPECT_NEAR(*r2(truth, guess).number(), 0.9486081370449679, 1e-12);
  EXPECT_EQ(r2(Numbers{1, 1}, Numbers{1, 2}).reason(), "the truth does not vary");
  EXPECT_THROW(rmse(truth, Numbers{1}), Error);
  EXPECT_THROW(mae(Numbers{INFINITY}, Numbers{1}), Error);
  EXPECT_THROW(rmse(Numbers{1e200}, Numbers{1}), Error);
}

}  // namespace
}  // namespace xfer::stats
