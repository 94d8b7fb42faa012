// SPDX-License-Identifier: Apache-2.0
// Trainer and Sampler on the embedded engine.
#pragma once

#include "xfer/engine/model.hpp"
#include "xfer/sampler.hpp"
#include "xfer/trainer.hpp"

#include <filesystem>
#include <memory>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// A LoRA adapter on `model` (or all weights, when `lora.rank` is 0), trained on this machine.
/// `save_state(name)` writes `<state_folder>/<name>/` and returns that path: an adapter in PEFT's
/// layout, or a whole model folder for full training, with `optimizer.safetensors` beside it.
/// Throws `invalid_argument` naming the member of `lora` that is out of range.
std::unique_ptr<Trainer> make_local_trainer(std::shared_ptr<const Model> model, LoraConfig lora,
                                            std::filesystem::path state_folder);

/// Samples from the model itself, or with the adapter saved in `adapter_folder` (PEFT's layout).
std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model);
std::shared_ptr<Sampler> make_local_sampler(std::shared_ptr<const Model> model,
                                            const std::filesystem::path& adapter_folder);

}  // namespace xfer::engine
#pragma GCC visibility pop
