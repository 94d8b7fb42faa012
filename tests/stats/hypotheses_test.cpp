// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/hypotheses.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/effects.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace xfer::stats {
namespace {

using Rows = std::vector<std::vector<double>>;

/// The first `right` of `items` are right.
Rows rows(int items, std::initializer_list<int> right) {
  Rows all;
  for (const int r : right) {
    all.emplace_back();
    for (int i = 0; i < items; ++i) all.back().push_back(i < r ? 1.0 : 0.0);
  }
  return all;
}

TEST(MainEffects, recovers_an_additive_matrix_without_its_diagonal) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  const std::vector<double> source = {0.03, -0.01, 0.0, -0.02};
  const std::vector<double> target = {0.05, -0.05, 0.02, -0.02};
  std::vector<PairGain> cells;
  for (std::size_t s = 0; s < 4; ++s)
    for (std::size_t t = 0; t < 4; ++t)
      if (s != t) cells.push_back({names[s], names[t], 0.1 + source[s] + target[t]});
  const MainEffects found = main_effects(cells);
  EXPECT_NEAR(found.mean, 0.1, 1e-9);
  for (const MainEffect& e : found.sources)
    EXPECT_NEAR(e.effect, source[static_cast<std::size_t>(e.name[0] - 'a')], 1e-9) << e.name;
  for (const MainEffect& e : found.targets)
    EXPECT_NEAR(e.effect, target[static_cast<std::size_t>(e.name[0] - 'a')], 1e-9) << e.name;
  for (const double rest : found.interaction) EXPECT_NEAR(rest, 0.0, 1e-9);
  EXPECT_NEAR(*found.interaction_share.number(), 0.0, 1e-9);
  EXPECT_GT(*found.target_share.number(), *found.source_share.number());
}

TEST(MainEffects, of_one_row_says_that_the_design_cannot_tell) {
  const std::vector<PairGain> cells = {{"a", "b", 0.1}, {"a", "c", 0.3}};
  const MainEffects found = main_effects(cells);
  EXPECT_NEAR(found.mean, 0.2, 1e-12);
  EXPECT_FALSE(found.interaction_share.defined());
  EXPECT_FALSE(found.interaction_share.reason().empty());
}

TEST(MainEffects, refuses_what_it_cannot_use) {
  EXPECT_THROW(main_effects({}), Error);
  const std::vector<PairGain> twice = {{"a", "b", 0.1}, {"a", "b", 0.3}};
  EXPECT_THROW(main_effects(twice), Error);
  const std::vector<PairGain> infinite = {{"a", "b", INFINITY}};
  EXPECT_THROW(main_effects(infinite), Error);
}

ComparedCell compared(const std::string& source, const std::string& target, int first, int second) {
  ComparedCell cell;
  cell.source = source;
  cell.target = target;
  cell.first = {"sequential " + source + " " + target, rows(100, {first, first + 2})};
  cell.second = {"direct " + target, rows(100, {second, second + 1})};
  return cell;
}

TEST(PooledDifference, is_the_mean_over_cells_with_both_kinds_of_interval) {
  const std::vector<ComparedCell> cells = {compared("a", "b", 60, 50), compared("c", "b", 58, 50),
                                           compared("b", "a", 71, 60)};
  const PooledDifference d = pooled_difference(cells);
  ASSERT_TRUE(d.these_cells.defined());
  EXPECT_NEAR(d.these_cells.estimate()->value, (10.5 + 8.5 + 11.5) / 300.0, 1e-9);
  EXPECT_GT(d.these_cells.estimate()->lower, 0.0);
  ASSERT_TRUE(d.like_cells.defined());
  EXPECT_NEAR(d.like_cells.estimate()->value, d.these_cells.estimate()->value, 1e-12);
  EXPECT_LT(d.like_cells_p, 0.05);
  EXPECT_EQ(d.positive, 3);
  EXPECT_NEAR(d.sign_p, 0.25, 1e-12);  // 2 of the 8 sign patterns
  EXPECT_EQ(d.runs, 10);               // the direct runs of "b" count once
}

TEST(PooledDifference, of_equal_runs_is_bounded_by_the_items_alone) {
  ComparedCell cell = compared("a", "b", 50, 50);
  cell.second.scores = cell.first.scores;
  const PooledDifference d = pooled_difference(std::span(&cell, 1));
  ASSERT_TRUE(d.these_cells.defined());
  EXPECT_EQ(d.these_cells.estimate()->value, 0.0);
  EXPECT_EQ(d.these_cells_p, 1.0);
  EXPECT_FALSE(d.like_cells.defined());
}

TEST(SimilarityTransfer, finds_the_order_within_targets_behind_strong_sources) {
  // Source 0 is good for every target and, in the similarity, near to none.
  std::vector<PairValue> cells;
  Rng rng(7, "similarity");
  for (int t = 0; t < 6; ++t)
    for (int s = 0; s < 6; ++s) {
      if (s == t) continue;
      const double similarity = rng.uniform();
      cells.push_back(
          {s, t, similarity - (s == 0 ? 2.0 : 0.0), 0.1 * similarity + (s == 0 ? 0.5 : 0.0)});
    }
  const SimilarityTransfer with = similarity_transfer(cells, Value(0.64));
  ASSERT_TRUE(with.coefficient.defined());
  EXPECT_NEAR(*with.coefficient.number(), 1.0, 1e-9);
  EXPECT_LT(with.p, 0.001);
  EXPECT_EQ(with.targets, 6);
  EXPECT_EQ(with.cells, 30);
  const SimilarityTransfer without = similarity_transfer(cells, Value(0.64), false);
  EXPECT_LT(*without.coefficient.number(), 0.5);
}

TEST(SimilarityTransfer, corrects_for_noise_and_tells_its_power) {
  std::vector<PairValue> cells;
  for (int t = 0; t < 7; ++t)
    for (int s = 0; s < 7; ++s)
      if (s != t) cells.push_back({s, t, 1.0 * ((s * 3 + t) % 7), 1.0 * ((s * 5 + 2 * t) % 7)});
  const SimilarityTransfer found = similarity_transfer(cells, Value(0.25), false);
  ASSERT_TRUE(found.attenuated.defined());
  EXPECT_NEAR(*found.attenuated.number(), std::clamp(2.0 * *found.coefficient.number(), -1.0, 1.0),
              1e-12);
  EXPECT_NEAR(*found.smallest.number(), 0.42, 0.005);  // 42 ordered pairs of 7 domains
  EXPECT_FALSE(similarity_transfer(cells, Undefined{"one seed"}, false).attenuated.defined());
  EXPECT_FALSE(similarity_transfer({}, Value(1.0)).coefficient.defined());
}

}  // namespace
}  // namespace xfer::stats
