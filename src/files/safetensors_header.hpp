// SPDX-License-Identifier: Apache-2.0
// What the JSON header of a safetensors file says, checked as far as the header alone allows.
#pragma once

#include "xfer/files/safetensors.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::files {

/// The format's own limit.
inline constexpr std::size_t safetensors_header_bytes_max = 100'000'000;

struct TensorEntry {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  /// Relative to the end of the header.
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  /// In the order of the header; names are unique, `end - begin` is the size of shape and type.
  std::vector<TensorEntry> tensors;
  std::map<std::string, std::string> metadata;
};

/// Throws `bad_data` naming the file and the tensor.
SafetensorsHeader parse_safetensors_header(std::string_view json,
                                           const std::filesystem::path& path);

}  // namespace xfer::files
