// SPDX-License-Identifier: Apache-2.0
// The safetensors container (huggingface/safetensors): tensors by name, little-endian, row-major.
#pragma once

#include "xfer/files/mapped_file.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::files {

/// The element types that are read and written; files with others are refused by name.
enum class StoredType { f32, f16, bf16, i64, i32, u8 };

/// As the container spells it: "F32", "BF16", ...
std::string_view to_string(StoredType type) noexcept;

/// Bytes of one element.
std::size_t size_of(StoredType type) noexcept;

/// A tensor inside a mapped file. `bytes` points into the map and may start at any address: copy
/// the elements out, do not cast the pointer.
struct StoredTensor {
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A read-only safetensors file, or a set of them behind one index. All offsets, sizes and shapes
/// are checked on opening (inside the file, no overlap, size = product of shape x type).
class Safetensors {
public:
  /// A `.safetensors` file, or a `.safetensors.index.json` naming shards beside it. Throws `io` or
  /// `bad_data` naming the file and the tensor.
  static Safetensors open(const std::filesystem::path& path);
  /// One file that is mapped or in memory already.
  static Safetensors read(const MappedFile& file);

  /// Null when there is no tensor of that name.
  const StoredTensor* find(const std::string& name) const;
  const std::map<std::string, StoredTensor>& tensors() const noexcept { return tensors_; }
  const std::map<std::string, std::string>& metadata() const noexcept { return metadata_; }
  const std::filesystem::path& path() const noexcept { return path_; }

private:
  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// The elements of an f32, f16 or bf16 tensor as float32, exactly. Throws `invalid_argument` for
/// another type or when `out` has not one place for each element.
void to_float(const StoredTensor& tensor, std::span<float> out);

/// A tensor to be written. `bytes` must stay valid during the call.
struct TensorToStore {
  std::string name;
  StoredType type = StoredType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes a safetensors file atomically. Same input (in any order), same bytes. Throws `io`, or
/// `invalid_argument` naming the tensor for a name used twice or a size that is not the shape's.
void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToStore>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace xfer::files
#pragma GCC visibility pop
