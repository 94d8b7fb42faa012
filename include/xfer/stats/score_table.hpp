// SPDX-License-Identifier: Apache-2.0
// Verdicts from published scores: means of whole runs, without the items behind them.
#pragma once

#include "xfer/stats/matrix.hpp"
#include "xfer/stats/value.hpp"

#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Mean scores in [0, 1] of the runs of one cell: with as many baseline as trained runs, run s of
/// both has the same seed.
struct ScoreCell {
  std::string source;
  std::string target;
  std::vector<double> baseline;
  std::vector<double> trained;
  /// Test items behind each score; 0 when that is not known.
  int items = 0;
};

struct ScoreTableOptions {
  double level = 0.95;
  /// Gains within this of 0 do not matter.
  double margin = 0.02;
};

struct ScoreVerdict {
  std::string source;
  std::string target;
  double mean = 0.0;
  /// Mean gain with an interval that holds for all cells together (Bonferroni).
  Metric gain = Undefined{"not computed"};
  /// Mean over seeds of trained / baseline - 1, and share of seeds whose score is above the
  /// baseline's (ties are not). Undefined for unlike numbers of runs or a baseline of 0.
  Value relative_change = Undefined{"not computed"};
  Value share_above = Undefined{"not computed"};
  /// One-sample t of the gains seed by seed.
  Value paired_t = Undefined{"not computed"};
  Value paired_p = Undefined{"not computed"};
  /// Of no gain: Welch's t over runs, or for single runs the normal of two independent shares of
  /// `items`. Numbers of seeds name nothing that two trainings share, so this one decides.
  double p = 1.0;
  double p_holm = 1.0;
  double q = 1.0;
  TransferVerdict verdict = TransferVerdict::refused;
  std::string reason;
};

/// A gain or loss needs p_holm at most 1 - level; equivalence needs the interval within the margin.
/// Refused: a cell of single runs without `items`, where nothing is known of its doubt, and cells
/// whose baseline is exactly 0. Without items there is no pairing over them: intervals are wider
/// than a study of one's own needs. Throws `invalid_argument` for scores outside [0, 1], no runs, a
/// cell given twice, or an option out of range.
std::vector<ScoreVerdict> score_verdicts(std::span<const ScoreCell> cells,
                                         const ScoreTableOptions& options = {});

}  // namespace xfer::stats
#pragma GCC visibility pop
