// SPDX-License-Identifier: Apache-2.0
// What the engine's tests share.
#pragma once

#include "engine/network.hpp"
#include "engine/parameters.hpp"
#include "xfer/engine/model.hpp"
#include "xfer/trainer.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace xfer::engine {

/// Material outside the repository; may not exist.
std::filesystem::path shared_folder();
/// An empty folder for one test.
std::filesystem::path scratch_folder(const std::string& name);

/// Logits after every token, through the cache, one token at a time.
std::vector<std::vector<float>> all_logits(const Model& model,
                                           const std::vector<std::int32_t>& ids);
/// Adds the gradients of an adapter, or of all weights, for a batch; returns the loss. `parameters`
/// of all weights are not written into the network first.
double gradients_of(const Network& network, ParameterSet& parameters,
                    const ForwardBackwardRequest& request);
/// A two-layer model of random weights with a byte tokenizer.
std::shared_ptr<const Model> tiny_model(int threads = 0, bool tied = true);
/// A batch of three sequences of different lengths for it.
ForwardBackwardRequest tiny_batch(int vocab, std::uint64_t seed = 1);

}  // namespace xfer::engine
