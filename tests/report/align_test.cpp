// SPDX-License-Identifier: Apache-2.0
#include "report/scores/align.hpp"

#include "tests/support/results.hpp"
#include "xfer/error.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

namespace xfer::report {
namespace {

using testing::CellPlan;
using testing::make_cell;

study::CellResult two_arms() {
  CellPlan plan;
  plan.accuracy = {{Condition::baseline, 0.2}, {Condition::transfer, 0.4}};
  return make_cell(plan);
}

/// Runs `align` and returns the message, checking the code.
std::string refusal(const study::CellResult& cell, Errc code) {
  try {
    align(cell);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "not refused";
  return "";
}

void expect_mentions(const std::string& message, const std::vector<std::string>& parts) {
  for (const std::string& part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << part << " not in: " << message;
}

TEST(Align, puts_items_side_by_side_whatever_their_order) {
  study::CellResult cell = two_arms();
  std::reverse(cell.evaluations[1].items.begin(), cell.evaluations[1].items.end());
  std::reverse(cell.evaluations.begin(), cell.evaluations.end());
  const AlignedCell aligned = align(cell);
  ASSERT_EQ(aligned.arms.size(), 2U);
  EXPECT_EQ(aligned.arms[0].condition, Condition::baseline);
  EXPECT_EQ(aligned.arms[1].seeds, (std::vector<std::uint64_t>{0, 1}));
  for (const Arm& arm : aligned.arms)
    for (const auto& row : arm.items)
      for (std::size_t i = 0; i < row.size(); ++i)
        EXPECT_EQ(row[i]->item_id, aligned.items[i]->item_id);
}

TEST(Align, refuses_different_protocols_and_prints_both) {
  study::CellResult cell = two_arms();
  cell.evaluations[2].protocol_hash = "deadbeef";
  expect_mentions(
      refusal(cell, Errc::run_mismatch),
      {"math -> code", "baseline has protocol 5f0c6a1b", "transfer (seed 1)", "deadbeef"});
}

TEST(Align, refuses_different_items_and_lists_them) {
  study::CellResult cell = two_arms();
  cell.evaluations[1].items.pop_back();
  cell.evaluations[1].items[0].item_id = "other";
  expect_mentions(
      refusal(cell, Errc::run_mismatch),
      {"2 items only in baseline: code-000, code-039", "1 item only in transfer (seed 0): other"});
}

TEST(Align, refuses_one_item_with_two_references) {
  study::CellResult cell = two_arms();
  cell.evaluations[1].items[3].reference_bytes += 1;
  expect_mentions(refusal(cell, Errc::run_mismatch),
                  {"item code-003", "reference of 15 bytes", "reference of 16 bytes"});
}

TEST(Align, refuses_duplicates) {
  study::CellResult twice = two_arms();
  twice.evaluations.push_back(twice.evaluations[1]);
  expect_mentions(refusal(twice, Errc::bad_data), {"transfer (seed 0) is there twice"});
  study::CellResult items = two_arms();
  items.evaluations[0].items[1].item_id = items.evaluations[0].items[0].item_id;
  expect_mentions(refusal(items, Errc::bad_data), {"baseline", "code-000 is there twice"});
}

TEST(Align, refuses_values_that_no_evaluation_can_give) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto with = [](auto change) {
    study::CellResult cell = two_arms();
    change(cell.evaluations[1].items[2]);
    return refusal(cell, Errc::bad_data);
  };
  using Item = study::ItemResult;
  expect_mentions(with([&](Item& i) { i.score = nan; }), {"code-002", "score", "[0, 1]"});
  expect_mentions(with([](Item& i) { i.score = 1.5; }), {"score", "1.5"});
  expect_mentions(with([&](Item& i) { i.reference_bits = nan; }), {"reference_bits"});
  expect_mentions(with([](Item& i) { i.reference_bits = -1; }), {"reference_bits", "at least 0"});
  expect_mentions(with([](Item& i) { i.first_token_bits = 1e6; }), {"first_token_bits"});
  expect_mentions(with([](Item& i) { i.first_token_bytes = 99; }), {"first_token_bytes"});
  study::CellResult empty = two_arms();
  empty.evaluations[0].items.clear();
  expect_mentions(refusal(empty, Errc::bad_data), {"baseline", "has no items"});
}

TEST(Align, allows_a_certain_token_to_round_below_zero_bits) {
  study::CellResult cell = two_arms();
  for (study::EvaluationResult& e : cell.evaluations) {
    e.items[0].first_token_bits = -1e-7;
    e.items[0].reference_bits = -2e-7;
  }
  EXPECT_NO_THROW(align(cell));
}

TEST(Align, keeps_hostile_names_out_of_messages) {
  study::CellResult cell = two_arms();
  cell.evaluations[1].items[0].item_id = std::string("\xff\x1b[31m") + std::string(5000, 'x');
  const std::string message = refusal(cell, Errc::run_mismatch);
  EXPECT_LT(message.size(), 1000U);
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace xfer::report
