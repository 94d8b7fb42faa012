// SPDX-License-Identifier: Apache-2.0
// Adapters and optimizer state on disk: PEFT's layout, so that PEFT reads ours and we read PEFT's.
#pragma once

#include "engine/parameters.hpp"

#include <filesystem>
#include <string>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// What an adapter_config.json says.
struct AdapterFileConfig {
  int rank = 0;
  double alpha = 0.0;
  bool attn = false;
  bool mlp = false;
  bool unembed = false;
};

/// Writes adapter_config.json and adapter_model.safetensors (LoRA), or config.json and
/// model.safetensors (all weights), and optimizer.safetensors when asked. The folder appears
/// complete or not at all.
void save_parameters(const std::filesystem::path& folder, const ParameterSet& parameters,
                     const ModelConfig& model, const LoraConfig& lora,
                     const std::string& base_model, bool with_optimizer);

/// Fills a set of the same shape. Throws `run_mismatch` naming the first difference, `bad_data` or
/// `io` naming the file. Without the optimizer the moments and the step count become 0.
void load_parameters(const std::filesystem::path& folder, ParameterSet& parameters,
                     bool with_optimizer);

AdapterFileConfig read_adapter_config(const std::filesystem::path& folder);

/// An adapter as saved by PEFT or by us, for use with a model of that shape.
ParameterSet load_adapter(const std::filesystem::path& folder, const ModelConfig& model);

}  // namespace xfer::engine
#pragma GCC visibility pop
