// SPDX-License-Identifier: Apache-2.0
// The losses, as functions of the log-probabilities of targets.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::engine {

/// Names, inputs, defaults and the plain sum are those of Tinker's API. With lp the log-probability
/// of a target now, q the one it was sampled with, A its advantage, r = exp(lp - q), w its weight
/// (1 when not given), each is the sum over all targets of
///   cross_entropy        -w lp
///   importance_sampling  -w r A
///   ppo                  -w min(r A, clip(r, low, high) A)          (arXiv 1707.06347)
///   cispo                -w stop(clip(r, low, high)) lp A           (arXiv 2506.13585)
///   dro                  -w (lp A - beta/2 (lp - q)^2)              (arXiv 2405.19107)
///   gspo                 -w min(s A, clip(s, low, high) A)          (arXiv 2507.18071)
/// where s = exp(mean of lp - q over a sequence's targets with a mask), whose gradient by each lp
/// of the sequence is taken as s itself, and stop() has none.
enum class LossKind { cross_entropy, importance_sampling, ppo, cispo, dro, gspo };

std::string_view to_string(LossKind kind) noexcept;

struct Loss {
  LossKind kind = LossKind::cross_entropy;
  /// Bounds of the ratio itself, not distances from 1.
  double clip_low = 0.0;
  double clip_high = 0.0;
  double beta = 0.0;

  /// Throws `invalid_argument` naming the loss or the setting.
  static Loss parse(const std::string& name, const std::map<std::string, double>& config);

  /// Whether old log-probabilities and advantages are inputs.
  bool is_reinforcement() const noexcept { return kind != LossKind::cross_entropy; }
  /// Whether a sequence's terms depend on each other.
  bool needs_whole_sequences() const noexcept { return kind == LossKind::gspo; }
  /// Whether a target whose weight, or advantage, is 0 changes nothing.
  bool skips_zeros() const noexcept { return kind != LossKind::dro && kind != LossKind::gspo; }
};

/// One value for each target of a batch, in the pass's order.
struct LossInputs {
  std::vector<float> weights;
  std::vector<float> old_logprobs;  ///< reinforcement losses
  std::vector<float> advantages;    ///< reinforcement losses
  std::vector<float> mask;          ///< gspo
  /// gspo: sequence i has targets [sequences[i], sequences[i + 1]).
  std::vector<std::size_t> sequences;
};

/// The loss of targets [first, first + logprobs.size()); sets its derivative by each
/// log-probability unless `gradient` is empty. A loss that needs whole sequences takes all targets
/// at once.
double evaluate(const Loss& loss, const LossInputs& inputs, std::size_t first,
                std::span<const float> logprobs, std::span<float> gradient);

}  // namespace xfer::engine
