// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/chunking.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string_view>

namespace xfer::tinker {
namespace {

struct Part {
  double value = 0.0;
  double datums = 0.0;
};

std::uint64_t as_hash(double value) {
  constexpr double limit = 18446744073709551616.0;  // 2^64
  return value >= 0.0 && value < limit ? static_cast<std::uint64_t>(value) : 0;
}

double mean_of(const std::vector<Part>& parts) {
  double sum = 0.0;
  double weight = 0.0;
  for (const Part& p : parts) {
    sum += p.value * p.datums;
    weight += p.datums;
  }
  return weight > 0.0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
}

void reduce(const std::string& name, const std::vector<Part>& parts,
            std::map<std::string, double>& out) {
  const std::size_t colon = name.find(':');
  if (colon == std::string::npos || name.find(':', colon + 1) != std::string::npos) return;
  const std::string_view how = std::string_view(name).substr(colon + 1);
  const auto smaller = [](const Part& a, const Part& b) { return a.value < b.value; };
  const double largest = std::max_element(parts.begin(), parts.end(), smaller)->value;
  if (how == "sum") {
    double sum = 0.0;
    for (const Part& p : parts) sum += p.value;
    out[name] = sum;
  } else if (how == "mean") {
    out[name] = mean_of(parts);
  } else if (how == "min") {
    out[name] = std::min_element(parts.begin(), parts.end(), smaller)->value;
  } else if (how == "max") {
    out[name] = largest;
  } else if (how == "slack") {
    out[name] = largest - mean_of(parts);
  } else if (how == "hash2") {
    std::uint64_t sum = 0;
    for (const Part& p : parts) sum += as_hash(p.value);
    out[name] = static_cast<double>(sum);
  } else if (how == "unique") {
    for (std::size_t i = 0; i < parts.size(); ++i)
      out[i == 0 ? name : name + "_" + std::to_string(i)] = parts[i].value;
  }
}

}  // namespace

std::size_t estimated_bytes(const Datum& datum) noexcept {
  std::size_t bytes = 0;
  for (const Chunk& chunk : datum.model_input.chunks) {
    if (const auto* text = std::get_if<EncodedText>(&chunk))
      bytes += 4 * text->tokens.size();
    else if (const auto* image = std::get_if<Image>(&chunk))
      bytes += image->data.size();
    else if (const auto* dmel = std::get_if<Dmel>(&chunk))
      bytes += dmel->bytes.size();
  }
  for (const auto& [name, tensor] : datum.loss_fn_inputs) {
    const std::size_t element = tensor.values.data.index() == 0 ? 4 : 8;
    bytes += tensor.values.size() * element;
    if (tensor.csr) bytes += 8 * (tensor.csr->crow.size() + tensor.csr->col.size());
  }
  return bytes;
}

std::vector<std::size_t> chunk_sizes(std::span<const Datum> data, const ChunkLimits& limits) {
  std::vector<std::size_t> sizes;
  std::size_t bytes = 0;
  for (const Datum& datum : data) {
    const std::size_t more = estimated_bytes(datum);
    const bool full =
        sizes.empty() || sizes.back() >= limits.datums_max || bytes + more > limits.bytes_max;
    if (full) {
      sizes.push_back(0);
      bytes = 0;
    }
    ++sizes.back();
    bytes += more;
  }
  return sizes;
}

ForwardBackwardOutput join_chunks(std::vector<ForwardBackwardOutput> chunks) {
  ForwardBackwardOutput out;
  std::map<std::string, std::vector<Part>> metrics;
  for (ForwardBackwardOutput& chunk : chunks) {
    out.loss_fn_output_type = chunk.loss_fn_output_type;
    for (const auto& [name, value] : chunk.metrics)
      metrics[name].push_back({value, static_cast<double>(chunk.loss_fn_outputs.size())});
    std::move(chunk.loss_fn_outputs.begin(), chunk.loss_fn_outputs.end(),
              std::back_inserter(out.loss_fn_outputs));
  }
  for (const auto& [name, parts] : metrics) reduce(name, parts, out.metrics);
  return out;
}

}  // namespace xfer::tinker
