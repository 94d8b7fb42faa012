// SPDX-License-Identifier: Apache-2.0
// Reads models from disk.
#pragma once

#include "engine/memory.hpp"
#include "engine/network.hpp"
#include "xfer/files/gguf.hpp"
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

/// config.json and safetensors in Hugging Face's layout. Throws `out_of_memory` before the weights
/// are read when they would not fit.
LoadedNetwork load_folder(ThreadPool& pool, const std::filesystem::path& folder,
                          Storage storage = Storage::f32);
/// `keep_blocks` keeps the matrices whose weights are all of one type that `files::read_block`
/// knows as they are; `storage` is that of the others.
LoadedNetwork load_gguf(ThreadPool& pool, const std::filesystem::path& file,
                        Storage storage = Storage::f32, bool keep_blocks = false);

/// The configuration alone, from the text of a config.json; `origin` names it in errors.
ModelConfig parse_config(const std::string& json, const std::string& origin);
/// The same from the metadata of a GGUF file.
ModelConfig gguf_config(const files::Gguf& file);
/// Throws `not_available` with the list of known ones.
void require_known_architecture(const std::string& architecture, const std::string& origin);
/// A config.json that transformers and `parse_config` read back.
std::string write_config(const ModelConfig& config);

/// Finite values of a tensor of any float type; `out` has its size. `where` names it in errors.
void read_floats(const files::StoredTensor& tensor, const std::string& where, Floats& out);

}  // namespace xfer::engine
