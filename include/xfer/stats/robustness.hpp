// SPDX-License-Identifier: Apache-2.0
// Whether a gain survives other wordings of the prompt.
#pragma once

#include "xfer/stats/transfer.hpp"

#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Scores of baseline and transfer on the same items under one wording of the prompt,
/// `scores[s][i]`; the seeds of `transfer` are the same training runs under every wording.
struct PromptVariant {
  std::string name;
  std::vector<std::vector<double>> baseline;
  std::vector<std::vector<double>> transfer;
};

/// Whether the gain has the same sign under every wording.
enum class SignSurvival {
  survives,  ///< All simultaneous intervals lie on the same side of 0.
  flips,     ///< Two of them lie on different sides.
  unclear,   ///< At least one of them holds 0.
};

struct Robustness {
  /// The gain under each wording, in the order given, with intervals that hold together.
  std::vector<Estimate> gains;
  /// Places in `gains`.
  std::size_t worst = 0;
  std::size_t best = 0;
  /// The middle gain; of an even number, the mean of the two in the middle. Its interval, like the
  /// others, allows for having been chosen among the wordings.
  Estimate median;
  /// best - worst of the estimates; noise alone makes this positive.
  double spread = 0.0;
  SignSurvival sign = SignSurvival::unclear;
};

/// Throws `invalid_argument` for no variants, malformed scores, unlike items or seeds, or fewer
/// than 2 items that stand alone. `ceiling_min`, `baseline_min` and `headroom_min` are not used.
Robustness prompt_robustness(std::span<const PromptVariant> variants,
                             const TransferOptions& options = {});

}  // namespace xfer::stats
#pragma GCC visibility pop
