// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/matrix.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace xfer::stats {
namespace {

using Rows = std::vector<std::vector<double>>;

/// Answers that are right with probability `share`, the same items being easy for every model.
Rows answers(std::size_t seeds, std::size_t items, double share, std::uint64_t stream) {
  Rows rows;
  const Rng items_rng(77);
  for (std::size_t s = 0; s < seeds; ++s) {
    Rng noise(stream, s);
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < items; ++i) {
      const double ease = items_rng.fork(i).uniform();
      row.push_back(0.8 * ease + 0.2 * noise.uniform() < share ? 1.0 : 0.0);
    }
  }
  return rows;
}

std::vector<MatrixColumn> matrix() {
  std::vector<MatrixColumn> columns(2);
  columns[0].target = "code";
  columns[0].baseline = answers(1, 600, 0.4, 1);
  columns[0].rows = {{"math", answers(3, 600, 0.6, 2), "", ""},
                     {"law", answers(3, 600, 0.25, 3), "", ""},
                     {"logic", answers(3, 600, 0.41, 4), "", ""}};
  columns[1].target = "math";
  columns[1].baseline = answers(1, 500, 0.5, 5);
  columns[1].rows = {{"law", answers(3, 500, 0.5, 6), "", ""},
                     {"logic", answers(3, 500, 0.52, 7), "", ""}};
  return columns;
}

TEST(MatrixVerdicts, tell_gain_loss_equivalent_and_inconclusive_apart) {
  MatrixOptions options;
  options.margin = 0.10;
  const auto cells = matrix_verdicts(matrix(), options);
  ASSERT_EQ(cells.size(), 5U);
  EXPECT_EQ(cells[0].source, "math");
  EXPECT_EQ(cells[0].target, "code");
  EXPECT_EQ(cells[0].verdict, TransferVerdict::gain);
  EXPECT_GT(cells[0].gain.estimate()->lower, 0.1);
  EXPECT_LT(cells[0].p_adjusted, 0.01);
  EXPECT_GE(cells[0].p_adjusted, cells[0].p);
  EXPECT_FALSE(cells[0].within_margin);
  EXPECT_EQ(cells[1].verdict, TransferVerdict::loss);
  EXPECT_LT(cells[1].gain.estimate()->upper, 0.0);
  EXPECT_EQ(cells[2].verdict, TransferVerdict::equivalent);
  EXPECT_TRUE(cells[2].within_margin);
  EXPECT_GT(cells[2].p_adjusted, 0.05);
  options.margin = 0.001;
  const auto strict = matrix_verdicts(matrix(), options);
  EXPECT_EQ(strict[2].verdict, TransferVerdict::inconclusive);
  EXPECT_EQ(strict[0].verdict, TransferVerdict::gain);
}

TEST(MatrixVerdicts, a_small_gain_is_a_gain_within_the_margin) {
  std::vector<MatrixColumn> columns(1);
  columns[0].target = "code";
  columns[0].baseline = answers(1, 4000, 0.40, 1);
  columns[0].rows = {{"math", answers(1, 4000, 0.43, 1), "", ""}};
  MatrixOptions options;
  options.margin = 0.1;
  const auto cell = matrix_verdicts(columns, options)[0];
  EXPECT_EQ(cell.verdict, TransferVerdict::gain);
  EXPECT_TRUE(cell.within_margin);
}

TEST(MatrixVerdicts, intervals_widen_with_the_number_of_cells) {
  const auto columns = matrix();
  std::vector<MatrixColumn> one = {columns[0]};
  one[0].rows.resize(1);
  const auto width = [](const MatrixVerdict& cell) {
    return cell.gain.estimate()->upper - cell.gain.estimate()->lower;
  };
  const auto alone = matrix_verdicts(one);
  const auto among = matrix_verdicts(columns);
  EXPECT_EQ(alone[0].gain.estimate()->value, among[0].gain.estimate()->value);
  EXPECT_GT(width(among[0]), 1.1 * width(alone[0]));
}

TEST(MatrixVerdicts, do_not_depend_on_the_order_of_columns_or_rows) {
  auto columns = matrix();
  const auto before = matrix_verdicts(columns);
  std::swap(columns[0], columns[1]);
  std::swap(columns[1].rows[0], columns[1].rows[2]);
  const auto after = matrix_verdicts(columns);
  EXPECT_EQ(after[4].source, "math");
  EXPECT_EQ(after[4].gain.estimate()->lower, before[0].gain.estimate()->lower);
  EXPECT_EQ(after[0].p_adjusted, before[3].p_adjusted);
}

TEST(MatrixVerdicts, refuse_with_the_reason) {
  auto columns = matrix();
  columns[0].protocol = "greedy";
  columns[0].rows[0].protocol = "greedy";
  columns[0].rows[1].protocol = "sampled";
  columns[0].rows[2].protocol = "greedy";
  columns[0].rows[2].doubt = "20 % of the answers were cut off";
  columns[1].doubt = "the baseline's answers could not be extracted";
  const auto cells = matrix_verdicts(columns);
  EXPECT_EQ(cells[0].verdict, TransferVerdict::gain);
  EXPECT_EQ(cells[1].verdict, TransferVerdict::refused);
  EXPECT_EQ(cells[1].reason, "protocols differ (baseline 'greedy', trained 'sampled')");
  EXPECT_FALSE(cells[1].gain.defined());
  EXPECT_EQ(cells[2].reason, "20 % of the answers were cut off");
  EXPECT_EQ(cells[3].reason, "the baseline's answers could not be extracted");
  EXPECT_EQ(cells[3].p, 1.0);
}

TEST(MatrixVerdicts, a_baseline_at_an_end_of_the_scale_is_suspect) {
  std::vector<MatrixColumn> columns(2);
  columns[0].target = "zero";
  columns[0].baseline = Rows(1, std::vector<double>(50, 0.0));
  columns[0].rows = {{"a", answers(2, 50, 0.5, 1), "", ""}};
  columns[1].target = "one";
  columns[1].baseline = Rows(1, std::vector<double>(50, 1.0));
  columns[1].rows = {{"a", answers(2, 50, 0.5, 2), "", ""}};
  const auto cells = matrix_verdicts(columns);
  EXPECT_NE(cells[0].reason.find("exactly 0"), std::string::npos);
  EXPECT_NE(cells[1].reason.find("exactly 1"), std::string::npos);
  MatrixOptions bits;
  bits.kind = ScoreKind::bits_per_byte;
  EXPECT_EQ(matrix_verdicts(columns, bits)[0].verdict, TransferVerdict::loss);
}

TEST(MatrixVerdicts, models_that_answer_alike_are_bounded_by_the_number_of_items) {
  std::vector<MatrixColumn> columns(1);
  columns[0].target = "code";
  columns[0].baseline = answers(1, 1000, 0.4, 1);
  columns[0].rows = {{"a", columns[0].baseline, "", ""}};
  const auto cell = matrix_verdicts(columns)[0];
  EXPECT_EQ(cell.verdict, TransferVerdict::equivalent);
  EXPECT_GT(cell.gain.estimate()->upper, 0.003);
  EXPECT_EQ(cell.p, 1.0);
  columns[0].baseline[0].resize(50);
  columns[0].rows[0].scores[0].resize(50);
  EXPECT_EQ(matrix_verdicts(columns)[0].verdict, TransferVerdict::inconclusive);
  columns[0].baseline[0].resize(1);
  columns[0].rows[0].scores[0].resize(1);
  EXPECT_EQ(matrix_verdicts(columns)[0].verdict, TransferVerdict::refused);
}

TEST(MatrixVerdicts, refuse_malformed_input) {
  auto columns = matrix();
  MatrixOptions options;
  options.margin = -1.0;
  EXPECT_THROW(matrix_verdicts(columns, options), Error);
  columns[1].rows[0].scores.pop_back();  // law: 3 seeds on code, 2 on math
  EXPECT_THROW(matrix_verdicts(columns), Error);
  columns = matrix();
  columns[1].target = "code";
  EXPECT_THROW(matrix_verdicts(columns), Error);
  columns = matrix();
  columns[0].rows[1].source = "math";
  EXPECT_THROW(matrix_verdicts(columns), Error);
  columns = matrix();
  columns[0].rows[1].scores[0].pop_back();
  EXPECT_THROW(matrix_verdicts(columns), Error);
  columns = matrix();
  columns[0].baseline.clear();
  EXPECT_THROW(matrix_verdicts(columns), Error);
  EXPECT_TRUE(matrix_verdicts({}).empty());
}

TEST(SplitHalf, is_high_when_cells_differ_more_than_seeds) {
  Rng rng(3);
  const auto simulate = [&](double noise, std::size_t seeds) {
    std::vector<std::vector<double>> gains(200);
    for (auto& cell : gains) {
      const double truth = rng.normal();
      for (std::size_t s = 0; s < seeds; ++s) cell.push_back(truth + noise * rng.normal());
    }
    return gains;
  };
  // One seed against another has correlation 1 / (1 + noise^2); eight together 8 / (8 + noise^2).
  const auto two = simulate(1.0, 2);
  EXPECT_NEAR(*split_half(two).halves.number(), 0.5, 0.12);
  const auto eight = simulate(2.0, 8);
  EXPECT_NEAR(*split_half(eight).halves.number(), 0.5, 0.1);
  EXPECT_NEAR(*split_half(eight).full.number(), 8.0 / 12.0, 0.1);
  const auto odd = simulate(2.0, 5);
  EXPECT_NEAR(*split_half(odd).full.number(), 5.0 / 9.0, 0.12);
}

TEST(SplitHalf, is_undefined_with_the_reason) {
  EXPECT_EQ(split_half(Rows{{1, 2}, {3, 4}}).full.reason(), "needs at least 3 cells");
  EXPECT_EQ(split_half(Rows{{1}, {2}, {3}}).full.reason(), "needs at least 2 seeds");
  EXPECT_FALSE(split_half(Rows{{1, 1}, {1, 2}, {1, 3}}).halves.defined());
  EXPECT_THROW(split_half(Rows{{1, 1}, {1}, {1, 3}}), Error);
  EXPECT_THROW(split_half(Rows{{1, 1}, {1, NAN}, {1, 3}}), Error);
}

}  // namespace
}  // namespace xfer::stats
