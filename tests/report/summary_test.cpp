// SPDX-License-Identifier: Apache-2.0
#include "tests/support/results.hpp"
#include "xfer/error.hpp"
#include "xfer/report/report.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace xfer::report {
namespace {

using testing::CellPlan;
using testing::make_result;

const CellReport& only_cell(const Report& report) { return report.cells.at(0); }

double value(const Metric& metric) {
  EXPECT_TRUE(metric.defined()) << metric.reason();
  return metric.defined() ? metric.estimate()->value : -99.0;
}

CellPlan five_conditions() {
  CellPlan plan;
  plan.items = 60;
  plan.accuracy = {{Condition::baseline, 0.2}, {Condition::transfer, 0.5},
                   {Condition::direct, 0.7},   {Condition::sequential, 0.8},
                   {Condition::joint, 0.6},    {Condition::format_control, 0.25}};
  plan.bits_per_byte = {{Condition::baseline, 1.0}, {Condition::transfer, 0.8},
                        {Condition::direct, 0.5},   {Condition::sequential, 0.45},
                        {Condition::joint, 0.6},    {Condition::format_control, 0.98}};
  return plan;
}

TEST(MakeReport, gives_each_metric_its_known_value) {
  const Report report = make_report(make_result(five_conditions()));
  const CellReport& cell = only_cell(report);
  EXPECT_NEAR(value(cell.accuracy.gain), 0.3, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.ceiling), 0.5, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.efficiency), 0.6, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.relative_transfer), 1.5, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.gain_above_control), 0.25, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.sequential_over_direct), 0.1, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.joint_over_direct), -0.1, 1e-12);
  EXPECT_NEAR(value(cell.bits_per_byte_after_first.gain), 0.2, 0.02);
  EXPECT_EQ(cell.finding, Finding::transfer);
  ASSERT_EQ(cell.conditions.size(), 6U);
  EXPECT_EQ(cell.find(Condition::transfer)->seeds, 2);
  EXPECT_EQ(cell.find(Condition::transfer)->items, 60);
  EXPECT_LT(cell.accuracy.gain.estimate()->lower, 0.3);
  EXPECT_GT(cell.accuracy.gain.estimate()->upper, 0.3);
}

TEST(MakeReport, bits_per_byte_is_total_bits_over_total_bytes) {
  CellPlan plan;
  plan.items = 2;
  plan.seeds = {0};
  plan.accuracy = {{Condition::baseline, 0.5}, {Condition::transfer, 0.5}};
  study::StudyResult result = make_result(plan);
  for (study::EvaluationResult& e : result.cells[0].evaluations) {
    const double scale = e.condition == Condition::baseline ? 1.0 : 0.5;
    e.items[0].reference_bytes = 100;
    e.items[0].reference_bits = 100 * scale;
    e.items[1].reference_bytes = 10;
    e.items[1].reference_bits = 40 * scale;
    for (study::ItemResult& item : e.items) {
      item.first_token_bytes = 4;
      item.first_token_bits = 8 * scale;
    }
  }
  const Report report = make_report(result);
  const CellReport& cell = only_cell(report);
  EXPECT_NEAR(value(cell.conditions[0].bits_per_byte), 140.0 / 110.0, 1e-12);
  EXPECT_NEAR(value(cell.conditions[0].bits_per_byte_after_first), 124.0 / 102.0, 1e-12);
  EXPECT_NEAR(value(cell.bits_per_byte.gain), 70.0 / 110.0, 1e-12);
}

TEST(MakeReport, habit_alone_is_called_habit) {
  CellPlan plan = five_conditions();
  plan.accuracy[Condition::format_control] = 0.5;
  plan.bits_per_byte[Condition::format_control] = 0.8;
  plan.bits_noise = 0.3;
  const Report report = make_report(make_result(plan));
  EXPECT_EQ(only_cell(report).finding, Finding::answer_habit);
  EXPECT_NE(only_cell(report).reading.find("answer habit"), std::string::npos);
  EXPECT_NEAR(value(only_cell(report).accuracy.gain_above_control), 0.0, 1e-12);
}

TEST(MakeReport, negative_transfer_is_a_loss) {
  CellPlan plan = five_conditions();
  plan.accuracy[Condition::transfer] = 0.0;
  plan.accuracy[Condition::baseline] = 0.5;
  EXPECT_EQ(only_cell(make_report(make_result(plan))).finding, Finding::loss);
}

TEST(MakeReport, efficiency_needs_a_ceiling) {
  CellPlan plan = five_conditions();
  plan.accuracy[Condition::direct] = 0.2;
  const Report report = make_report(make_result(plan));
  EXPECT_FALSE(only_cell(report).accuracy.efficiency.defined());
  EXPECT_FALSE(only_cell(report).accuracy.efficiency.reason().empty());
  EXPECT_EQ(only_cell(report).reading.find("Transfer Efficiency"), std::string::npos);
}

TEST(MakeReport, a_baseline_of_zero_holds_the_verdict_back) {
  CellPlan plan = five_conditions();
  plan.accuracy[Condition::baseline] = 0.0;
  const Report report = make_report(make_result(plan));
  EXPECT_EQ(only_cell(report).finding, Finding::held_back);
  EXPECT_FALSE(only_cell(report).accuracy.relative_transfer.defined());
  ASSERT_FALSE(only_cell(report).warnings.empty());
  EXPECT_NE(only_cell(report).warnings[0].find("exactly 0"), std::string::npos);
}

TEST(MakeReport, unfinished_studies_say_what_is_missing) {
  CellPlan plan = five_conditions();
  study::StudyResult result = make_result(plan);
  std::erase_if(result.cells[0].evaluations, [](const study::EvaluationResult& e) {
    return e.condition == Condition::transfer || e.condition == Condition::joint;
  });
  const Report partial = make_report(result);
  EXPECT_EQ(only_cell(partial).finding, Finding::incomplete);
  EXPECT_FALSE(only_cell(partial).accuracy.gain.defined());
  EXPECT_TRUE(only_cell(partial).accuracy.ceiling.defined());
  result.cells[0].evaluations.clear();
  const Report empty = make_report(result);
  EXPECT_TRUE(only_cell(empty).conditions.empty());
  EXPECT_FALSE(to_html(empty).empty());
  EXPECT_FALSE(to_markdown(empty).empty());
  EXPECT_FALSE(to_json(empty).empty());
  EXPECT_FALSE(to_text(empty).empty());
}

TEST(MakeReport, without_a_baseline_nothing_is_compared) {
  study::StudyResult result = make_result(five_conditions());
  std::erase_if(result.cells[0].evaluations, [](const study::EvaluationResult& e) {
    return e.condition == Condition::baseline;
  });
  const Report report = make_report(result);
  EXPECT_EQ(only_cell(report).finding, Finding::incomplete);
  EXPECT_EQ(only_cell(report).accuracy.gain.reason(), "the baseline was not evaluated");
}

TEST(MakeReport, references_of_one_token_have_nothing_after_it) {
  study::StudyResult result = make_result(five_conditions());
  for (study::EvaluationResult& e : result.cells[0].evaluations)
    for (study::ItemResult& item : e.items) {
      item.first_token_bytes = item.reference_bytes;
      item.first_token_bits = item.reference_bits;
    }
  const Report report = make_report(result);
  EXPECT_TRUE(only_cell(report).bits_per_byte.gain.defined());
  EXPECT_FALSE(only_cell(report).bits_per_byte_after_first.gain.defined());
}

TEST(MakeReport, does_not_depend_on_the_order_of_evaluations_or_items) {
  const study::StudyResult result = make_result(five_conditions());
  study::StudyResult shuffled = result;
  std::reverse(shuffled.cells[0].evaluations.begin(), shuffled.cells[0].evaluations.end());
  for (study::EvaluationResult& e : shuffled.cells[0].evaluations)
    std::reverse(e.items.begin(), e.items.end());
  EXPECT_EQ(to_json(make_report(result)), to_json(make_report(shuffled)));
}

TEST(MakeReport, splits_accuracy_by_kind) {
  const Report report = make_report(make_result(five_conditions()));
  const CellReport& cell = only_cell(report);
  ASSERT_EQ(cell.kinds.size(), 3U);
  EXPECT_EQ(cell.kinds[0].kind, "evaluate");
  EXPECT_EQ(cell.kinds[0].items, 20);
  ASSERT_EQ(cell.kinds[0].accuracy.size(), cell.conditions.size());
  EXPECT_NEAR(cell.kinds[0].accuracy[0], 0.2, 1e-12);
  EXPECT_NEAR(value(cell.kinds[0].gain), 0.3, 1e-12);
}

TEST(MakeReport, draws_clusters_whole) {
  CellPlan plan = five_conditions();
  plan.bits_noise = 0.0;
  study::StudyResult result = make_result(plan);
  const double alone = [&] {
    const Report report = make_report(result);
    const Estimate& e = *only_cell(report).accuracy.gain.estimate();
    return e.upper - e.lower;
  }();
  // Items 0..11 are right everywhere, 12..29 turn right: clusters that move as one.
  for (study::EvaluationResult& e : result.cells[0].evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i)
      e.items[i].cluster = "passage " + std::to_string(i / 6);
  const Report report = make_report(result);
  const Estimate& e = *only_cell(report).accuracy.gain.estimate();
  EXPECT_GT(e.upper - e.lower, 1.5 * alone);
}

}  // namespace
}  // namespace xfer::report
