// SPDX-License-Identifier: Apache-2.0
// What of a transfer matrix belongs to its sources, to its targets, and to the pairs alone.
#pragma once

#include "xfer/stats/value.hpp"

#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// The gain of one cell of the matrix.
struct PairGain {
  std::string source;
  std::string target;
  double gain = 0.0;
};

/// How much better or worse a source (or target) is than the mean, over the cells it is in.
struct MainEffect {
  std::string name;
  double effect = 0.0;
};

/// gain(A to B) = mean + source effect of A + target effect of B + interaction, by least squares
/// over the cells that exist; effects sum to 0. Most of what makes a source "good" does not depend
/// on the target (Choshen et al. 2022, arXiv 2211.00107): similarity can only explain the rest.
struct MainEffects {
  double mean = 0.0;
  /// In the order of first appearance.
  std::vector<MainEffect> sources;
  std::vector<MainEffect> targets;
  /// Of each cell, in the order given.
  std::vector<double> interaction;
  /// Shares of the variation between cells: what a source adds to the targets alone, what a target
  /// adds to the sources alone, and what neither explains, noise included. Where cells are missing
  /// they need not sum to 1. Undefined where the design cannot tell them apart.
  Value source_share = Undefined{"not computed"};
  Value target_share = Undefined{"not computed"};
  Value interaction_share = Undefined{"not computed"};
};

/// Throws `invalid_argument` for no cells, a cell given twice, or gains that are not finite.
MainEffects main_effects(std::span<const PairGain> cells);

}  // namespace xfer::stats
#pragma GCC visibility pop
