// SPDX-License-Identifier: Apache-2.0
// What held-out items, other wordings and other domains become in a report.
#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"
#include "xfer/report/report.hpp"

#include <gtest/gtest.h>

namespace xfer::report {
namespace {

using testing::CellPlan;
using testing::make_cell;
using testing::make_result;
using testing::xml_problem;

std::vector<study::EvaluationResult> scored(std::map<Condition, double> accuracy, int items = 120) {
  CellPlan plan;
  plan.items = items;
  plan.seeds = {0, 1};
  for (const auto& [condition, share] : accuracy) plan.bits_per_byte[condition] = 1.5 - share;
  plan.accuracy = std::move(accuracy);
  return make_cell(plan).evaluations;
}

/// One pair whose models were tested on everything.
study::StudyResult tested_further() {
  CellPlan plan;
  plan.source = "bio";
  plan.target = "chem";
  plan.items = 120;
  plan.seeds = {0, 1};
  plan.accuracy = {{Condition::baseline, 0.4},
                   {Condition::transfer, 0.7},
                   {Condition::direct, 0.8},
                   {Condition::sequential, 0.9}};
  plan.bits_per_byte = {{Condition::baseline, 1.0},
                        {Condition::transfer, 0.7},
                        {Condition::direct, 0.6},
                        {Condition::sequential, 0.5}};
  study::StudyResult result = make_result(plan);
  study::CellResult& cell = result.cells.at(0);
  cell.held_out = scored({{Condition::baseline, 0.2}, {Condition::transfer, 0.3}}, 60);
  cell.variants = {
      {"2: Question", scored({{Condition::baseline, 0.4}, {Condition::transfer, 0.6}})},
      {"3: Task", scored({{Condition::baseline, 0.5}, {Condition::transfer, 0.25}})}};
  cell.other_domains = {{"bio", scored({{Condition::baseline, 0.3},
                                        {Condition::transfer, 0.9},
                                        {Condition::direct, 0.4},
                                        {Condition::sequential, 0.5}})},
                        {"law", scored({{Condition::baseline, 0.5}, {Condition::transfer, 0.2}})}};
  return result;
}

double point(const Metric& metric) {
  EXPECT_TRUE(metric.defined()) << metric.reason();
  return metric.defined() ? metric.estimate()->value : -99.0;
}

TEST(Further, metrics_of_one_pair_need_no_other_cell) {
  const Report report = make_report(tested_further());
  const TransferMetrics& m = report.cells.at(0).accuracy;
  EXPECT_NEAR(point(m.held_out_gain), 0.1, 1e-9);
  EXPECT_NEAR(point(m.generalisation), 0.1 - 0.3, 1e-9);
  EXPECT_NEAR(point(m.source_normalised), 0.3 / 0.6, 1e-9);
  EXPECT_NEAR(point(m.asymmetry), 0.3 - 0.1, 1e-9);  // direct on the source is the way back
  EXPECT_NEAR(point(m.sequential_forgetting), 0.5 - 0.9, 1e-9);
  EXPECT_NEAR(point(m.forgetting), 0.2 - 0.5, 1e-9);
  EXPECT_LT(m.forgetting.estimate()->upper, 0.0);
  EXPECT_TRUE(report.cells[0].bits_per_byte.sequential_forgetting.defined());
}

TEST(Further, a_gain_whose_sign_hangs_on_the_wording_is_warned_of) {
  const Report report = make_report(tested_further());
  const CellReport& cell = report.cells.at(0);
  ASSERT_TRUE(cell.robustness.has_value());
  EXPECT_EQ(cell.robustness->names.size(), 3U);
  EXPECT_EQ(cell.robustness->accuracy.sign, stats::SignSurvival::flips);
  EXPECT_EQ(cell.robustness->names[cell.robustness->accuracy.worst], "3: Task");
  bool warned = false;
  for (const std::string& warning : cell.warnings)
    warned = warned || warning.find("flips between wordings") != std::string::npos;
  EXPECT_TRUE(warned);
}

TEST(Further, wordings_of_an_adaptive_study_have_the_level_of_its_looks) {
  study::StudyResult result = tested_further();
  const auto width = [](const study::StudyResult& of) {
    const Estimate gain = make_report(of).cells.at(0).robustness.value().accuracy.gains.at(0);
    return gain.upper - gain.lower;
  };
  const double once = width(result);
  result.spec.adaptive = true;
  result.spec.seeds = {0, 1, 2, 3, 4, 5};
  result.spec.looks.first_seeds = 2;
  EXPECT_GT(width(result), 1.05 * once);
}

TEST(Further, every_part_is_on_the_pages) {
  const Report report = make_report(tested_further());
  const std::string html = to_html(report);
  EXPECT_EQ(xml_problem(html), "");
  for (const char* part :
       {"Transfer Gain on held-out items", "Transfer Gain under other wordings",
        "Transfer Gain over the wordings", "Forgetting", "source again", "flips between wordings"})
    EXPECT_NE(html.find(part), std::string::npos) << part;
  EXPECT_NE(to_markdown(report).find("Transfer Gain over the wordings"), std::string::npos);
}

TEST(Further, tests_of_other_training_runs_are_left_out) {
  study::StudyResult result = tested_further();
  for (study::EvaluationResult& e : result.cells[0].held_out)
    if (e.condition == Condition::transfer) e.seed += 7;
  result.cells[0].other_domains[0].evaluations.pop_back();  // a seed of sequential is missing
  const Report report = make_report(std::move(result));
  const TransferMetrics& m = report.cells.at(0).accuracy;
  EXPECT_EQ(m.held_out_gain.reason(), "no scores on a held-out set");
  EXPECT_FALSE(m.sequential_forgetting.defined());
  EXPECT_TRUE(m.source_normalised.defined());
}

}  // namespace
}  // namespace xfer::report
