// SPDX-License-Identifier: Apache-2.0
// GGUF files built by hand, right or wrong.
#pragma once

#include "files_testing.hpp"

namespace xfer::files {

inline std::string gguf_string(const std::string& text) {
  return packed<std::uint64_t>(text.size()) + text;
}

inline std::string gguf_key(const std::string& name, std::uint32_t kind, const std::string& value) {
  return gguf_string(name) + packed(kind) + value;
}

inline std::string gguf_array(std::uint32_t kind, std::uint64_t count, const std::string& values) {
  return packed(kind) + packed(count) + values;
}

/// Dimensions innermost first, as in the file.
inline std::string gguf_tensor(const std::string& name, const std::vector<std::uint64_t>& dims,
                               std::uint32_t type, std::uint64_t offset) {
  std::string text = gguf_string(name) + packed(static_cast<std::uint32_t>(dims.size()));
  for (const auto dim : dims) text += packed(dim);
  return text + packed(type) + packed(offset);
}

struct GgufParts {
  std::vector<std::string> keys;
  std::vector<std::string> tensors;
  std::size_t data_bytes = 0;
  std::size_t alignment = 32;
  std::uint32_t version = 3;
};

inline std::string gguf_file(const GgufParts& parts) {
  std::string text = "GGUF" + packed(parts.version) + packed<std::uint64_t>(parts.tensors.size()) +
                     packed<std::uint64_t>(parts.keys.size());
  for (const auto& key : parts.keys) text += key;
  for (const auto& tensor : parts.tensors) text += tensor;
  text.resize((text.size() + parts.alignment - 1) / parts.alignment * parts.alignment, '\0');
  return text + std::string(parts.data_bytes, '\1');
}

}  // namespace xfer::files
