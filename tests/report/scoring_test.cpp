// SPDX-License-Identifier: Apache-2.0
// How answers were read, drawn answers, and scores with and without overlapping test items.
#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"

#include "report/tables/tables.hpp"
#include "xfer/report/report.hpp"
#include "xfer/stats/metrics.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>

namespace xfer::report {
namespace {

using nlohmann::json;
using testing::CellPlan;
using testing::make_result;

CellPlan plan_of_two() {
  CellPlan plan;
  plan.items = 20;
  plan.accuracy = {{Condition::baseline, 0.3}, {Condition::transfer, 0.6}};
  return plan;
}

double value(const Metric& metric) {
  EXPECT_TRUE(metric.defined()) << metric.reason();
  return metric.defined() ? metric.estimate()->value : -99.0;
}

/// The first four items overlap: right under both conditions.
study::StudyResult leaky() {
  study::StudyResult result = make_result(plan_of_two());
  result.overlap = {{"math", "code", 100, 20, {}}, {"code", "code", 200, 20, {}}};
  for (int i = 0; i < 4; ++i)
    result.overlap[static_cast<std::size_t>(i % 2)].items.push_back(
        {testing::item_id(i), "train-" + std::to_string(i), i == 0 ? "exact" : "near"});
  return result;
}

TEST(OverlapReport, shows_both_scores_of_the_same_answers) {
  const Report report = make_report(leaky());
  const CellReport& cell = report.cells.at(0);
  EXPECT_EQ(cell.overlap.overlapping, 4);
  EXPECT_EQ(cell.overlap.items, 20);
  EXPECT_FALSE(cell.overlap.excluded);
  ASSERT_EQ(cell.overlap.conditions.size(), 2U);
  const OverlapScores& base = cell.overlap.conditions[0];
  EXPECT_NEAR(value(base.accuracy), 6.0 / 20.0, 1e-12);
  EXPECT_NEAR(value(base.accuracy_without), 2.0 / 16.0, 1e-12);
  EXPECT_NEAR(value(cell.overlap.conditions[1].accuracy_without), 8.0 / 16.0, 1e-12);
  EXPECT_NEAR(value(cell.overlap.gain), 0.3, 1e-12);
  EXPECT_NEAR(value(cell.overlap.gain_without), 6.0 / 16.0, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.gain), 0.3, 1e-12);
  EXPECT_EQ(cell.conditions[0].items, 20);
}

TEST(OverlapReport, leaves_items_out_of_everything_when_asked) {
  study::StudyResult result = leaky();
  result.spec.exclude_overlap = true;
  const Report report = make_report(result);
  const CellReport& cell = report.cells.at(0);
  EXPECT_EQ(cell.conditions[0].items, 16);
  EXPECT_NEAR(value(cell.conditions[0].accuracy), 2.0 / 16.0, 1e-12);
  EXPECT_NEAR(value(cell.accuracy.gain), 6.0 / 16.0, 1e-12);
  EXPECT_TRUE(cell.overlap.excluded);
  EXPECT_NEAR(value(cell.overlap.gain), 0.3, 1e-12);
  EXPECT_NEAR(value(cell.overlap.gain_without), 6.0 / 16.0, 1e-12);
  for (const study::EvaluationResult& e : report.result.cells[0].evaluations)
    EXPECT_EQ(e.items.size(), 16U);

  for (int i = 4; i < 20; ++i)
    result.overlap[0].items.push_back({testing::item_id(i), "train", "near"});
  const Report nothing = make_report(result);
  EXPECT_EQ(nothing.cells.at(0).finding, Finding::incomplete);
  EXPECT_EQ(nothing.cells.at(0).overlap.overlapping, 20);
  EXPECT_FALSE(nothing.cells.at(0).overlap.gain_without.defined());
}

TEST(OverlapReport, is_in_every_form_of_the_report) {
  const Report report = make_report(leaky());
  const std::string page = to_html(report);
  EXPECT_EQ(xfer::testing::xml_problem(page), "");
  const std::string text = to_markdown(report);
  for (const std::string& form : {page, text}) {
    EXPECT_NE(form.find("With and without the 4 of 20 test items of code"), std::string::npos);
    EXPECT_NE(form.find("2 of 20"), std::string::npos);
    EXPECT_NE(form.find("How the answers were read"), std::string::npos);
  }
  const json document = json::parse(to_json(report));
  const json& cell = document.at("cells").at(0);
  EXPECT_EQ(cell.at("overlap").at("overlapping"), 4);
  EXPECT_NEAR(cell.at("overlap").at("gain").at("accuracy").at("without").at("value").get<double>(),
              0.375, 1e-12);
  EXPECT_EQ(document.at("overlap").at(0).at("items").at(0).at("kind"), "exact");
  EXPECT_EQ(cell.at("scoring").at("readings").size(), 2U);
  // Nothing was looked for: nothing is shown.
  const Report plain = make_report(make_result(plan_of_two()));
  EXPECT_TRUE(overlap_table(plain.cells.at(0)).rows.empty());
  EXPECT_TRUE(overlap_checks_table(plain.result).rows.empty());
  EXPECT_TRUE(json::parse(to_json(plain)).at("cells").at(0).at("overlap").contains("undefined"));
}

TEST(PassAtK, is_the_unbiased_estimate_over_items_and_seeds) {
  study::StudyResult result = make_result(plan_of_two());
  double expected = 0.0;
  for (study::EvaluationResult& e : result.cells[0].evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i)
      for (std::size_t s = 0; s < 12; ++s) {
        // Item i passes i % 5 of 12 times, under transfer two times more.
        const std::size_t passes = i % 5 + (e.condition == Condition::transfer ? 2 : 0);
        e.items[i].samples.push_back({"x", s < passes ? 1.0 : 0.5, false});
      }
  for (int i = 0; i < 20; ++i) expected += stats::pass_at_k(12, i % 5, 5) / 20.0;
  const Report report = make_report(result);
  const CellReport& cell = report.cells.at(0);
  ASSERT_EQ(cell.pass_at_k.size(), 4U);
  EXPECT_EQ(cell.pass_at_k[0].k, 1);
  EXPECT_EQ(cell.pass_at_k[3].k, 10);
  EXPECT_EQ(cell.pass_at_k[2].k, 5);
  EXPECT_EQ(cell.pass_at_k[2].samples, 12);
  EXPECT_EQ(cell.pass_at_k[2].items, 20);
  EXPECT_NEAR(value(cell.pass_at_k[2].means[0].second), expected, 1e-12);
  EXPECT_NEAR(value(cell.pass_at_k[0].means[0].second), 2.0 / 12.0, 1e-12);
  EXPECT_NEAR(value(cell.pass_at_k[0].gain), 2.0 / 12.0, 1e-12);
  const Estimate& interval = *cell.pass_at_k[2].means[0].second.estimate();
  EXPECT_LT(interval.lower, expected - 0.05);
  EXPECT_GT(interval.upper, expected + 0.05);
  const Table table = pass_at_k_table(cell);
  EXPECT_EQ(table.head,
            (std::vector<std::string>{"Condition", "pass@1", "pass@2", "pass@5", "pass@10"}));
  ASSERT_EQ(table.rows.size(), 3U);
  const json document = json::parse(to_json(report));
  EXPECT_EQ(document.at("cells").at(0).at("scoring").at("pass_at_k").at(3).at("k"), 10);
  EXPECT_NE(to_markdown(report).find("of 12 answers drawn to each of 20 test items"),
            std::string::npos);
  // Items without answers of their own do not count.
  for (study::EvaluationResult& e : result.cells[0].evaluations) e.items[0].samples.clear();
  EXPECT_EQ(make_report(result).cells.at(0).pass_at_k[0].items, 19);
}

}  // namespace
}  // namespace xfer::report
