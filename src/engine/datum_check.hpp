// SPDX-License-Identifier: Apache-2.0
// Checks training data and turns it into batches for the pass.
#pragma once

#include "engine/losses.hpp"
#include "engine/train_head.hpp"
#include "xfer/trainer.hpp"

#include <span>
#include <vector>

namespace xfer::engine {

/// The inputs of one datum, checked. Every list has one value for each target, or is empty where
/// the loss does not take it or (weights) it was not given.
struct CheckedDatum {
  std::span<const std::int32_t> tokens;
  std::span<const std::int64_t> targets;  ///< [token][column]
  std::size_t columns = 1;
  const std::vector<std::int64_t>* shape = nullptr;  ///< of target_tokens
  std::span<const float> weights;
  std::span<const float> old_logprobs;
  std::span<const float> advantages;
  std::span<const float> mask;
};

/// Throws `invalid_argument` naming datum and field.
std::vector<CheckedDatum> check_data(const std::vector<Datum>& data, const Loss& loss,
                                     const ModelConfig& config, int positions_max);

/// Data laid end to end with the inputs of their loss.
struct LossBatch {
  PassBatch pass;
  LossInputs inputs;
};

/// Positions that change nothing are left out unless `all_logprobs`.
LossBatch make_batch(const Loss& loss, std::span<const CheckedDatum> data, bool all_logprobs);

}  // namespace xfer::engine
