// SPDX-License-Identifier: Apache-2.0
// The statistics behind a study's hypotheses: differences pooled over cells, and similarity against
// transfer.
#pragma once

#include "xfer/stats/rank.hpp"
#include "xfer/stats/transfer.hpp"
#include "xfer/stats/value.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// One set of training runs on one set of items, `scores[s][i]`.
struct RunScores {
  /// Names the training runs: equal names are the same models, wherever they were tested.
  std::string run;
  std::vector<std::vector<double>> scores;
};

/// Two sets of runs tested on the same items. Cells of one target share its items.
struct ComparedCell {
  std::string source;
  std::string target;
  RunScores first;
  RunScores second;
  /// Of the target's items; equal for all cells of a target. As in `TransferOptions`.
  std::vector<double> item_weights;
  std::vector<std::string> item_clusters;
};

/// first - second, averaged over cells; positive is better for `first`.
struct PooledDifference {
  /// Of each cell, in the order given.
  std::vector<double> cells;
  /// Over these cells as they are: crossed bootstrap over the training runs and items that they
  /// share.
  Metric these_cells = Undefined{"not computed"};
  double these_cells_p = 1.0;
  /// Over cells like these, each cell a draw (a random effect): Student's t over cells. Undefined
  /// for fewer than 3 cells.
  Metric like_cells = Undefined{"not computed"};
  double like_cells_p = 1.0;
  /// Two-sided sign test over the cells that are not 0.
  double sign_p = 1.0;
  int positive = 0;
  int negative = 0;
  /// Of the mean over these cells.
  double standard_error = 0.0;
  /// Different training runs that it rests on.
  int runs = 0;
};

/// Throws `invalid_argument` for no cells, unlike items or seeds, scores out of range, or options
/// out of range (only kind, level, resamples and seed are used).
PooledDifference pooled_difference(std::span<const ComparedCell> cells,
                                   const TransferOptions& options = {});

/// How far a similarity of domains goes with the transfer between them.
struct SimilarityTransfer {
  /// Rank correlation within each target, averaged over targets, with Student's interval over
  /// targets (undefined for fewer than 3).
  Value coefficient = Undefined{"not computed"};
  Metric interval = Undefined{"not computed"};
  /// By relabelling sources within targets.
  double p = 1.0;
  /// The coefficient divided by the square root of the matrix's reliability (Spearman 1904), cut to
  /// [-1, 1]: what it would be without noise in the gains.
  Value attenuated = Undefined{"not computed"};
  int targets = 0;
  int cells = 0;
  /// Smallest correlation that as many independent cells find with 80 % power.
  Value smallest = Undefined{"not computed"};
  /// Independent cells that the coefficient as found would need.
  Value cells_needed = Undefined{"not computed"};
};

/// Cells off the diagonal. With `without_source_effects` the main effects of sources are taken out
/// of transfer and similarity first (see `main_effects`), so that a source that is good for every
/// target is not counted as alike to it. `reliability` is that of the mean gains (`split_half`).
/// Throws as `within_target` does.
SimilarityTransfer similarity_transfer(std::span<const PairValue> cells, const Value& reliability,
                                       bool without_source_effects = true,
                                       const PermutationOptions& options = {});

}  // namespace xfer::stats
#pragma GCC visibility pop
