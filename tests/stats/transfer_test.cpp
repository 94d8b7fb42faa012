// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/transfer.hpp"

#include "tests/stats/simulate.hpp"
#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
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

bool mentions(const std::vector<std::string>& notes, std::string_view text) {
  return std::any_of(notes.begin(), notes.end(),
                     [&](const std::string& note) { return note.find(text) != std::string::npos; });
}

std::vector<ConditionScores> full_cell() {
  return {{Condition::baseline, {row(400, 100)}},
          {Condition::transfer, {row(400, 180), row(400, 196)}},
          {Condition::direct, {row(400, 300), row(400, 308)}},
          {Condition::sequential, {row(400, 320), row(400, 324)}},
          {Condition::joint, {row(400, 280), row(400, 284)}},
          {Condition::format_control, {row(400, 120), row(400, 128)}}};
}

TEST(TransferMetrics, values_follow_the_definitions) {
  const auto cell = full_cell();
  const TransferAnalysis a = transfer_metrics(cell);
  const TransferMetrics& m = a.metrics;
  EXPECT_NEAR(m.gain.estimate()->value, 0.47 - 0.25, 1e-12);
  EXPECT_NEAR(m.ceiling.estimate()->value, 0.76 - 0.25, 1e-12);
  EXPECT_NEAR(m.efficiency.estimate()->value, 0.22 / 0.51, 1e-12);
  EXPECT_NEAR(m.relative_transfer.estimate()->value, 0.22 / 0.25, 1e-12);
  EXPECT_NEAR(m.gain_above_control.estimate()->value, 0.47 - 0.31, 1e-12);
  EXPECT_NEAR(m.sequential_over_direct.estimate()->value, 0.805 - 0.76, 1e-12);
  EXPECT_NEAR(m.joint_over_direct.estimate()->value, 0.705 - 0.76, 1e-12);
  ASSERT_EQ(a.means.size(), cell.size());
  EXPECT_NEAR(a.means[0].mean.estimate()->value, 0.25, 1e-12);
  EXPECT_EQ(a.means[5].condition, Condition::format_control);
  for (const Metric& metric :
       {m.gain, m.ceiling, m.efficiency, m.relative_transfer, m.gain_above_control,
        m.sequential_over_direct, m.joint_over_direct}) {
    const Estimate& e = *metric.estimate();
    EXPECT_LT(e.lower, e.value);
    EXPECT_GT(e.upper, e.value);
  }
  EXPECT_TRUE(a.notes.empty());
}

TEST(TransferMetrics, are_the_same_bits_again_and_without_the_other_conditions) {
  const auto cell = full_cell();
  const Estimate first = *transfer_metrics(cell).metrics.gain.estimate();
  const Estimate again = *transfer_metrics(cell).metrics.gain.estimate();
  const Estimate alone = *transfer_metrics(std::span(cell).first(2)).metrics.gain.estimate();
  EXPECT_EQ(first.lower, again.lower);
  EXPECT_EQ(first.lower, alone.lower);
  EXPECT_EQ(first.upper, alone.upper);
}

TEST(TransferMetrics, do_not_depend_on_the_order_of_seeds_much_nor_of_conditions) {
  auto cell = full_cell();
  const Estimate first = *transfer_metrics(cell).metrics.gain.estimate();
  std::reverse(cell.begin(), cell.end());
  const Estimate reversed = *transfer_metrics(cell).metrics.gain.estimate();
  EXPECT_EQ(first.lower, reversed.lower);
  for (ConditionScores& given : cell) std::reverse(given.scores.begin(), given.scores.end());
  const Estimate swapped = *transfer_metrics(cell).metrics.gain.estimate();
  EXPECT_NEAR(first.lower, swapped.lower, 0.01);
}

TEST(TransferMetrics, missing_conditions_leave_their_metrics_undefined) {
  const auto cell = full_cell();
  const auto some = transfer_metrics(std::span(cell).first(2)).metrics;
  EXPECT_TRUE(some.gain.defined());
  EXPECT_EQ(some.ceiling.reason(), "no direct condition");
  EXPECT_EQ(some.efficiency.reason(), "no direct condition");
  EXPECT_EQ(some.gain_above_control.reason(), "no format_control condition");
  EXPECT_EQ(some.sequential_over_direct.reason(), "no sequential condition");
  EXPECT_EQ(some.joint_over_direct.reason(), "no joint condition");
  const auto base = transfer_metrics(std::span(cell).first(1)).metrics;
  EXPECT_EQ(base.gain.reason(), "no transfer condition");
  EXPECT_EQ(base.relative_transfer.reason(), "no transfer condition");
}

TEST(TransferMetrics, efficiency_needs_a_ceiling_that_is_clearly_there) {
  std::vector<ConditionScores> cell = {{Condition::baseline, {row(200, 60)}},
                                       {Condition::transfer, {row(200, 80)}},
                                       {Condition::direct, {row(200, 61)}}};
  EXPECT_EQ(transfer_metrics(cell).metrics.efficiency.reason(),
            "direct gain not distinguishable from 0");
  cell[2].scores = {cell[0].scores[0]};  // six more right, all else equal
  for (std::size_t i = 0, added = 0; added < 6; ++i)
    if (cell[2].scores[0][i] == 0.0) {
      cell[2].scores[0][i] = 1.0;
      ++added;
    }
  const auto small = transfer_metrics(cell).metrics;
  EXPECT_GT(small.ceiling.estimate()->lower, 0.0);
  EXPECT_EQ(small.efficiency.reason(), "direct gain not clearly above 2.0 points");
  TransferOptions lax;
  lax.ceiling_min = 0.0;
  EXPECT_TRUE(transfer_metrics(cell, lax).metrics.efficiency.defined());
}

TEST(TransferMetrics, relative_transfer_needs_a_baseline_above_five_percent) {
  std::vector<ConditionScores> cell = {{Condition::baseline, {row(200, 9)}},
                                       {Condition::transfer, {row(200, 80)}}};
  EXPECT_EQ(transfer_metrics(cell).metrics.relative_transfer.reason(), "baseline below 5.0 %");
  cell[0].scores = {row(200, 30)};
  EXPECT_TRUE(transfer_metrics(cell).metrics.relative_transfer.defined());
  cell[0].scores = {row(200, 0)};
  const auto zero = transfer_metrics(cell);
  EXPECT_FALSE(zero.metrics.relative_transfer.defined());
  EXPECT_TRUE(mentions(zero.notes, "exactly 0"));
}

TEST(TransferMetrics, says_when_intervals_cover_items_only) {
  const std::vector<ConditionScores> cell = {{Condition::baseline, {row(200, 60)}},
                                             {Condition::transfer, {row(200, 80)}}};
  EXPECT_TRUE(mentions(transfer_metrics(cell).notes, "one seed only (transfer)"));
}

TEST(TransferMetrics, two_unlike_seeds_make_a_wide_interval) {
  const std::vector<ConditionScores> alike = {
      {Condition::baseline, {row(1000, 300)}},
      {Condition::transfer, {row(1000, 400), row(1000, 404)}}};
  const std::vector<ConditionScores> unlike = {
      {Condition::baseline, {row(1000, 300)}},
      {Condition::transfer, {row(1000, 300), row(1000, 504)}}};
  const Estimate a = *transfer_metrics(alike).metrics.gain.estimate();
  const Estimate b = *transfer_metrics(unlike).metrics.gain.estimate();
  EXPECT_NEAR(a.value, b.value, 1e-12);
  EXPECT_GT(a.lower, 0.0);
  EXPECT_LT(b.lower, 0.0);
  EXPECT_GT(b.upper - b.lower, 4.0 * (a.upper - a.lower));
}

TEST(TransferMetrics, identical_answers_are_not_a_gain_of_exactly_zero) {
  const std::vector<ConditionScores> cell = {{Condition::baseline, {row(100, 0)}},
                                             {Condition::transfer, {row(100, 0), row(100, 0)}}};
  const auto a = transfer_metrics(cell);
  const Estimate& gain = *a.metrics.gain.estimate();
  EXPECT_EQ(gain.value, 0.0);
  EXPECT_NEAR(gain.upper, 0.0362, 5e-4);  // what 100 items can rule out
  EXPECT_NEAR(gain.lower, -0.0362, 5e-4);
  EXPECT_TRUE(mentions(a.notes, "do not differ on any item"));
  EXPECT_GT(a.means[1].mean.estimate()->upper, 0.03);
}

TEST(TransferMetrics, fewer_bits_are_a_positive_gain) {
  Rng rng(5);
  std::vector<double> base(300);
  std::vector<double> tuned(300);
  std::vector<double> direct(300);
  TransferOptions options;
  options.kind = ScoreKind::bits_per_byte;
  double bits = 0.0;
  double tuned_bits = 0.0;
  double bytes = 0.0;
  for (std::size_t i = 0; i < base.size(); ++i) {
    base[i] = 1.0 + 0.2 * rng.uniform();
    tuned[i] = base[i] - 0.05 - 0.02 * rng.uniform();
    direct[i] = base[i] - 0.20 - 0.02 * rng.uniform();
    options.item_weights.push_back(static_cast<double>(20 + rng.below(100)));
    bits += base[i] * options.item_weights[i];
    tuned_bits += tuned[i] * options.item_weights[i];
    bytes += options.item_weights[i];
  }
  const std::vector<ConditionScores> cell = {
      {Condition::baseline, {base}}, {Condition::transfer, {tuned}}, {Condition::direct, {direct}}};
  const auto a = transfer_metrics(cell, options);
  EXPECT_NEAR(a.means[0].mean.estimate()->value, bits / bytes, 1e-12);
  EXPECT_GT(a.means[0].mean.estimate()->lower, 1.0);
  EXPECT_NEAR(a.metrics.gain.estimate()->value, (bits - tuned_bits) / bytes, 1e-12);
  EXPECT_GT(a.metrics.gain.estimate()->lower, 0.04);
  EXPECT_NEAR(a.metrics.relative_transfer.estimate()->value, (bits - tuned_bits) / bits, 1e-12);
  EXPECT_GT(a.metrics.relative_transfer.estimate()->lower, 0.0);
  EXPECT_NEAR(a.metrics.efficiency.estimate()->value, 0.06 / 0.21, 0.02);
}

TEST(TransferMetrics, clustered_items_widen_the_interval) {
  std::vector<ConditionScores> cell = {{Condition::baseline, {{}}}, {Condition::transfer, {{}}}};
  TransferOptions options;
  Rng rng(9);
  for (int c = 0; c < 40; ++c) {
    const auto before = static_cast<double>(rng.below(2));
    const auto after = static_cast<double>(rng.below(2));
    for (int i = 0; i < 10; ++i) {
      cell[0].scores[0].push_back(before);
      cell[1].scores[0].push_back(after);
      options.item_clusters.push_back("passage " + std::to_string(c));
    }
  }
  const Estimate plain = *transfer_metrics(cell).metrics.gain.estimate();
  const Estimate grouped = *transfer_metrics(cell, options).metrics.gain.estimate();
  EXPECT_GT(grouped.upper - grouped.lower, 2.5 * (plain.upper - plain.lower));
}

TEST(TransferMetrics, refuse_malformed_input) {
  const auto refused = [](const std::vector<ConditionScores>& cell, TransferOptions options = {}) {
    try {
      transfer_metrics(cell, options);
    } catch (const Error& error) {
      return error.code() == Errc::invalid_argument;
    }
    return false;
  };
  const auto ok = full_cell();
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({ok[1]}));
  EXPECT_TRUE(refused({ok[0], ok[0]}));
  EXPECT_TRUE(refused({ok[0], {Condition::transfer, {}}}));
  EXPECT_TRUE(refused({ok[0], {Condition::transfer, {row(399, 100)}}}));
  EXPECT_TRUE(refused({{Condition::baseline, {{}}}}));
  EXPECT_TRUE(refused({{Condition::baseline, {{0.0, 1.5}}}}));
  EXPECT_TRUE(refused({{Condition::baseline, {{0.0, -0.5}}}}));
  EXPECT_TRUE(refused({{Condition::baseline, {{0.0, std::numeric_limits<double>::quiet_NaN()}}}}));
  TransferOptions options;
  options.level = 95.0;
  EXPECT_TRUE(refused(ok, options));
  options = {};
  options.resamples = 10;
  EXPECT_TRUE(refused(ok, options));
  options = {};
  options.item_weights = {1.0, 2.0};
  EXPECT_TRUE(refused(ok, options));
  options = {};
  options.item_clusters = {"a"};
  EXPECT_TRUE(refused(ok, options));
}

TEST(TransferMetrics, one_item_has_no_interval) {
  const std::vector<ConditionScores> cell = {{Condition::baseline, {{0.0}}},
                                             {Condition::transfer, {{1.0}}}};
  EXPECT_FALSE(transfer_metrics(cell).metrics.gain.defined());
}

/// Share of simulated cells whose intervals hold the truth.
TEST(TransferMetrics, intervals_cover_the_truth_as_often_as_they_say) {
  Simulation s;
  s.items = 150;
  const double base = true_score(s, 0.0, 0.0);
  const double gain = true_score(s, s.transfer_shift, s.seed_spread) - base;
  const double ceiling = true_score(s, s.direct_shift, s.seed_spread) - base;
  Rng rng(2024);
  constexpr int cells = 400;
  int gains = 0;
  int efficiencies = 0;
  int defined = 0;
  for (int i = 0; i < cells; ++i) {
    TransferOptions options;
    options.resamples = 400;
    options.seed = static_cast<std::uint64_t>(i);
    const auto cell = simulate(s, rng);
    const TransferMetrics m = transfer_metrics(cell, options).metrics;
    const Estimate& g = *m.gain.estimate();
    gains += g.lower <= gain && gain <= g.upper ? 1 : 0;
    const Estimate* e = m.efficiency.estimate();
    if (!e) continue;
    ++defined;
    efficiencies += e->lower <= gain / ceiling && gain / ceiling <= e->upper ? 1 : 0;
  }
  EXPECT_GE(gains, cells * 90 / 100);
  EXPECT_LE(gains, cells * 99 / 100);
  EXPECT_GT(defined, cells * 9 / 10);
  EXPECT_GE(efficiencies, defined * 90 / 100);
}

}  // namespace
}  // namespace xfer::stats
