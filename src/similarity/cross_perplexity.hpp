// SPDX-License-Identifier: Apache-2.0
// How well a model trained on one domain predicts the answers of another.
#pragma once

#include "similarity/model_profile.hpp"

#include "xfer/engine/model.hpp"
#include "xfer/sampler.hpp"
#include "xfer/stats/value.hpp"
#include "xfer/task.hpp"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <vector>

namespace xfer::similarity {

/// Refers to the inputs: must not outlive them.
class CrossPerplexity {
public:
  CrossPerplexity(std::shared_ptr<const engine::Model> model,
                  const std::vector<ModelInputs>& inputs)
      : model_(std::move(model)), inputs_(inputs) {}

  /// Bits per byte of the answers of input `index` under the model with an adapter, or without one
  /// when `adapter` is empty. Undefined when no answer has a byte.
  task<stats::Value> bits_per_byte(std::filesystem::path adapter, std::size_t index);

private:
  std::shared_ptr<const engine::Model> model_;
  const std::vector<ModelInputs>& inputs_;
  std::filesystem::path open_;
  std::shared_ptr<Sampler> sampler_;
};

}  // namespace xfer::similarity
