// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/score_table.hpp"
#include "xfer/error.hpp"
#include "xfer/stats/transferability_index.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

namespace xfer::stats {
namespace {

/// RTE under T5-small, eight seeds: Kim et al. 2023 (arXiv 2305.13256), n = 277.
const std::vector<double> rte = {163, 164, 165, 170, 161, 165, 167, 172};

std::vector<double> of_items(const std::vector<double>& right) {
  std::vector<double> shares;
  for (const double r : right) shares.push_back(r / 277.0);
  return shares;
}

TEST(ScoreVerdicts, of_a_constant_gain_are_those_of_its_runs) {
  std::vector<double> trained = of_items(rte);
  for (double& score : trained) score += 0.05;
  const std::vector<ScoreCell> cells = {{"qnli", "rte", of_items(rte), trained, 277}};
  const ScoreVerdict v = score_verdicts(cells)[0];
  EXPECT_NEAR(v.gain.estimate()->value, 0.05, 1e-12);
  EXPECT_EQ(*v.share_above.number(), 1.0);
  EXPECT_EQ(v.verdict, TransferVerdict::gain);
  EXPECT_NEAR(v.mean, 0.05 + 1327.0 / 277.0 / 8.0, 1e-12);
}

TEST(ScoreVerdicts, ties_are_not_above) {
  const std::vector<ScoreCell> cells = {{"a", "b", {0.5, 0.5}, {0.5, 0.6}, 0}};
  const ScoreVerdict v = score_verdicts(cells)[0];
  EXPECT_EQ(*v.share_above.number(), 0.5);
  EXPECT_NEAR(*v.relative_change.number(), 0.1, 1e-12);
  EXPECT_EQ(v.verdict, TransferVerdict::inconclusive);
}

// Guru (Cheng et al. 2025, arXiv 2506.14965), Table 2: Qwen2.5-7B after 200 steps of reinforcement
// learning on unfiltered against filtered mathematics.
TEST(ScoreVerdicts, print_the_verdict_and_not_the_sign) {
  const std::vector<ScoreCell> cells = {
      {"math", "MATH500", {0.758}, {0.786}, 500},
      {"math", "HumanEval", {0.823}, {0.731}, 164},
      {"math", "AIME24", {0.158}, {0.217}, 0},
      {"math", "LCB", {0.111}, {0.107}, 0},
  };
  const auto v = score_verdicts(cells);
  EXPECT_NEAR(v[1].gain.estimate()->value, -0.092, 1e-12);
  EXPECT_LT(v[1].p, 0.05);  // alone it would be called a loss
  EXPECT_EQ(v[1].verdict, TransferVerdict::inconclusive);
  EXPECT_EQ(v[0].verdict, TransferVerdict::inconclusive);
  EXPECT_EQ(v[2].verdict, TransferVerdict::refused);
  EXPECT_FALSE(v[2].reason.empty());
  const std::vector<ScoreCell> alone = {cells[1]};
  EXPECT_EQ(score_verdicts(alone)[0].verdict, TransferVerdict::loss);
}

TEST(ScoreVerdicts, refuse_a_baseline_of_zero_and_scores_out_of_range) {
  const std::vector<ScoreCell> zero = {{"a", "b", {0.0, 0.0}, {0.3, 0.4}, 0}};
  EXPECT_EQ(score_verdicts(zero)[0].verdict, TransferVerdict::refused);
  EXPECT_FALSE(score_verdicts(zero)[0].relative_change.defined());
  for (const ScoreCell& bad : {ScoreCell{"a", "b", {1.2}, {0.3}, 0}, ScoreCell{"a", "b", {}, {}, 0},
                               ScoreCell{"a", "b", {0.5}, {-0.1}, 0}})
    EXPECT_THROW(score_verdicts(std::span(&bad, 1)), Error);
  const std::vector<ScoreCell> twice = {zero[0], zero[0]};
  EXPECT_THROW(score_verdicts(twice), Error);
  EXPECT_TRUE(score_verdicts({}).empty());
}

}  // namespace
}  // namespace xfer::stats
