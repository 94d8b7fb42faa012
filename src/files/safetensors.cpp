// SPDX-License-Identifier: Apache-2.0
#include "xfer/files/safetensors.hpp"

#include "half.hpp"
#include "in_quotes.hpp"
#include "safetensors_header.hpp"
#include "tensor_size.hpp"
#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

namespace xfer::files {

static_assert(std::endian::native == std::endian::little, "tensor data are read as they lie");

namespace {

using nlohmann::json;

struct Shard {
  MappedFile file;
  SafetensorsHeader header;
  std::span<const std::byte> data;
};

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Errc::bad_data, path.string() + ": " + what);
}

// As the format demands: the tensors follow each other without gap or overlap and fill the file.
void check_layout(const SafetensorsHeader& header, std::uint64_t data_size,
                  const std::filesystem::path& path) {
  std::vector<const TensorEntry*> order;
  for (const auto& entry : header.tensors) order.push_back(&entry);
  std::sort(order.begin(), order.end(), [](const TensorEntry* a, const TensorEntry* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  std::uint64_t expected = 0;
  for (const auto* entry : order) {
    const std::string at = "tensor " + in_quotes(entry->name);
    if (entry->end > data_size) {
      refuse(path, at + " reaches outside the file (ends at data byte " +
                       std::to_string(entry->end) + ", the file holds " +
                       std::to_string(data_size) + "): truncated?");
    }
    if (entry->begin != expected) {
      refuse(path, at + (entry->begin < expected ? " overlaps" : " leaves a gap after") +
                       std::string(" the tensor before it (begins at data byte ") +
                       std::to_string(entry->begin) + ", that one ends at " +
                       std::to_string(expected) + ")");
    }
    expected = entry->end;
  }
  if (expected != data_size) {
    refuse(path, std::to_string(data_size - expected) + " bytes after the last tensor");
  }
}

Shard read_shard(const MappedFile& file) {
  const auto& path = file.path();
  const auto bytes = file.bytes();
  std::uint64_t header_size = 0;
  if (bytes.size() < sizeof header_size) refuse(path, "too short for a safetensors file");
  std::memcpy(&header_size, bytes.data(), sizeof header_size);
  const auto rest = bytes.subspan(sizeof header_size);
  const std::uint64_t allowed = std::min(rest.size(), safetensors_header_bytes_max);
  if (header_size < 2 || header_size > allowed) {
    refuse(path, "not a safetensors file, or truncated (header size " +
                     std::to_string(header_size) + ", allowed 2 to " + std::to_string(allowed) +
                     ")");
  }
  const auto text = file.text().substr(sizeof header_size, static_cast<std::size_t>(header_size));
  Shard shard{file, parse_safetensors_header(text, path),
              rest.subspan(static_cast<std::size_t>(header_size))};
  check_layout(shard.header, shard.data.size(), path);
  return shard;
}

StoredTensor tensor_of(const TensorEntry& entry, const Shard& shard) {
  return {entry.type, entry.shape,
          shard.data.subspan(static_cast<std::size_t>(entry.begin),
                             static_cast<std::size_t>(entry.end - entry.begin))};
}

// The index decides which files are opened: it must not lead out of its own folder.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string::npos;
}

/// Tensor name to shard file name.
std::map<std::string, std::string> read_index(const std::filesystem::path& path) {
  const std::string text = read_text(path, safetensors_header_bytes_max);
  constexpr int depth_max = 8;
  std::vector<std::set<std::string>> keys(depth_max + 1);
  const auto check = [&](int depth, json::parse_event_t event, json& value) {
    if (depth > depth_max) refuse(path, "nested too deeply for an index");
    const auto level = static_cast<std::size_t>(depth);
    if (event == json::parse_event_t::object_start && depth < depth_max) keys[level + 1].clear();
    if (event == json::parse_event_t::key && !keys[level].insert(value.get<std::string>()).second) {
      refuse(path, in_quotes(value.get<std::string>()) + " used twice");
    }
    return true;
  };
  json index;
  try {
    index = json::parse(text, check);
  } catch (const json::exception&) {
    refuse(path, "not valid JSON");
  }
  const auto map = index.find("weight_map");
  if (!index.is_object() || map == index.end() || !map->is_object() || map->empty()) {
    refuse(path, "weight_map: needs an object from tensor to file name");
  }
  std::map<std::string, std::string> shards;
  for (const auto& [name, shard] : map->items()) {
    if (!shard.is_string() || !is_plain_name(shard.get_ref<const std::string&>())) {
      refuse(path, "weight_map: " + in_quotes(name) +
                       ": needs the plain name of a file beside the "
                       "index" +
                       (shard.is_string() ? ", got " + in_quotes(shard.get<std::string>()) : ""));
    }
    shards.emplace(name, shard.get<std::string>());
  }
  return shards;
}

}  // namespace

std::string_view to_string(StoredType type) noexcept {
  switch (type) {
    case StoredType::f32: return "F32";
    case StoredType::f16: return "F16";
    case StoredType::bf16: return "BF16";
    case StoredType::i64: return "I64";
    case StoredType::i32: return "I32";
    case StoredType::u8: return "U8";
  }
  return "";
}

std::size_t size_of(StoredType type) noexcept {
  switch (type) {
    case StoredType::i64: return 8;
    case StoredType::f32:
    case StoredType::i32: return 4;
    case StoredType::f16:
    case StoredType::bf16: return 2;
    case StoredType::u8: return 1;
  }
  return 1;
}

Safetensors Safetensors::read(const MappedFile& file) {
  const Shard shard = read_shard(file);
  Safetensors result;
  result.path_ = file.path();
  for (const auto& entry : shard.header.tensors) {
    result.tensors_.emplace(entry.name, tensor_of(entry, shard));
  }
  result.metadata_ = shard.header.metadata;
  result.files_.push_back(file);
  return result;
}

Safetensors Safetensors::open(const std::filesystem::path& path) {
  if (path.extension() != ".json") return read(MappedFile::open(path));
  Safetensors result;
  result.path_ = path;
  const auto index = read_index(path);
  std::map<std::string, std::map<std::string, StoredTensor>> shards;
  for (const auto& [name, shard_name] : index) {
    auto [found, is_new] = shards.try_emplace(shard_name);
    if (is_new) {
      const Shard shard = read_shard(MappedFile::open(path.parent_path() / shard_name));
      for (const auto& entry : shard.header.tensors) {
        found->second.emplace(entry.name, tensor_of(entry, shard));
      }
      for (const auto& pair : shard.header.metadata) result.metadata_.insert(pair);
      result.files_.push_back(shard.file);
    }
    const auto tensor = found->second.find(name);
    if (tensor == found->second.end()) {
      refuse(path, "weight_map: " + in_quotes(name) + " is not in " + in_quotes(shard_name));
    }
    result.tensors_.emplace(name, tensor->second);
  }
  return result;
}

const StoredTensor* Safetensors::find(const std::string& name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

void to_float(const StoredTensor& tensor, std::span<float> out) {
  if (tensor.bytes.size() != out.size() * size_of(tensor.type)) {
    throw Error(Errc::invalid_argument,
                "to_float: room for " + std::to_string(out.size()) + " elements, tensor has " +
                    std::to_string(tensor.bytes.size() / size_of(tensor.type)));
  }
  if (out.empty()) return;
  if (tensor.type == StoredType::f32) {
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return;
  }
  if (tensor.type != StoredType::f16 && tensor.type != StoredType::bf16) {
    throw Error(Errc::invalid_argument, "to_float: not a floating-point tensor (got " +
                                            std::string(to_string(tensor.type)) +
                                            ", allowed F32, F16, BF16)");
  }
  const auto convert = tensor.type == StoredType::f16 ? half_to_float : bfloat_to_float;
  for (std::size_t i = 0; i < out.size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, tensor.bytes.data() + i * sizeof bits, sizeof bits);
    out[i] = convert(bits);
  }
}

}  // namespace xfer::files
