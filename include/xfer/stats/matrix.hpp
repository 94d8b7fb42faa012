// SPDX-License-Identifier: Apache-2.0
// Verdicts over a whole transfer matrix, with the chance of any false one controlled.
#pragma once

#include "xfer/stats/transfer.hpp"
#include "xfer/stats/value.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// What can be said about one cell.
enum class TransferVerdict {
  gain,          ///< The simultaneous interval of the gain lies above 0.
  loss,          ///< It lies below 0: negative transfer.
  equivalent,    ///< It lies within the declared margin on both sides of 0.
  inconclusive,  ///< None of these: the data cannot tell.
  refused,       ///< The scores do not allow a verdict; `reason` says why.
};

constexpr std::string_view to_string(TransferVerdict verdict) noexcept {
  switch (verdict) {
    case TransferVerdict::gain: return "gain";
    case TransferVerdict::loss: return "loss";
    case TransferVerdict::equivalent: return "equivalent";
    case TransferVerdict::inconclusive: return "inconclusive";
    case TransferVerdict::refused: return "refused";
  }
  return "refused";
}

/// One model trained on a source, scored on a target's items: `scores[s][i]`.
struct MatrixRow {
  /// Names the training runs: a source has the same seeds, in the same order, in every column.
  std::string source;
  std::vector<std::vector<double>> scores;
  /// Hash or name of how these scores were made (prompt, decoding, grader).
  std::string protocol;
  /// Why these scores cannot be trusted; empty when they can.
  std::string doubt;
};

/// One target: its baseline, and the models that are compared with it on the same items.
struct MatrixColumn {
  std::string target;
  std::vector<std::vector<double>> baseline;
  std::vector<MatrixRow> rows;
  /// As in `TransferOptions`.
  std::vector<double> item_weights;
  std::vector<std::string> item_clusters;
  /// Of the baseline; a row with another protocol is refused.
  std::string protocol;
  /// Why the baseline cannot be trusted; refuses the whole column.
  std::string doubt;
};

struct MatrixOptions {
  ScoreKind kind = ScoreKind::accuracy;
  /// Probability that all intervals of the matrix hold together.
  double level = 0.95;
  /// Bootstrap resamples, at least 100.
  int resamples = 10000;
  std::uint64_t seed = 0;
  /// Gains within this of 0 do not matter; declared before looking. Unset: 0.02 (2 points) of
  /// accuracy, 0.01 bits per byte.
  std::optional<double> margin;
};

struct MatrixVerdict {
  std::string source;
  std::string target;
  TransferVerdict verdict = TransferVerdict::refused;
  /// The gain with its simultaneous interval, in units of the score, positive for the better;
  /// undefined when refused.
  Metric gain;
  /// Whether that interval also lies within the margin: a gain or loss too small to matter.
  bool within_margin = false;
  /// Two-sided p-values of no gain: of this cell alone; adjusted for all cells by the max-t
  /// distribution; and Benjamini and Hochberg's over the cells. 1 when refused.
  double p = 1.0;
  double p_adjusted = 1.0;
  double q = 1.0;
  /// Why it was refused, or "".
  std::string reason;
};

/// The verdict of every cell, column by column. All are read off one set of simultaneous max-t
/// intervals (`simultaneous_bands`), so the chance that any gain, loss or equivalence of the matrix
/// is claimed falsely is at most 1 - level. Resamples share what the cells share: the items and the
/// baseline of a column, and the training runs of a source. A cell's variance between seeds counts
/// at least as much as its mean over the matrix: few seeds alone understate it too often.
///
/// Refused, with the reason: rows of another protocol than the baseline's, what the caller doubts,
/// fewer than 2 items that stand alone, and accuracies whose baseline is exactly 0 (answers that
/// cannot be graded look like this) or exactly 1 (no room).
///
/// Throws `invalid_argument` for scores that are malformed or out of range, a target or a source
/// of a column given twice, a source with unlike numbers of seeds, or an option out of range.
std::vector<MatrixVerdict> matrix_verdicts(std::span<const MatrixColumn> columns,
                                           const MatrixOptions& options = {});

/// How well a matrix repeats itself: the correlation over cells between the mean gains of two
/// halves of the seeds, averaged over halvings, stepped up to all seeds by Spearman and Brown
/// (1910). `gains[c][s]` is cell c under training seed s. Undefined for fewer than 3 cells, fewer
/// than 2 seeds, or cells that do not differ. Throws `invalid_argument` for rows of unlike length
/// or values that are not finite.
struct Reliability {
  /// Mean correlation between halves.
  Value halves;
  /// Of the mean over all seeds.
  Value full;
};
Reliability split_half(std::span<const std::vector<double>> gains);

}  // namespace xfer::stats
#pragma GCC visibility pop
