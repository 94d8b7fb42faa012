// SPDX-License-Identifier: Apache-2.0
#include "report/findings/reading.hpp"

#include <gtest/gtest.h>

namespace xfer::report {
namespace {

/// A cell with a clear gain that a clear part of stands above the control.
CellReport clear_transfer() {
  CellReport cell;
  cell.source = "math";
  cell.target = "code";
  for (const Condition c :
       {Condition::baseline, Condition::transfer, Condition::direct, Condition::format_control}) {
    ConditionSummary summary;
    summary.condition = c;
    summary.seeds = c == Condition::baseline ? 1 : 2;
    summary.items = 300;
    summary.accuracy = Estimate{0.22, 0.18, 0.26};
    cell.conditions.push_back(summary);
  }
  cell.conditions[1].accuracy = Estimate{0.343, 0.30, 0.39};
  cell.accuracy.gain = Estimate{0.123, 0.081, 0.164};
  cell.accuracy.gain_above_control = Estimate{0.09, 0.05, 0.13};
  cell.accuracy.ceiling = Estimate{0.273, 0.22, 0.33};
  cell.accuracy.efficiency = Estimate{0.45, 0.30, 0.61};
  cell.accuracy.sequential_over_direct = Estimate{0.01, -0.02, 0.041};
  cell.accuracy.joint_over_direct = Estimate{-0.05, -0.08, -0.02};
  cell.bits_per_byte_after_first.gain = Estimate{0.051, 0.040, 0.062};
  cell.bits_per_byte_after_first.gain_above_control = Estimate{0.030, 0.020, 0.040};
  return cell;
}

std::string read(CellReport& cell) {
  cell.finding = find_finding(cell);
  cell.headline = write_headline(cell);
  return write_reading(cell);
}

void expect_says(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << "missing: " << part << "\nin: " << text;
}

void expect_never_says(const std::string& text, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_EQ(text.find(part), std::string::npos)
        << "should not be said: " << part << "\nin: " << text;
}

TEST(Reading, of_a_clear_transfer) {
  CellReport cell = clear_transfer();
  EXPECT_EQ(
      read(cell),
      "Training on math raised accuracy on code from 22.0% to 34.3%, a Transfer Gain of "
      "+12.3 points [8.1, 16.4] (95% interval over 2 seeds and 300 items); the interval "
      "excludes zero. The format control (the same prompts, of the answers only their form) alone "
      "gains +3.3 points, 27% of that; +9.0 points [5.0, 13.0] remain above it, so the gain "
      "is more than answer habit. Bits per byte of the reference answers after their first "
      "token, a score that leaves out the choice of style, fell by 0.051 [0.040, 0.062], "
      "and end 0.030 [0.020, 0.040] below the format control: this agrees that "
      "something beyond style carried over. Transfer Efficiency is 45% [30, 61] of what the "
      "same training on code itself gains (+27.3 points [22.0, 33.0]). The sequential "
      "run (math, then code) cannot be told apart from training on code alone (+1.0 points "
      "[−2.0, 4.1]); the joint run (an even mixture) is lower than it by 5.0 points "
      "[2.0, 8.0].");
  EXPECT_EQ(cell.finding, Finding::transfer);
}

TEST(Reading, of_answer_habit_says_so) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.005, -0.02, 0.03};
  cell.bits_per_byte_after_first.gain_above_control = Estimate{0.002, -0.004, 0.008};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::answer_habit);
  expect_says(
      text, {"alone gains +11.8 points, 96% of that",
             "+0.5 points [−2.0, 3.0], is not distinguishable from zero",
             "Most of the gain is therefore answer habit, the style", "not a skill carried over",
             "at most 3.0 points of skill", "this agrees that no skill beyond style has been shown",
             "this counts the answer habit as gain", "start from a model"});
  expect_never_says(text, {"more than answer habit", "something beyond style carried over"});
  expect_says(cell.headline, {"+12.3 points [8.1, 16.4]", "answer habit"});
}

TEST(Reading, of_habit_with_skill_in_the_bits_says_both) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.005, -0.02, 0.03};
  expect_says(read(cell), {"Most of the gain is therefore answer habit",
                           "a sign of skill that accuracy alone does not show"});
}

TEST(Reading, of_habit_claims_no_more_than_the_interval) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.005, -0.08, 0.09};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::answer_habit);
  expect_says(text, {"By the estimates most of the gain", "room for up to 9.0 points of skill"});
  expect_never_says(text, {"therefore"});
}

TEST(Reading, of_a_control_that_beats_transfer) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{-0.04, -0.06, -0.02};
  expect_says(read(cell),
              {"133% of that, and ends above the transfer run", "no skill from the source shows"});
  EXPECT_EQ(cell.finding, Finding::answer_habit);
}

TEST(Reading, of_a_control_that_did_harm_proves_nothing) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.345, 0.30, 0.39};
  cell.conditions[3].accuracy = Estimate{0.0, 0.0, 0.012};
  cell.bits_per_byte_after_first.gain = Estimate{-0.057, -0.078, -0.039};
  std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::answer_habit);
  expect_says(text, {"ends 22.2 points below the baseline", "prove nothing",
                     "the way of answering (answer habit), not what the model knows"});
  expect_never_says(text, {"more than answer habit", "alone gains"});
  cell.bits_per_byte_after_first.gain = Estimate{0.001, -0.02, 0.02};
  text = read(cell);
  EXPECT_EQ(cell.finding, Finding::unsettled);
  expect_says(text, {"a control that does no harm of its own"});
}

TEST(Reading, of_a_control_a_little_below_the_baseline_sees_no_harm) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.126, 0.08, 0.17};
  cell.conditions[3].accuracy = Estimate{0.217, 0.18, 0.26};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::transfer);
  expect_says(text, {"alone gains −0.3 points; +12.6 points [8.0, 17.0] remain above it",
                     "more than answer habit"});
  expect_never_says(text, {"prove nothing", "did harm"});
}

TEST(Reading, of_right_answers_without_more_probable_references_is_habit) {
  CellReport cell = clear_transfer();
  cell.bits_per_byte_after_first.gain = Estimate{-0.02, -0.03, -0.01};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::answer_habit);
  expect_says(text, {"remain above it.", "answer habit"});
  expect_never_says(text, {"more than answer habit"});
}

TEST(Reading, leaves_open_what_the_interval_leaves_open) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Estimate{0.08, -0.01, 0.17};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::unsettled);
  expect_says(text, {"Whether the gain is skill or answer habit is not settled",
                     "about 3 times as many seeds and items"});
}

TEST(Reading, of_nothing_found) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain = Estimate{0.012, -0.03, 0.054};
  cell.accuracy.gain_above_control = Estimate{0.01, -0.03, 0.05};
  cell.bits_per_byte_after_first.gain = Estimate{0.001, -0.01, 0.012};
  cell.accuracy.efficiency = Undefined{"x"};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::inconclusive);
  expect_says(text, {"this is not distinguishable from zero",
                     "not distinguishable from zero either", "more than 20 times the data"});
  expect_never_says(text, {"Transfer Efficiency", "raised", "no effect", "agrees with accuracy"});
}

TEST(Reading, of_negative_transfer) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain = Estimate{-0.092, -0.13, -0.05};
  cell.accuracy.gain_above_control = Estimate{-0.08, -0.12, -0.04};
  cell.bits_per_byte_after_first.gain = Estimate{-0.02, -0.03, -0.01};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::loss);
  expect_says(text,
              {"lowered accuracy", "−9.2 points [−13.0, −5.0]", "negative transfer",
               "not only one of style", "rose by 0.020 [0.010, 0.030]", "agrees with accuracy"});
}

TEST(Reading, without_a_control_claims_no_skill) {
  CellReport cell = clear_transfer();
  cell.accuracy.gain_above_control = Undefined{"no format control"};
  cell.bits_per_byte_after_first.gain_above_control = Undefined{"no format control"};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::uncontrolled_gain);
  expect_says(text, {"cannot be told from answer habit", "add the condition format_control"});
}

TEST(Reading, with_one_seed_says_what_the_interval_lacks) {
  CellReport cell = clear_transfer();
  for (ConditionSummary& c : cell.conditions) c.seeds = 1;
  expect_says(read(cell), {"with one seed the spread between training runs is not in it",
                           "Repeat it with more seeds"});
}

TEST(Reading, is_held_back_for_a_baseline_of_exactly_zero) {
  CellReport cell = clear_transfer();
  cell.conditions[0].accuracy = Estimate{0.0, 0.0, 0.01};
  const std::string text = read(cell);
  EXPECT_EQ(cell.finding, Finding::held_back);
  expect_says(text, {"held back", "scores exactly 0", "fell by 0.051"});
  expect_never_says(text, {"excludes zero", "Transfer Efficiency"});
}

TEST(Reading, is_held_back_for_answers_that_cannot_be_read) {
  CellReport cell = clear_transfer();
  cell.conditions[0].extraction_failure_rate = 0.2;
  expect_says(read(cell), {"held back", "20.0% of the baseline answers"});
  cell = clear_transfer();
  cell.conditions[3].extraction_failure_rate = 0.2;
  expect_says(read(cell), {"The format control cannot be compared"});
  EXPECT_EQ(cell.finding, Finding::uncontrolled_gain);
}

TEST(Reading, of_an_unfinished_cell) {
  CellReport cell;
  cell.source = "math";
  cell.target = "code";
  expect_says(read(cell), {"no complete evaluation of baseline and transfer"});
  EXPECT_EQ(cell.finding, Finding::incomplete);
}

TEST(Warnings, name_what_is_wrong_and_how_much) {
  CellReport cell = clear_transfer();
  study::StudySpec spec;
  spec.seeds = {0, 1, 2};
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::joint};
  cell.conditions[0].accuracy = Estimate{0.02, 0.01, 0.03};
  cell.conditions[1].extraction_failure_rate = 0.051;
  cell.conditions[2].truncated_rate = 0.3;
  cell.conditions[2].accuracy = Estimate{0.97, 0.95, 0.99};
  std::string all;
  for (const std::string& warning : find_warnings(cell, spec, static_cast<int>(spec.seeds.size())))
    all += warning + "\n";
  expect_says(all, {"(transfer 5.1%)", "(direct 30.0%)", "no complete evaluation of joint",
                    "transfer has 2", "of 3 planned seeds", "Floor: the baseline scores 2.0%",
                    "Ceiling: direct scores 97.0%"});
  expect_never_says(all, {"Single seed", "exactly 0"});
}

TEST(Warnings, a_zero_step_adapter_must_equal_the_baseline) {
  CellReport cell = clear_transfer();
  ConditionSummary zero = cell.conditions[0];
  zero.condition = Condition::zero_step;
  cell.conditions.push_back(zero);
  study::StudySpec spec;
  spec.conditions = {Condition::baseline};
  EXPECT_TRUE(find_warnings(cell, spec, static_cast<int>(spec.seeds.size())).empty());
  cell.conditions.back().accuracy = Estimate{0.23, 0.2, 0.26};
  ASSERT_EQ(find_warnings(cell, spec, static_cast<int>(spec.seeds.size())).size(), 1U);
  expect_says(find_warnings(cell, spec, static_cast<int>(spec.seeds.size()))[0], {"zero-step"});
}

}  // namespace
}  // namespace xfer::report
