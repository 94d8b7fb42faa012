// SPDX-License-Identifier: Apache-2.0
// The three scores of an item, and the rows of them that the statistics take.
#pragma once

#include "report/scores/align.hpp"

#include "xfer/stats/transfer.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace xfer::report {

/// How an item scores, and how much it weighs in a mean. Bits per byte of a set is total bits over
/// total bytes: an item's own bits per byte weighted by its bytes makes the weighted mean exactly
/// that ratio of sums, in every bootstrap resample too.
struct Score {
  stats::ScoreKind kind;
  std::function<double(const study::ItemResult&)> value;
  std::function<double(const study::ItemResult&)> weight;
};

const Score& accuracy_score();
const Score& bits_score();
/// Without the reference's first token. A reference of one token has nothing left and weighs
/// nothing.
const Score& rest_score();

/// Intervals depend on the data alone: every study uses the same resampling seed.
std::uint64_t bootstrap_seed();

/// 0.95; of an adaptive study so much more that the intervals of all its looks hold together with
/// that probability (Bonferroni), so that the last one holds whatever made it the last.
double interval_level(const study::StudySpec& spec);

/// Places of the items that weigh something under the score: the others have nothing to say.
std::vector<std::size_t> weighing(const AlignedCell& cell, const Score& score);

/// An arm's scores on the items at `chosen`, `rows[s][i]`.
std::vector<std::vector<double>> score_rows(const Arm& arm, const Score& score,
                                            const std::vector<std::size_t>& chosen);

/// Weights (empty for accuracy, where all are alike) and cluster labels (empty where no item has
/// one) of the items at `chosen`.
struct ItemWeights {
  std::vector<double> weights;
  std::vector<std::string> clusters;
};
ItemWeights item_weights(const AlignedCell& cell, const Score& score,
                         const std::vector<std::size_t>& chosen);

}  // namespace xfer::report
