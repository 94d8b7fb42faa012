// SPDX-License-Identifier: Apache-2.0
// How the next token is drawn from logits.
#pragma once

#include "xfer/rng.hpp"
#include "xfer/sampler.hpp"

#include <cstdint>
#include <span>

namespace xfer::engine {

struct ChosenToken {
  std::int32_t id = 0;
  /// Under the model itself: temperature 1, nothing cut off.
  float logprob = 0.0F;
};

/// Greedy for temperature 0 (the first of equals); else one draw of `rng` on the distribution left
/// by temperature, then top-k, then top-p. `logits` is used as scratch.
ChosenToken choose_token(std::span<float> logits, const SampleRequest& request, Rng& rng);

}  // namespace xfer::engine
