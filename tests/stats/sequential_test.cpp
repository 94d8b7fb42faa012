// SPDX-License-Identifier: Apache-2.0
// Bounds against published ones, and the error rate of looking again and again.
#include "xfer/stats/sequential.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

namespace xfer::stats {
namespace {

std::vector<double> equal_times(int looks) {
  std::vector<double> times;
  for (int k = 1; k <= looks; ++k) times.push_back(static_cast<double>(k) / looks);
  return times;
}

double total(const std::vector<double>& parts) {
  return std::accumulate(parts.begin(), parts.end(), 0.0);
}

/// Jennison and Turnbull (2000), tables 2.1 and 2.3: the constants of Pocock's and of O'Brien and
/// Fleming's tests.
TEST(Sequential, crossing_probabilities_agree_with_published_constants) {
  struct Constant {
    int looks;
    double alpha;
    double pocock;
    double obrien_fleming;
  };
  for (const Constant& c : {Constant{2, 0.05, 2.178, 1.977}, Constant{3, 0.05, 2.289, 2.004},
                            Constant{5, 0.05, 2.413, 2.040}, Constant{10, 0.05, 2.555, 2.087},
                            Constant{5, 0.01, 2.986, 2.621}}) {
    const std::vector<double> times = equal_times(c.looks);
    const std::vector<double> flat(times.size(), c.pocock);
    EXPECT_NEAR(total(crossing_probabilities(flat, times)), c.alpha, 2e-4) << c.looks;
    std::vector<double> falling;
    for (const double t : times) falling.push_back(c.obrien_fleming / std::sqrt(t));
    EXPECT_NEAR(total(crossing_probabilities(falling, times)), c.alpha, 2e-4) << c.looks;
  }
}

/// Of the R packages ldbounds and gsDesign (sfLDOF, sfLDPocock), five looks, two-sided 0.05.
TEST(Sequential, spending_bounds_agree_with_published_ones) {
  const std::vector<double> times = equal_times(5);
  const std::vector<double> late = spending_bounds(ErrorSpending::obrien_fleming, 0.05, times);
  const std::vector<double> even = spending_bounds(ErrorSpending::pocock, 0.05, times);
  const double expected_late[] = {4.8769, 3.3569, 2.6803, 2.2898, 2.0310};
  const double expected_even[] = {2.4380, 2.4268, 2.4101, 2.3966, 2.3859};
  for (std::size_t k = 0; k < times.size(); ++k) {
    EXPECT_NEAR(late[k], expected_late[k], 1e-3) << k;
    EXPECT_NEAR(even[k], expected_even[k], 1e-3) << k;
  }
}

TEST(Sequential, all_looks_together_spend_alpha_and_no_more) {
  for (const ErrorSpending spending : {ErrorSpending::obrien_fleming, ErrorSpending::pocock})
    for (const double alpha : {0.05, 0.005})
      for (const std::vector<double>& times :
           {equal_times(1), equal_times(4), std::vector<double>{0.4, 0.5, 0.9, 1.0}}) {
        const auto bounds = spending_bounds(spending, alpha, times);
        const auto spent = crossing_probabilities(bounds, times);
        EXPECT_NEAR(total(spent), alpha, 1e-6 + 1e-4 * alpha);
        double so_far = 0.0;
        for (std::size_t k = 0; k < times.size(); ++k) {
          so_far += spent[k];
          EXPECT_NEAR(so_far, spent_error(spending, alpha, times[k]), 1e-6 + 1e-4 * alpha);
        }
      }
  EXPECT_EQ(spent_error(ErrorSpending::pocock, 0.05, 0.0), 0.0);
  EXPECT_NEAR(spent_error(ErrorSpending::obrien_fleming, 0.05, 1.0), 0.05, 1e-12);
}

TEST(Sequential, refuses_what_makes_no_sense) {
  EXPECT_THROW(spent_error(ErrorSpending::pocock, 0.0, 0.5), Error);
  EXPECT_THROW(spent_error(ErrorSpending::pocock, 0.05, 1.5), Error);
  EXPECT_THROW(spending_bounds(ErrorSpending::pocock, 0.05, std::vector<double>{0.5, 0.5}), Error);
  EXPECT_THROW(crossing_probabilities(std::vector<double>{2.0}, equal_times(2)), Error);
  EXPECT_THROW(crossing_probabilities(std::vector<double>{-1.0}, equal_times(1)), Error);
  SequentialCell cell;
  cell.scores = {{1.0, 0.0}};
  cell.baseline = {0.0, 1.0};
  cell.bound = 2.0;
  EXPECT_THROW(repeated_intervals(std::vector<SequentialCell>{cell}), Error);
  cell.scores = {{1.0, 0.0}, {1.0}};
  EXPECT_THROW(repeated_intervals(std::vector<SequentialCell>{cell}), Error);
}

TEST(Sequential, an_interval_is_the_gain_with_its_bound) {
  Rng rng(5, "sequential");
  SequentialCell cell;
  for (int i = 0; i < 200; ++i) cell.baseline.push_back(rng.uniform() < 0.4 ? 1.0 : 0.0);
  for (int s = 0; s < 4; ++s) {
    auto& row = cell.scores.emplace_back();
    for (int i = 0; i < 200; ++i) row.push_back(rng.uniform() < 0.6 ? 1.0 : 0.0);
  }
  cell.bound = 1.959963985;
  const RepeatedInterval narrow = repeated_intervals(std::vector<SequentialCell>{cell})[0];
  cell.bound = 3.0;
  const RepeatedInterval wide = repeated_intervals(std::vector<SequentialCell>{cell})[0];
  EXPECT_EQ(narrow.gain.value, wide.gain.value);
  EXPECT_LT(wide.gain.lower, narrow.gain.lower);
  EXPECT_NEAR(narrow.gain.value, 0.2, 0.1);
  // Independent answers: the items of the baseline alone already give sqrt(0.24 / 200).
  EXPECT_GT(narrow.standard_error, 0.034);
  EXPECT_LT(narrow.standard_error, 0.06);
  EXPECT_GT(narrow.critical, 1.96);
}

/// 4 seeds on 60 items, of which the first `right[s]` of seed s are right, and half the baseline's.
SequentialCell cell_of(const std::vector<int>& right) {
  SequentialCell cell;
  for (int i = 0; i < 60; ++i) cell.baseline.push_back(i % 2 == 0 ? 1.0 : 0.0);
  for (const int count : right) {
    auto& row = cell.scores.emplace_back();
    for (int i = 0; i < 60; ++i) row.push_back(i < count ? 1.0 : 0.0);
  }
  cell.bound = 2.5;
  return cell;
}

TEST(Sequential, seeds_that_happen_to_agree_borrow_the_variance_of_the_other_cells) {
  const SequentialCell steady = cell_of({40, 40, 40, 40});
  const SequentialCell moody = cell_of({30, 36, 42, 54});
  const auto alone = repeated_intervals(std::vector<SequentialCell>{steady})[0];
  const auto moody_alone = repeated_intervals(std::vector<SequentialCell>{moody})[0];
  const auto both = repeated_intervals(std::vector<SequentialCell>{steady, moody});
  // Seed means 0.5, 0.6, 0.7 and 0.9 have the variance 0.0875 / 3; the steady cell's is 0.
  const double mean = 0.0875 / 3.0 / 2.0;
  const double squared = alone.standard_error * alone.standard_error + mean / 4.0;
  EXPECT_NEAR(both[0].standard_error, std::sqrt(squared), 1e-12);
  // Satterthwaite's: the seeds' part has the 3 + 3 degrees of freedom of both, the rest the items'.
  const double seeds = mean / 4.0;
  const double rest = squared - seeds;
  EXPECT_NEAR(both[0].df, squared * squared / (seeds * seeds / 6.0 + rest * rest / 59.0), 1e-6);
  EXPECT_EQ(both[0].gain.value, alone.gain.value);
  EXPECT_LT(both[0].gain.lower, alone.gain.lower);
  EXPECT_EQ(both[1].standard_error, moody_alone.standard_error);
  EXPECT_EQ(both[1].df, moody_alone.df);
}

TEST(Sequential, items_of_one_cluster_count_as_one) {
  SequentialCell cell = cell_of({40, 40, 40, 40});
  for (std::uint32_t i = 0; i < 60; ++i) cell.item_clusters.push_back(i / 10);
  const SequentialCell other = cell_of({30, 36, 42, 54});
  const auto found = repeated_intervals(std::vector<SequentialCell>{cell, other});
  const auto apart =
      repeated_intervals(std::vector<SequentialCell>{cell_of({40, 40, 40, 40}), other});
  const double seeds = 0.0875 / 3.0 / 2.0 / 4.0;
  const double squared = found[0].standard_error * found[0].standard_error;
  const double rest = squared - seeds;
  // 6 clusters of 10 items.
  EXPECT_NEAR(found[0].df, squared * squared / (seeds * seeds / 6.0 + rest * rest / 5.0), 1e-6);
  EXPECT_GT(found[0].standard_error, apart[0].standard_error);
}

}  // namespace
}  // namespace xfer::stats
