// SPDX-License-Identifier: Apache-2.0
// From item scores to Transfer Gain, Efficiency and Relative Transfer, each with its doubt.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// What a score measures, which decides its direction and its thresholds.
enum class ScoreKind {
  accuracy,       ///< In [0, 1], larger is better.
  bits_per_byte,  ///< At least 0, smaller is better; negated inside, so that gains are positive.
};

/// Scores of one condition: `scores[s][i]` is item i under training seed s. Items are the same, in
/// the same order, for every condition of a cell. A condition without training randomness (the
/// baseline decoded greedily) has one row.
struct ConditionScores {
  Condition condition = Condition::baseline;
  std::vector<std::vector<double>> scores;
};

struct TransferOptions {
  ScoreKind kind = ScoreKind::accuracy;
  /// Confidence level of every interval, in (0, 1).
  double level = 0.95;
  /// Bootstrap resamples, at least 100.
  int resamples = 10000;
  std::uint64_t seed = 0;
  /// Efficiency needs a ceiling whose lower bound exceeds this. Unset: 0.02 (2 points) of
  /// accuracy; 0.01 bits per byte (a 100-byte answer becomes twice as probable).
  std::optional<double> ceiling_min;
  /// Relative transfer needs a baseline mean of at least this. Unset: 0.05 for either kind.
  std::optional<double> baseline_min;
  /// Headroom-normalised gain needs at least this much room above the baseline mean.
  double headroom_min = 0.05;
  /// Weight of each item in a mean; empty weighs all alike. With bits per byte and weights in
  /// bytes, a mean is total bits over total bytes.
  std::vector<double> item_weights;
  /// Label of each item's cluster (passage, template); items of one label are drawn together.
  /// Empty: every item stands alone.
  std::vector<std::string> item_clusters;
};

/// Scores on a set of items other than the target's test items.
struct ScoredItems {
  /// The same conditions as the cell's own: `transfer` is still the model trained on the source.
  /// Where a condition is in both, its seeds are the same training runs in the same order.
  std::vector<ConditionScores> conditions;
  /// As in `TransferOptions`.
  std::vector<double> item_weights;
  std::vector<std::string> item_clusters;
};

/// What a condition cost: US dollars by purpose, and metered tokens, of all seeds together.
struct Spending {
  double train_usd = 0.0;
  double sample_usd = 0.0;
  double evaluation_usd = 0.0;
  double tokens = 0.0;
};

/// What is known about a cell beside the scores on its target. What is left empty leaves its
/// metrics undefined.
struct CellContext {
  /// On the source's test items: baseline, transfer, direct (trained on the target), sequential.
  ScoredItems source;
  /// On the items of tasks that the training was not for: baseline and transfer.
  ScoredItems retained;
  /// On a held-out set of the target domain: baseline and transfer.
  ScoredItems held_out;
  /// What the transfer condition cost.
  std::optional<Spending> spending;
};

/// The mean score of one condition with its interval; bits per byte are not negated here.
struct ConditionMean {
  Condition condition = Condition::baseline;
  Metric mean;
};

struct TransferAnalysis {
  TransferMetrics metrics;
  /// One per condition given, in the order given.
  std::vector<ConditionMean> means;
  /// What a reader must know about these numbers, e.g. that an interval covers items only.
  std::vector<std::string> notes;
};

/// The metrics of one cell from its conditions, the baseline among them; metrics whose conditions
/// are absent are undefined and say which is missing. Intervals are from the crossed bootstrap
/// over seeds and items (`IntervalMethod::adjusted` in `bootstrap.hpp`), in which each shared arm
/// is drawn once per resample; sets of items are independent of each other, while a training run
/// that is drawn is drawn on all of them. Throws `invalid_argument` when the baseline is missing, a
/// condition is given twice, item counts differ, a score is not finite or outside its range, a
/// condition has unlike numbers of seeds on two sets, a cost is negative, or an option is out of
/// range.
TransferAnalysis transfer_metrics(std::span<const ConditionScores> conditions,
                                  const TransferOptions& options = {},
                                  const CellContext& context = {});

}  // namespace xfer::stats
#pragma GCC visibility pop
