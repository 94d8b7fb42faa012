// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/gguf.hpp"

#include "gguf_cursor.hpp"
#include "in_quotes.hpp"
#include "tensor_size.hpp"

#include <algorithm>
#include <bit>
#include <limits>
#include <type_traits>

namespace xfer::files {

static_assert(std::endian::native == std::endian::little, "numbers are read as they lie");

namespace {

// Numbers of the value kinds in the file.
enum class Kind : std::uint32_t {
  u8,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  string,
  array,
  u64,
  i64,
  f64,
};

bool read_boolean(GgufCursor& cursor) {
  const auto value = cursor.number<std::uint8_t>();
  if (value > 1) cursor.fail("not a boolean (got " + std::to_string(value) + ", allowed 0, 1)");
  return value == 1;
}

template <class T>
GgufValue read_scalar(GgufCursor& cursor) {
  const T value = cursor.number<T>();
  if constexpr (std::is_floating_point_v<T>) {
    return static_cast<double>(value);
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<std::int64_t>(value);
  } else {
    return static_cast<std::uint64_t>(value);
  }
}

template <class T>
GgufValue read_numbers(GgufCursor& cursor, std::uint64_t count) {
  cursor.check_count(count, sizeof(T));
  using Stored = std::conditional_t<std::is_floating_point_v<T>, double, std::int64_t>;
  std::vector<Stored> values(static_cast<std::size_t>(count));
  for (auto& value : values) {
    const T number = cursor.number<T>();
    if constexpr (std::is_same_v<T, std::uint64_t>) {
      if (number > static_cast<std::uint64_t>(INT64_MAX)) {
        cursor.fail("number too large (got " + std::to_string(number) + ", allowed " +
                    std::to_string(INT64_MAX) + ")");
      }
    }
    value = static_cast<Stored>(number);
  }
  return values;
}

GgufValue read_array(GgufCursor& cursor) {
  const auto kind = cursor.number<std::uint32_t>();
  const auto count = cursor.number<std::uint64_t>();
  switch (static_cast<Kind>(kind)) {
    case Kind::u8: return read_numbers<std::uint8_t>(cursor, count);
    case Kind::i8: return read_numbers<std::int8_t>(cursor, count);
    case Kind::u16: return read_numbers<std::uint16_t>(cursor, count);
    case Kind::i16: return read_numbers<std::int16_t>(cursor, count);
    case Kind::u32: return read_numbers<std::uint32_t>(cursor, count);
    case Kind::i32: return read_numbers<std::int32_t>(cursor, count);
    case Kind::u64: return read_numbers<std::uint64_t>(cursor, count);
    case Kind::i64: return read_numbers<std::int64_t>(cursor, count);
    case Kind::f32: return read_numbers<float>(cursor, count);
    case Kind::f64: return read_numbers<double>(cursor, count);
    case Kind::boolean: {
      cursor.check_count(count, 1);
      std::vector<bool> values(static_cast<std::size_t>(count));
      for (auto&& value : values) value = read_boolean(cursor);
      return values;
    }
    case Kind::string: {
      cursor.check_count(count, sizeof(std::uint64_t));
      std::vector<std::string> values(static_cast<std::size_t>(count));
      for (auto& value : values) value = cursor.string();
      return values;
    }
    case Kind::array: cursor.fail("arrays of arrays are not supported");
  }
  cursor.fail("element kind not known (got " + std::to_string(kind) + ", allowed 0 to 12)");
}

GgufValue read_value(GgufCursor& cursor) {
  const auto kind = cursor.number<std::uint32_t>();
  switch (static_cast<Kind>(kind)) {
    case Kind::u8: return read_scalar<std::uint8_t>(cursor);
    case Kind::i8: return read_scalar<std::int8_t>(cursor);
    case Kind::u16: return read_scalar<std::uint16_t>(cursor);
    case Kind::i16: return read_scalar<std::int16_t>(cursor);
    case Kind::u32: return read_scalar<std::uint32_t>(cursor);
    case Kind::i32: return read_scalar<std::int32_t>(cursor);
    case Kind::u64: return read_scalar<std::uint64_t>(cursor);
    case Kind::i64: return read_scalar<std::int64_t>(cursor);
    case Kind::f32: return read_scalar<float>(cursor);
    case Kind::f64: return read_scalar<double>(cursor);
    case Kind::boolean: return read_boolean(cursor);
    case Kind::string: return cursor.string();
    case Kind::array: return read_array(cursor);
  }
  cursor.fail("value kind not known (got " + std::to_string(kind) + ", allowed 0 to 12)");
}

struct Counts {
  std::uint64_t tensors;
  std::uint64_t keys;
};

Counts read_preamble(GgufCursor& cursor) {
  if (cursor.remaining() < 4 || cursor.number<std::uint32_t>() != 0x46554747U) {
    cursor.fail("not a GGUF file (it does not start with 'GGUF')");
  }
  const auto version = cursor.number<std::uint32_t>();
  if (version != 2 && version != 3) {
    cursor.fail("version not supported (got " + std::to_string(version) + ", allowed 2 and 3" +
                ((version & 0xFFFFU) == 0 ? "; big-endian files are not read)" : ")"));
  }
  const auto tensors = cursor.number<std::uint64_t>();
  const auto keys = cursor.number<std::uint64_t>();
  // A tensor takes at least 24 bytes, a key with its value 13.
  cursor.check_count(tensors, 24);
  cursor.check_count(keys, 13);
  return {tensors, keys};
}

/// A tensor as its description has it: where it lies is checked when all are known.
struct Placed {
  std::string name;
  GgufTensor tensor;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

Placed read_description(GgufCursor& cursor) {
  cursor.set_where("tensor list");
  Placed placed;
  placed.name = cursor.string();
  cursor.set_where("tensor " + in_quotes(placed.name));
  if (placed.name.empty()) cursor.fail("empty name");
  const auto rank = cursor.number<std::uint32_t>();
  if (rank > rank_max) {
    cursor.fail("too many dimensions (got " + std::to_string(rank) + ", allowed 8)");
  }
  auto& shape = placed.tensor.shape;
  for (std::uint32_t i = 0; i < rank; ++i) {
    const auto dimension = cursor.number<std::uint64_t>();
    if (dimension == 0 || dimension > dimension_max) {
      cursor.fail("dimension out of range (got " + std::to_string(dimension) + ", allowed 1 to " +
                  std::to_string(dimension_max) + ")");
    }
    shape.insert(shape.begin(), static_cast<std::int64_t>(dimension));
  }
  placed.tensor.type = static_cast<GgmlType>(cursor.number<std::uint32_t>());
  placed.offset = cursor.number<std::uint64_t>();
  GgmlBlock block;
  try {
    block = block_of(placed.tensor.type);
  } catch (const Error& error) {
    cursor.fail(error.what());
  }
  const auto row = shape.empty() ? std::size_t{1} : static_cast<std::size_t>(shape.back());
  if (row % block.elements != 0) {
    cursor.fail("row of " + std::to_string(row) + " elements is not a whole number of " +
                to_string(placed.tensor.type) + " blocks of " + std::to_string(block.elements));
  }
  const auto elements = element_count(shape);
  const auto size =
      elements ? checked_product(*elements / block.elements, block.bytes) : std::nullopt;
  if (!size) cursor.fail("shape too large");
  placed.size = *size;
  return placed;
}

std::uint64_t read_alignment(const std::map<std::string, GgufValue>& metadata,
                             const GgufCursor& cursor) {
  constexpr std::uint64_t alignment_max = 1U << 20U;
  const auto found = metadata.find("general.alignment");
  if (found == metadata.end()) return 32;
  const auto* const value = std::get_if<std::uint64_t>(&found->second);
  if (value == nullptr || *value < 8 || *value > alignment_max || !std::has_single_bit(*value)) {
    cursor.fail("'general.alignment': needs a power of two from 8 to 1048576" +
                (value != nullptr ? ", got " + std::to_string(*value) : ""));
  }
  return *value;
}

// Gives each tensor its bytes.
void place(std::vector<Placed>& all, std::span<const std::byte> data, std::uint64_t alignment,
           GgufCursor& cursor) {
  std::sort(all.begin(), all.end(),
            [](const Placed& a, const Placed& b) { return a.offset < b.offset; });
  std::uint64_t free_from = 0;
  for (auto& [name, tensor, offset, size] : all) {
    cursor.set_where("tensor " + in_quotes(name));
    if (offset % alignment != 0) {
      cursor.fail("offset " + std::to_string(offset) + " is not a multiple of the alignment " +
                  std::to_string(alignment));
    }
    if (offset > data.size() || size > data.size() - offset) {
      cursor.fail("reaches outside the file (" + std::to_string(size) + " bytes at data byte " +
                  std::to_string(offset) + ", the file holds " + std::to_string(data.size()) +
                  "): truncated?");
    }
    if (offset < free_from) {
      cursor.fail("overlaps the tensor before it (begins at data byte " + std::to_string(offset) +
                  ", that one ends at " + std::to_string(free_from) + ")");
    }
    free_from = offset + size;
    tensor.bytes = data.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
  }
}

template <class T>
const T* find_as(const std::map<std::string, GgufValue>& metadata, const std::string& key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? nullptr : std::get_if<T>(&found->second);
}

}  // namespace

Gguf Gguf::read(MappedFile content) {
  Gguf file(std::move(content));
  GgufCursor cursor(file.file_.bytes(), file.path());
  const Counts counts = read_preamble(cursor);
  for (std::uint64_t i = 0; i < counts.keys; ++i) {
    cursor.set_where("metadata");
    std::string key = cursor.string();
    cursor.set_where("metadata key " + in_quotes(key));
    if (key.empty()) cursor.fail("empty key");
    if (file.metadata_.count(key) != 0) cursor.fail("given twice");
    auto value = read_value(cursor);
    file.metadata_.emplace(std::move(key), std::move(value));
  }
  std::vector<Placed> all;
  for (std::uint64_t i = 0; i < counts.tensors; ++i) all.push_back(read_description(cursor));

  cursor.set_where("metadata");
  const auto alignment = read_alignment(file.metadata_, cursor);
  const auto data_begin = (cursor.position() + alignment - 1) / alignment * alignment;
  const auto bytes = file.file_.bytes();
  place(all, bytes.subspan(std::min(bytes.size(), static_cast<std::size_t>(data_begin))), alignment,
        cursor);
  for (auto& placed : all) {
    cursor.set_where("tensor " + in_quotes(placed.name));
    if (!file.tensors_.emplace(std::move(placed.name), std::move(placed.tensor)).second) {
      cursor.fail("name used twice");
    }
  }
  return file;
}

std::int64_t Gguf::integer(const std::string& key) const {
  if (const auto* value = find_as<std::int64_t>(metadata_, key)) return *value;
  const auto* const value = find_as<std::uint64_t>(metadata_, key);
  if (value == nullptr || *value > static_cast<std::uint64_t>(INT64_MAX)) {
    throw Error(Errc::bad_data, path().string() + ": metadata key " + in_quotes(key) +
                                    (has(key) ? ": not an integer in range" : ": missing"));
  }
  return static_cast<std::int64_t>(*value);
}

double Gguf::number(const std::string& key) const {
  if (const auto* value = find_as<double>(metadata_, key)) return *value;
  if (const auto* value = find_as<std::int64_t>(metadata_, key)) {
    return static_cast<double>(*value);
  }
  const auto* const value = find_as<std::uint64_t>(metadata_, key);
  if (value == nullptr) {
    throw Error(Errc::bad_data, path().string() + ": metadata key " + in_quotes(key) +
                                    (has(key) ? ": not a number" : ": missing"));
  }
  return static_cast<double>(*value);
}

const std::string& Gguf::string(const std::string& key) const {
  const auto* const value = find_as<std::string>(metadata_, key);
  if (value == nullptr) {
    throw Error(Errc::bad_data, path().string() + ": metadata key " + in_quotes(key) +
                                    (has(key) ? ": not a text" : ": missing"));
  }
  return *value;
}

}  // namespace xfer::files
