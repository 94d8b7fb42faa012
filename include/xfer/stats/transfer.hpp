// From item scores to Transfer Gain, Efficiency and Relative Transfer, each with its doubt.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/transfer_metrics.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

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
  /// Weight of each item in a mean; empty weighs all alike. With bits per byte and weights in
  /// bytes, a mean is total bits over total bytes.
  std::vector<double> item_weights;
  /// Label of each item's cluster (passage, template); items of one label are drawn together.
  /// Empty: every item stands alone.
  std::vector<std::string> item_clusters;
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
/// over seeds and items (see `bootstrap.hpp`), in which each shared arm is drawn once per
/// resample. Throws `invalid_argument` when the baseline is missing, a condition is given twice,
/// item counts differ, a score is not finite or outside its range, or an option is out of range.
TransferAnalysis transfer_metrics(std::span<const ConditionScores> conditions,
                                  const TransferOptions& options = {});

}  // namespace xfer::stats
