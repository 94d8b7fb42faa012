// SPDX-License-Identifier: Apache-2.0
#include "atomic_write.hpp"
#include "in_quotes.hpp"
#include "safetensors_header.hpp"
#include "tensor_size.hpp"
#include "xfer/error.hpp"
#include "xfer/files/safetensors.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstring>
#include <tuple>

namespace xfer::files {
namespace {

void check(const TensorToStore& tensor) {
  const auto fail = [&](const std::string& what) {
    throw Error(Errc::invalid_argument,
                "write_safetensors: " + in_quotes(tensor.name) + ": " + what);
  };
  if (tensor.name.empty() || tensor.name == "__metadata__") fail("not a name for a tensor");
  if (tensor.shape.size() > rank_max) fail("shape has more than 8 dimensions");
  const auto elements = element_count(tensor.shape);
  const auto size = elements ? checked_product(*elements, size_of(tensor.type)) : std::nullopt;
  if (!size || *size != tensor.bytes.size()) {
    fail("bytes do not fit shape and type (got " + std::to_string(tensor.bytes.size()) +
         (size ? ", needed " + std::to_string(*size) : "") + ")");
  }
}

std::string json_text(const std::string& text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::exception&) {
    throw Error(Errc::invalid_argument,
                "write_safetensors: " + in_quotes(text) + " is not valid UTF-8");
  }
}

std::string header_of(const std::vector<const TensorToStore*>& order,
                      const std::map<std::string, std::string>& metadata) {
  std::string json = "{";
  if (!metadata.empty()) {
    json += "\"__metadata__\":{";
    for (const auto& [key, value] : metadata) {
      json += json_text(key) + ":" + json_text(value) + ",";
    }
    json.back() = '}';
    json += ',';
  }
  std::size_t offset = 0;
  for (const auto* tensor : order) {
    json += json_text(tensor->name) + ":{\"dtype\":\"" + std::string(to_string(tensor->type)) +
            "\",\"shape\":" + nlohmann::json(tensor->shape).dump() + ",\"data_offsets\":[" +
            std::to_string(offset) + "," + std::to_string(offset + tensor->bytes.size()) + "]},";
    offset += tensor->bytes.size();
  }
  if (json.back() == ',') json.pop_back();
  json += '}';
  json.resize((json.size() + 7) / 8 * 8, ' ');  // so that the data start aligned
  return json;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const std::vector<TensorToStore>& tensors,
                       const std::map<std::string, std::string>& metadata) {
  std::vector<const TensorToStore*> order;
  for (const auto& tensor : tensors) {
    check(tensor);
    order.push_back(&tensor);
  }
  // Wide elements first keeps every tensor aligned without gaps.
  std::sort(order.begin(), order.end(), [](const TensorToStore* a, const TensorToStore* b) {
    return std::tuple(size_of(b->type), a->type, std::string_view(a->name)) <
           std::tuple(size_of(a->type), b->type, std::string_view(b->name));
  });
  std::vector<std::string_view> names;
  for (const auto* tensor : order) names.push_back(tensor->name);
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    throw Error(Errc::invalid_argument, "write_safetensors: " + in_quotes(*twice) + " given twice");
  }

  const std::string header = header_of(order, metadata);
  const std::uint64_t header_size = header.size();
  if (header_size > safetensors_header_bytes_max) {
    throw Error(Errc::invalid_argument, "write_safetensors: header of " +
                                            std::to_string(header_size) +
                                            " bytes (allowed 100000000)");
  }
  std::vector<std::span<const std::byte>> pieces = {std::as_bytes(std::span(&header_size, 1)),
                                                    std::as_bytes(std::span(header))};
  for (const auto* tensor : order) pieces.push_back(tensor->bytes);
  write_pieces_atomically(path, pieces);
}

}  // namespace xfer::files
