// SPDX-License-Identifier: Apache-2.0
#include "report/scores/extraction.hpp"
#include "tests/support/results.hpp"

#include <gtest/gtest.h>

namespace xfer::report {
namespace {

using testing::CellPlan;

study::CellResult cell(const std::string& target = "code") {
  CellPlan plan;
  plan.target = target;
  plan.items = 10;
  plan.accuracy = {{Condition::baseline, 0.5}, {Condition::transfer, 0.8}};
  return testing::make_cell(plan);
}

double value(const std::vector<TaskMetric>& metrics, Condition condition, const std::string& name) {
  for (const TaskMetric& m : metrics)
    if (m.condition == condition && m.name == name) {
      EXPECT_TRUE(m.value.defined()) << m.value.reason();
      return m.value.defined() ? *m.value.number() : -99.0;
    }
  ADD_FAILURE() << "no " << name;
  return -99.0;
}

TEST(Extraction, tells_strict_from_lenient_reading) {
  study::CellResult made = cell();
  for (study::EvaluationResult& e : made.evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      study::ItemResult& item = e.items[i];
      item.strict_extracted = i != 0;
      item.strict_score = i == 0 ? 0.0 : item.score;
      item.stopped_by_text = i < 3;
      item.truncated = i == 9;
    }
  const auto readings = answer_readings(made);
  ASSERT_EQ(readings.size(), 2U);
  EXPECT_EQ(readings[0].condition, Condition::baseline);
  EXPECT_EQ(readings[0].answers, 10);
  EXPECT_NEAR(readings[0].lenient_score, 0.5, 1e-12);
  EXPECT_NEAR(readings[0].strict_score, 0.4, 1e-12);
  EXPECT_EQ(readings[1].answers, 20);  // two seeds
  EXPECT_NEAR(readings[1].strict_score, 0.7, 1e-12);
  EXPECT_EQ(readings[1].unread, 0.0);
  EXPECT_NEAR(readings[1].strictly_unread, 0.1, 1e-12);
  EXPECT_NEAR(readings[1].stopped_by_text, 0.3, 1e-12);
  EXPECT_NEAR(readings[1].truncated, 0.1, 1e-12);
  ASSERT_EQ(readings[1].differences.size(), 2U);
  EXPECT_EQ(readings[1].differences[1].item_id, "code-000");
  EXPECT_EQ(readings[1].differences[1].seed, 1U);
  const Table table = extraction_table(made);
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0].size(), table.head.size());
  EXPECT_EQ(table.rows[1][2], "70.0");
  EXPECT_TRUE(extraction_table({}).rows.empty());
}

TEST(TaskMetrics, are_those_of_labels) {
  study::CellResult made = cell();
  // Ten answers, half of them Yes; the baseline says Yes always and cannot be read once.
  for (study::EvaluationResult& e : made.evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      study::ItemResult& item = e.items[i];
      item.gold = i < 5 ? "Yes" : "No";
      item.answer = e.condition == Condition::baseline ? (i == 0 ? "" : "Yes") : item.gold;
    }
  auto metrics = task_metrics(made);
  EXPECT_NEAR(value(metrics, Condition::baseline, "balanced accuracy"), 0.4, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "balanced accuracy"), 1.0, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "macro-F1"), 1.0, 1e-12);
  // Of Yes 4 right, 1 missed, 5 too many; of No none.
  EXPECT_NEAR(value(metrics, Condition::baseline, "macro-F1"), 0.5 * 8.0 / 14.0, 1e-12);
  for (const TaskMetric& m : metrics) EXPECT_NE(m.name, "ROC-AUC");

  for (study::EvaluationResult& e : made.evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      e.items[i].right_option = i < 5 ? 0 : 1;
      e.items[i].option_logprobs = {-1.0, -1.0 - (i == 4 ? -1.0 : 1.0) * (i < 5 ? 1.0 : -1.0)};
    }
  metrics = task_metrics(made);
  // Of 25 pairs, the five of the one that scores like the wrong side are ties.
  EXPECT_NEAR(value(metrics, Condition::transfer, "ROC-AUC"), 22.5 / 25.0, 1e-12);
  EXPECT_EQ(task_metrics_table(made).rows.size(), 2U);
}

TEST(TaskMetrics, are_errors_of_numbers_where_the_field_measures_them) {
  study::CellResult made = cell("esol");
  for (study::EvaluationResult& e : made.evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      e.items[i].gold = std::to_string(i);
      e.items[i].answer = i == 0 ? "soluble" : std::to_string(i + 2);
    }
  const auto metrics = task_metrics(made);
  EXPECT_NEAR(value(metrics, Condition::transfer, "RMSE"), 2.0, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "MAE"), 2.0, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "answers read"), 0.9, 1e-12);
  EXPECT_LT(value(metrics, Condition::transfer, "R2"), 1.0);
}

TEST(TaskMetrics, are_those_of_the_type_of_question) {
  study::CellResult made = cell("questions");
  made.field_metric = "macro-F1 (yes/no), MRR (factoid), F1 (list)";
  for (study::EvaluationResult& e : made.evaluations)
    for (std::size_t i = 0; i < e.items.size(); ++i) {
      study::ItemResult& item = e.items[i];
      item.kind = i < 4 ? "yesno" : i < 8 ? "factoid" : "list";
      item.gold = item.answer = i % 2 == 0 ? "yes" : "no";
      item.score = i < 4 ? 1.0 : i < 8 ? (i == 4 ? 1.0 : i == 5 ? 0.5 : 0.0) : 0.25;
      item.strict_score = item.score == 1.0 ? 1.0 : 0.0;
    }
  const auto metrics = task_metrics(made);
  EXPECT_NEAR(value(metrics, Condition::transfer, "macro-F1 (yes/no)"), 1.0, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "strict accuracy (factoid)"), 0.25, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "lenient accuracy (factoid)"), 0.5, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "MRR (factoid)"), 0.375, 1e-12);
  EXPECT_NEAR(value(metrics, Condition::transfer, "F1 (list)"), 0.25, 1e-12);
}

TEST(TaskMetrics, are_passes_for_code_and_nothing_for_free_answers) {
  EXPECT_NEAR(value(task_metrics(cell("humaneval")), Condition::transfer, "pass@1 (greedy)"), 0.8,
              1e-12);
  EXPECT_TRUE(task_metrics(cell()).empty());
  EXPECT_TRUE(task_metrics_table(cell()).rows.empty());
}

}  // namespace
}  // namespace xfer::report
