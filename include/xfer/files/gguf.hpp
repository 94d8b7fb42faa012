// SPDX-License-Identifier: Apache-2.0
// The GGUF container (ggml-org/ggml, docs/gguf.md, versions 2 and 3).
#pragma once

#include "xfer/files/mapped_file.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::files {

/// Type numbers as they stand in the file. Others than these are refused by name.
enum class GgmlType : std::uint32_t {
  f32 = 0,
  f16 = 1,
  q4_0 = 2,
  q4_1 = 3,
  q5_0 = 6,
  q5_1 = 7,
  q8_0 = 8,
  q2_k = 10,
  q3_k = 11,
  q4_k = 12,
  q5_k = 13,
  q6_k = 14,
  bf16 = 30,
};

/// "Q4_1", "F32", ... also for known types that are not read; "type 99" for others.
std::string to_string(GgmlType type);

/// Elements are stored in blocks along the innermost dimension.
struct GgmlBlock {
  std::size_t elements = 1;
  std::size_t bytes = 0;
};

/// Throws `not_available` for a type that is not read.
GgmlBlock block_of(GgmlType type);

/// 32 weights as stored: weight i is codes[i] * scale + offset, bit for bit what `dequantize` gives
/// (a zero may have another sign).
struct QuantBlock {
  std::array<std::int8_t, 32> codes;
  float scale;
  float offset;
};

/// Bits of a code of the types that `read_block` knows (Q8_0, Q4_0, Q4_1); 0 for all others. Codes
/// of 4 bits are 0 to 15.
int code_bits(GgmlType type) noexcept;

/// The block that starts at `bytes`, which must hold `block_of(type).bytes`.
QuantBlock read_block(GgmlType type, const std::byte* bytes) noexcept;

/// Metadata values; arrays are kept by element kind. Integers of every width become int64 or
/// uint64, floats become double.
using GgufValue =
    std::variant<bool, std::int64_t, std::uint64_t, double, std::string, std::vector<bool>,
                 std::vector<std::int64_t>, std::vector<double>, std::vector<std::string>>;

/// A tensor inside a mapped file. `bytes` points into the map; its size is that of shape and type.
struct GgufTensor {
  GgmlType type = GgmlType::f32;
  /// Row-major, outermost first (the reverse of the order in the file).
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// A read-only GGUF file; everything in it is checked on opening: sizes against what the file still
/// holds, names for repetition, tensors for alignment, overlap and the end of the file.
class Gguf {
public:
  /// Throws `io` or `bad_data` naming the file and the field.
  static Gguf open(const std::filesystem::path& path) { return read(MappedFile::open(path)); }
  static Gguf read(MappedFile file);

  const std::map<std::string, GgufValue>& metadata() const noexcept { return metadata_; }
  const std::map<std::string, GgufTensor>& tensors() const noexcept { return tensors_; }
  const std::filesystem::path& path() const noexcept { return file_.path(); }

  /// The value of a key. Throws `bad_data` naming file and key when missing or of another kind;
  /// integers convert between signs when they fit, and to a number.
  std::int64_t integer(const std::string& key) const;
  double number(const std::string& key) const;
  const std::string& string(const std::string& key) const;
  bool has(const std::string& key) const { return metadata_.count(key) != 0; }

private:
  explicit Gguf(MappedFile file) : file_(std::move(file)) {}
  MappedFile file_;
  std::map<std::string, GgufValue> metadata_;
  std::map<std::string, GgufTensor> tensors_;
};

/// The first `out.size()` elements as float32, bit for bit as the reference Python package `gguf`
/// computes them (a NaN is a NaN, whatever its bits). `bytes` may start at any address. Throws
/// `not_available` for a type that is not read, `invalid_argument` when `out` is not a whole number
/// of blocks or `bytes` holds fewer.
void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out);

}  // namespace xfer::files
#pragma GCC visibility pop
