// Reads models from disk.
#pragma once

#include "engine/network.hpp"
#include "xfer/files/safetensors.hpp"

#include <filesystem>
#include <memory>
#include <string>

namespace xfer::engine {

struct LoadedNetwork {
  std::shared_ptr<Network> network;
  /// Over configuration and weights as stored.
  std::string hash;
};

/// config.json and safetensors in Hugging Face's layout.
LoadedNetwork load_folder(ThreadPool& pool, const std::filesystem::path& folder);
LoadedNetwork load_gguf(ThreadPool& pool, const std::filesystem::path& file);

/// The configuration alone, from the text of a config.json; `origin` names it in errors.
ModelConfig parse_config(const std::string& json, const std::string& origin);
/// A config.json that transformers and `parse_config` read back.
std::string write_config(const ModelConfig& config);

/// Finite values of a tensor of any float type; `out` has its size. `where` names it in errors.
void read_floats(const files::StoredTensor& tensor, const std::string& where, Floats& out);

/// Throws `out_of_memory` when `bytes` more do not fit into this machine's memory; `what` says
/// what they are for.
void require_memory(std::int64_t bytes, const std::string& what);

}  // namespace xfer::engine
