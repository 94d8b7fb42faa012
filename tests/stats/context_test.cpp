// SPDX-License-Identifier: Apache-2.0
// The metrics of a cell that need more than the scores on its target.
#include "xfer/error.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/learning_curve.hpp"
#include "xfer/stats/robustness.hpp"
#include "xfer/stats/transfer.hpp"
#include "xfer/stats/transferability_index.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace xfer::stats {
namespace {

/// `right` ones, spread evenly, among n items.
std::vector<double> row(std::size_t n, std::size_t right) {
  std::vector<double> scores(n);
  for (std::size_t i = 0; i < n; ++i)
    scores[i] = (i * right) / n != ((i + 1) * right) / n ? 1.0 : 0.0;
  return scores;
}

std::vector<ConditionScores> on_target() {
  return {{Condition::baseline, {row(400, 100)}},
          {Condition::transfer, {row(400, 180), row(400, 196)}},
          {Condition::direct, {row(400, 300), row(400, 308)}},
          {Condition::sequential, {row(400, 320), row(400, 324)}}};
}

CellContext context() {
  CellContext c;
  c.source.conditions = {{Condition::baseline, {row(300, 90)}},
                         {Condition::transfer, {row(300, 240), row(300, 234)}},
                         {Condition::direct, {row(300, 120), row(300, 126)}},
                         {Condition::sequential, {row(300, 210), row(300, 204)}}};
  c.retained.conditions = {{Condition::baseline, {row(500, 300)}},
                           {Condition::transfer, {row(500, 250), row(500, 260)}}};
  c.held_out.conditions = {{Condition::baseline, {row(200, 40)}},
                           {Condition::transfer, {row(200, 70), row(200, 74)}}};
  c.spending = Spending{3.0, 0.5, 0.5, 2e6};
  return c;
}

TEST(CellContext, values_follow_the_definitions) {
  const auto cell = on_target();
  const TransferMetrics m = transfer_metrics(cell, {}, context()).metrics;
  const double gain = 0.47 - 0.25;
  const double own = 0.79 - 0.30;
  const double back = 0.41 - 0.30;
  EXPECT_NEAR(m.headroom_gain.estimate()->value, gain / 0.75, 1e-12);
  EXPECT_NEAR(m.source_normalised.estimate()->value, gain / own, 1e-12);
  EXPECT_NEAR(m.forgetting.estimate()->value, 0.51 - 0.60, 1e-12);
  EXPECT_NEAR(m.sequential_forgetting.estimate()->value, 0.69 - 0.79, 1e-12);
  EXPECT_NEAR(m.asymmetry.estimate()->value, gain - back, 1e-12);
  EXPECT_NEAR(m.standardised_asymmetry.estimate()->value, gain / 0.51 - back / own, 1e-12);
  EXPECT_NEAR(m.held_out_gain.estimate()->value, 0.16, 1e-12);
  EXPECT_NEAR(m.generalisation.estimate()->value, 0.16 - gain, 1e-12);
  EXPECT_NEAR(m.gain_per_dollar.estimate()->value, 100.0 * gain / 4.0, 1e-12);
  EXPECT_NEAR(m.gain_per_million_tokens.estimate()->value, 100.0 * gain / 2.0, 1e-12);
  EXPECT_NEAR(m.gain_per_dollar.estimate()->lower, 25.0 * m.gain.estimate()->lower, 1e-12);
  for (const Metric* metric :
       {&m.headroom_gain, &m.source_normalised, &m.forgetting, &m.sequential_forgetting,
        &m.asymmetry, &m.standardised_asymmetry, &m.held_out_gain, &m.generalisation}) {
    EXPECT_LT(metric->estimate()->lower, metric->estimate()->value);
    EXPECT_GT(metric->estimate()->upper, metric->estimate()->value);
  }
  EXPECT_LT(m.forgetting.estimate()->upper, 0.0);
}

TEST(CellContext, leaves_the_other_metrics_as_they_are) {
  const auto cell = on_target();
  const Estimate with = *transfer_metrics(cell, {}, context()).metrics.gain.estimate();
  const Estimate without = *transfer_metrics(cell).metrics.gain.estimate();
  EXPECT_EQ(with.lower, without.lower);
  EXPECT_EQ(with.upper, without.upper);
}

TEST(CellContext, what_is_not_known_is_undefined_and_says_why) {
  const auto cell = on_target();
  const TransferMetrics m = transfer_metrics(cell).metrics;
  EXPECT_TRUE(m.headroom_gain.defined());
  EXPECT_EQ(m.source_normalised.reason(), "no scores on the source's items");
  EXPECT_EQ(m.sequential_forgetting.reason(), "no scores on the source's items");
  EXPECT_EQ(m.asymmetry.reason(), "no scores on the source's items");
  EXPECT_EQ(m.standardised_asymmetry.reason(), "no scores on the source's items");
  EXPECT_EQ(m.forgetting.reason(), "no scores on retained tasks");
  EXPECT_EQ(m.held_out_gain.reason(), "no scores on a held-out set");
  EXPECT_EQ(m.generalisation.reason(), "no scores on a held-out set");
  EXPECT_EQ(m.gain_per_dollar.reason(), "what was spent is not known");
  CellContext some = context();
  some.source.conditions.resize(2);
  some.spending = Spending{};
  const TransferMetrics n = transfer_metrics(cell, {}, some).metrics;
  EXPECT_TRUE(n.source_normalised.defined());
  EXPECT_EQ(n.asymmetry.reason(), "no direct condition on the source's items");
  EXPECT_EQ(n.gain_per_dollar.reason(), "no money was spent");
  EXPECT_EQ(n.gain_per_million_tokens.reason(), "no tokens were metered");
}

TEST(CellContext, ratios_need_denominators_that_are_clearly_there) {
  auto cell = on_target();
  CellContext c = context();
  c.source.conditions[1].scores = {row(300, 92), row(300, 91)};
  const TransferMetrics m = transfer_metrics(cell, {}, c).metrics;
  EXPECT_EQ(m.source_normalised.reason(),
            "gain on the source's own items not distinguishable from 0");
  EXPECT_EQ(m.standardised_asymmetry.reason(), m.source_normalised.reason());
  EXPECT_TRUE(m.asymmetry.defined());
  cell[0].scores = {row(400, 390)};
  EXPECT_EQ(transfer_metrics(cell).metrics.headroom_gain.reason(),
            "the baseline leaves less than 5.0 % of room");
}

TEST(CellContext, bits_per_byte_have_zero_as_their_best) {
  Rng rng(1);
  std::vector<double> base(200);
  std::vector<double> tuned(200);
  for (std::size_t i = 0; i < base.size(); ++i) {
    base[i] = 1.0 + 0.2 * rng.uniform();
    tuned[i] = base[i] - 0.1 - 0.02 * rng.uniform();
  }
  const std::vector<ConditionScores> cell = {{Condition::baseline, {base}},
                                             {Condition::transfer, {tuned}}};
  TransferOptions options;
  options.kind = ScoreKind::bits_per_byte;
  const TransferMetrics m = transfer_metrics(cell, options).metrics;
  EXPECT_NEAR(m.headroom_gain.estimate()->value, m.relative_transfer.estimate()->value, 1e-12);
}

TEST(CellContext, refuses_malformed_input) {
  const auto cell = on_target();
  CellContext c = context();
  c.source.conditions[1].scores.pop_back();  // two seeds on the target, one on the source
  EXPECT_THROW(transfer_metrics(cell, {}, c), Error);
  c = context();
  c.source.conditions.erase(c.source.conditions.begin());  // no baseline
  EXPECT_THROW(transfer_metrics(cell, {}, c), Error);
  c = context();
  c.retained.conditions[1].scores[0][3] = 2.0;
  EXPECT_THROW(transfer_metrics(cell, {}, c), Error);
  c = context();
  c.held_out.item_weights = {1.0};
  EXPECT_THROW(transfer_metrics(cell, {}, c), Error);
  c = context();
  c.spending->train_usd = -1.0;
  EXPECT_THROW(transfer_metrics(cell, {}, c), Error);
}

TEST(PromptRobustness, ranks_wordings_and_watches_the_sign) {
  const std::vector<PromptVariant> same_sign = {
      {"plain", {row(400, 100)}, {row(400, 160), row(400, 168)}},
      {"formal", {row(400, 120)}, {row(400, 240), row(400, 248)}},
      {"terse", {row(400, 80)}, {row(400, 160), row(400, 164)}}};
  const Robustness good = prompt_robustness(same_sign);
  EXPECT_EQ(good.worst, 0U);
  EXPECT_EQ(good.best, 1U);
  EXPECT_NEAR(good.median.value, 0.205, 1e-12);
  EXPECT_NEAR(good.spread, 0.31 - 0.16, 1e-12);
  EXPECT_EQ(good.sign, SignSurvival::survives);
  // Wider than the interval of one wording alone: the worst was chosen among them.
  const std::vector<ConditionScores> alone = {{Condition::baseline, same_sign[0].baseline},
                                              {Condition::transfer, same_sign[0].transfer}};
  EXPECT_LT(good.gains[0].lower, transfer_metrics(alone).metrics.gain.estimate()->lower);

  std::vector<PromptVariant> mixed = same_sign;
  mixed[2].transfer = {row(400, 20), row(400, 16)};
  EXPECT_EQ(prompt_robustness(mixed).sign, SignSurvival::flips);
  mixed[2].transfer = {row(400, 82), row(400, 80)};
  EXPECT_EQ(prompt_robustness(mixed).sign, SignSurvival::unclear);
  mixed.resize(2);
  const Robustness two = prompt_robustness(mixed);
  EXPECT_NEAR(two.median.value, (0.16 + 0.31) / 2.0, 1e-12);
  EXPECT_EQ(two.gains.size(), 2U);
}

TEST(PromptRobustness, refuses_malformed_input) {
  EXPECT_THROW(prompt_robustness({}), Error);
  const std::vector<PromptVariant> uneven = {{"a", {row(40, 10)}, {row(40, 16)}},
                                             {"b", {row(41, 10)}, {row(41, 16)}}};
  EXPECT_THROW(prompt_robustness(uneven), Error);
  const std::vector<PromptVariant> one = {{"a", {{1.0}}, {{0.0}}}};
  EXPECT_THROW(prompt_robustness(one), Error);
}

TEST(LearningCurve, measures_area_and_steps) {
  const std::vector<double> steps = {0, 1, 2, 4, 8};
  const std::vector<std::vector<double>> gains = {{0.0, 0.1, 0.2, 0.2, 0.2},
                                                  {0.0, 0.0, 0.2, 0.4, 0.4}};
  const LearningCurve c = learning_curve(steps, gains);
  EXPECT_NEAR(c.areas[0], (0.05 + 0.15 + 0.4 + 0.8) / 8.0, 1e-12);
  EXPECT_NEAR(c.areas[1], (0.0 + 0.1 + 0.6 + 1.6) / 8.0, 1e-12);
  EXPECT_NEAR(c.area.estimate()->value, (c.areas[0] + c.areas[1]) / 2.0, 1e-12);
  EXPECT_LT(c.area.estimate()->lower, c.areas[0]);
  EXPECT_NEAR(c.gains[2], 0.2, 1e-12);
  EXPECT_NEAR(c.steps_to_share.estimate()->value, (1.8 + 3.6) / 2.0, 1e-12);
  EXPECT_GE(c.steps_to_share.estimate()->lower, 0.0);
}

TEST(LearningCurve, is_undefined_with_the_reason_or_refused) {
  const std::vector<double> steps = {0, 1};
  EXPECT_EQ(learning_curve(steps, std::vector<std::vector<double>>{{0.0, 0.1}}).area.reason(),
            "needs at least 2 seeds for an interval");
  const auto fell = learning_curve(steps, std::vector<std::vector<double>>{{0, 0.1}, {0, -0.1}});
  EXPECT_EQ(fell.steps_to_share.reason(),
            "the gain at the last checkpoint is not above 0 for 1 of 2 seeds");
  EXPECT_TRUE(fell.area.defined());
  EXPECT_THROW(learning_curve(std::vector<double>{1, 1}, std::vector<std::vector<double>>{{0, 1}}),
               Error);
  EXPECT_THROW(learning_curve(steps, std::vector<std::vector<double>>{{0}}), Error);
  EXPECT_THROW(learning_curve(steps, {}), Error);
  EXPECT_THROW(learning_curve(steps, std::vector<std::vector<double>>{{0, 1}}, 0.0), Error);
}

// Qwen3-14B-Base and three models made from it (arXiv 2507.00432v2): mathematics, other reasoning,
// and tasks without reasoning, four benchmarks each, in per cent.
struct Published {
  std::vector<double> math, other, plain;
  double ti_other, ti_plain;
};
const Published base_14b = {
    {13.0, 9.3, 60.4, 27.9}, {42.6, 29.7, 10.7, 37.6}, {10.0, 67.7, 69.2, 35.7}, 0, 0};
const std::vector<Published> uni_reason = {
    {{52.0, 37.0, 85.0, 25.0}, {55.9, 21.9, 68.6, 34.8}, {1.7, 38.2, 42.3, 2.3}, 52.26, -104.10},
    {{16.0, 13.0, 77.2, 22.7}, {48.7, 23.5, 69.3, 35.0}, {5.3, 66.1, 41.4, 3.3}, 165.48, -279.01},
    {{55.7, 38.0, 87.8, 33.8}, {57.7, 40.6, 65.4, 40.2}, {28.2, 74.0, 70.0, 40.7}, 82.32, 52.23}};

TEST(TransferabilityIndex, matches_the_published_rows_with_sigma_over_all_models) {
  for (const Published& model : uni_reason) {
    const auto other = transferability_index({base_14b.math, model.math, 0.88155},
                                             {base_14b.other, model.other, 1.0});
    const auto plain = transferability_index({base_14b.math, model.math, 0.78470},
                                             {base_14b.plain, model.plain, 1.0});
    EXPECT_NEAR(*other.index.number(), model.ti_other, 0.02);
    EXPECT_NEAR(*plain.index.number(), model.ti_plain, 0.02);
  }
}

TEST(TransferabilityIndex, is_undefined_without_a_gain_at_home) {
  const std::vector<double> same = {50.0, 40.0};
  const std::vector<double> up = {60.0, 50.0};
  EXPECT_EQ(transferability_index({same, same, 1.0}, {same, up, 1.0}).index.reason(),
            "the trained group did not gain");
  EXPECT_THROW(transferability_index({same, up, 0.0}, {same, up, 1.0}), Error);
  EXPECT_THROW(transferability_index({{}, {}, 1.0}, {same, up, 1.0}), Error);
  const std::vector<double> beyond = {50.0, 140.0};
  EXPECT_THROW(transferability_index({same, beyond, 1.0}, {same, up, 1.0}), Error);
}

}  // namespace
}  // namespace xfer::stats
