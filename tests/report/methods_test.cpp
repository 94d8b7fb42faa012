// SPDX-License-Identifier: Apache-2.0
// Reports of studies with reinforcement learning.
#include "report/findings/reading.hpp"
#include "report/tables/tables.hpp"

#include "tests/report/well_formed.hpp"
#include "tests/support/results.hpp"
#include "xfer/error.hpp"
#include "xfer/report/report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>

namespace xfer::report {
namespace {

using nlohmann::json;
using testing::CellPlan;
using testing::make_cell;
using testing::make_result;
using testing::xml_problem;

CellPlan supervised() {
  CellPlan plan;
  plan.items = 60;
  plan.accuracy = {{Condition::baseline, 0.2},
                   {Condition::transfer, 0.5},
                   {Condition::direct, 0.7},
                   {Condition::format_control, 0.3}};
  return plan;
}

CellPlan reinforced() {
  CellPlan plan = supervised();
  plan.method = Method::rl;
  plan.accuracy = {{Condition::baseline, 0.2},
                   {Condition::transfer, 0.6},
                   {Condition::direct, 0.65},
                   {Condition::format_reward, 0.25},
                   {Condition::random_reward, 0.2}};
  return plan;
}

study::StudyResult two_methods() {
  study::StudyResult result = make_result(supervised());
  result.spec.methods = {Method::sl, Method::rl};
  result.spec.conditions = {Condition::baseline,      Condition::transfer,
                            Condition::direct,        Condition::format_control,
                            Condition::format_reward, Condition::random_reward};
  result.cells.push_back(make_cell(reinforced()));
  study::LegSummary leg;
  leg.key = std::string(64, 'b');
  leg.description = "math (RL), seed 0";
  leg.steps = 20;
  leg.train_tokens = 1000;
  leg.learning = Learning::reinforcement;
  leg.sampled_tokens = 5000;
  leg.prefill_tokens = 700;
  leg.rewards = result.cells[1].curves.front().rewards;
  result.legs.push_back(leg);
  return result;
}

double value(const Metric& metric) {
  EXPECT_TRUE(metric.defined()) << metric.reason();
  return metric.defined() ? metric.estimate()->value : -99.0;
}

TEST(MethodReport, each_method_has_its_cell_and_its_control) {
  const Report report = make_report(two_methods());
  ASSERT_EQ(report.cells.size(), 2U);
  EXPECT_NEAR(value(report.cells[0].accuracy.gain_above_control), 0.2, 1e-12);
  EXPECT_NEAR(value(report.cells[1].accuracy.gain_above_control), 0.35, 1e-12);
  EXPECT_EQ(report.cells[1].method, Method::rl);
  EXPECT_EQ(cell_title(report.cells[0]), "math → code, SL");
  EXPECT_EQ(cell_title(report.cells[1]), "math → code, RL");
  const std::string& reading = report.cells[1].reading;
  EXPECT_NE(reading.find("Reinforcement learning on math raised accuracy"), std::string::npos)
      << reading;
  EXPECT_NE(reading.find("The format reward (the same problems"), std::string::npos) << reading;
  EXPECT_EQ(reading.find("format control"), std::string::npos) << reading;
  EXPECT_NE(report.cells[1].headline.find("above the format reward"), std::string::npos);
  // What only exists under another method is not missing.
  for (const CellReport& cell : report.cells)
    for (const std::string& warning : cell.warnings)
      EXPECT_EQ(warning.find("Unfinished"), std::string::npos) << warning;
}

TEST(MethodReport, compares_methods_where_both_were_run) {
  const Report report = make_report(two_methods());
  ASSERT_EQ(report.effects.size(), 2U);
  EXPECT_EQ(report.effects[0].condition, Condition::transfer);
  EXPECT_EQ(report.effects[0].method, Method::rl);
  EXPECT_NEAR(value(report.effects[0].accuracy), 0.1, 1e-12);
  EXPECT_NEAR(value(report.effects[1].accuracy), -0.05, 1e-12);
  EXPECT_EQ(overview_table(report).head[1], "Method");
  EXPECT_EQ(effects_table(report).rows.size(), 2U);
  EXPECT_NE(to_text(report).find("RL − SL"), std::string::npos);

  study::StudyResult alone = two_methods();
  alone.cells.erase(alone.cells.begin());
  EXPECT_TRUE(make_report(alone).effects.empty());
  study::StudyResult other = two_methods();
  for (study::EvaluationResult& e : other.cells[1].evaluations) e.protocol_hash = "another";
  try {
    make_report(other);
    FAIL() << "methods under two protocols were compared";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::run_mismatch);
  }
}

TEST(MethodReport, a_study_of_one_method_looks_as_ever) {
  const Report report = make_report(make_result(supervised()));
  EXPECT_EQ(cell_title(report.cells[0]), "math → code");
  EXPECT_EQ(overview_table(report).head[1], "Transfer Gain");
  EXPECT_EQ(to_text(report).find("RL"), std::string::npos);
  EXPECT_EQ(to_html(report).find("Reinforcement learning: mean reward"), std::string::npos);
  EXPECT_EQ(to_html(report).find("Loss of reinforcement"), std::string::npos);
}

TEST(MethodReport, shows_rewards_on_the_page_and_in_json) {
  const Report report = make_report(two_methods());
  const std::string svg = reward_curve_svg(report.result.cells[1]);
  EXPECT_EQ(xml_problem(svg), "");
  EXPECT_NE(svg.find("Reward (%)"), std::string::npos);
  EXPECT_NE(svg.find("Divergence from the base model"), std::string::npos);
  EXPECT_EQ(xml_problem(reward_curve_svg(report.result.cells[0])), "");
  const std::string page = to_html(report);
  EXPECT_NE(page.find("Rewards in training"), std::string::npos);
  EXPECT_NE(page.find("Groups without signal"), std::string::npos);
  const json j = json::parse(to_json(report));
  EXPECT_EQ(j["cells"][1]["method"], "rl");
  EXPECT_EQ(j["method_effects"].size(), 2U);
  const json& leg = j["legs"].back();
  EXPECT_EQ(leg["learning"], "reinforcement");
  EXPECT_EQ(leg["rewards"].size(), 20U);
  EXPECT_TRUE(leg["rewards"][0].contains("kl_to_base"));
  EXPECT_FALSE(leg["rewards"][1].contains("kl_to_base"));
  EXPECT_NE(to_markdown(report).find("Reinforcement learning: mean reward"), std::string::npos);
}

TEST(MethodReport, warns_when_a_coin_teaches_as_much) {
  study::StudyResult result = two_methods();
  CellPlan plan = reinforced();
  plan.accuracy[Condition::random_reward] = 0.5;
  result.cells[1] = make_cell(plan);
  const Report report = make_report(result);
  const auto& warnings = report.cells[1].warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const std::string& w) {
    return w.find("Random rewards alone gain +30.0 points") == 0;
  }));
}

TEST(MethodReport, a_zero_step_that_differs_on_one_item_is_told) {
  CellPlan plan = supervised();
  plan.accuracy[Condition::zero_step] = plan.accuracy[Condition::baseline];
  plan.bits_noise = 0.0;
  study::StudyResult result = make_result(plan);
  const auto differences = [&] { return make_report(result).cells[0].zero_step_differences; };
  auto& evaluations = result.cells[0].evaluations;
  const auto base = std::find_if(evaluations.begin(), evaluations.end(),
                                 [](const auto& e) { return e.condition == Condition::baseline; });
  for (study::EvaluationResult& e : evaluations)
    if (e.condition == Condition::zero_step) e.items = base->items;
  EXPECT_EQ(differences(), 0);
  for (study::EvaluationResult& e : evaluations)
    if (e.condition == Condition::zero_step && e.seed == 1) e.items[7].completion += ".";
  EXPECT_EQ(differences(), 1);
  const auto warnings = make_report(result).cells[0].warnings;
  EXPECT_TRUE(std::any_of(warnings.begin(), warnings.end(), [](const std::string& w) {
    return w.find("zero-step adapter does not score exactly as the baseline (on 1 item)") !=
           std::string::npos;
  }));
}

}  // namespace
}  // namespace xfer::report
