// SPDX-License-Identifier: Apache-2.0
#include "engine/loader.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <map>

namespace xfer::engine {
namespace {

namespace fs = std::filesystem;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::vector<std::int64_t> shape_of(const Network::Slot& slot) {
  if (slot.vector != nullptr) return {slot.cols};
  return {slot.rows, slot.cols};
}

void check_shape(const std::string& where, const std::vector<std::int64_t>& got,
                 const std::vector<std::int64_t>& want) {
  if (got != want)
    throw Error(Errc::bad_data, where + " has shape " + shape_text(got) +
                                    ", the configuration asks for " + shape_text(want));
}

void check_finite(const std::string& where, const Floats& values) {
  for (const float x : values)
    if (!std::isfinite(x)) throw Error(Errc::bad_data, where + " holds values that are not finite");
}

Sha256 hash_of_config(const ModelConfig& config, Storage storage) {
  Sha256 sha;
  sha.update(write_config(config));
  for (const float d : config.rope_divisors) sha.update(std::to_string(d));
  if (storage == Storage::bf16) sha.update("bf16");
  if (storage == Storage::bf16_pairs) sha.update("bf16_compute");
  return sha;
}

// The weights, and the largest of them once more as it is read. `saved` is what blocks save.
void require_room(const ModelConfig& config, Storage storage, const std::string& what,
                  std::int64_t saved = 0) {
  const std::int64_t largest =
      4 * std::max(std::int64_t{config.vocab_size} * config.hidden_size,
                   std::int64_t{config.intermediate_size} * config.hidden_size);
  require_memory(Network::bytes(config, storage) - saved + largest, "loading " + what);
}

// Where GGUF keeps a weight: its tensor, and for an expert's weight which part of it.
struct GgufPlace {
  std::string tensor;
  int part = -1;
};

GgufPlace gguf_place(const ModelConfig& config, const std::string& name) {
  if (name == "model.embed_tokens.weight") return {"token_embd.weight"};
  if (name == "model.norm.weight") return {"output_norm.weight"};
  if (name == "lm_head.weight") return {"output.weight"};
  const std::string prefix = "model.layers.";
  const auto dot = name.find('.', prefix.size());
  const std::string at = "blk." + name.substr(prefix.size(), dot - prefix.size()) + ".";
  std::string rest = name.substr(dot + 1);
  GgufPlace place;
  const std::string experts = "mlp.experts.";
  if (rest.starts_with(experts)) {
    const auto end = rest.find('.', experts.size());
    place.part = std::stoi(rest.substr(experts.size(), end - experts.size()));
    rest = "mlp.experts" + rest.substr(end);
  }
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"input_layernorm.weight", "attn_norm.weight"},
      {"pre_feedforward_layernorm.weight", "ffn_norm.weight"},
      {"post_feedforward_layernorm.weight", "post_ffw_norm.weight"},
      {"self_attn.q_proj.weight", "attn_q.weight"},
      {"self_attn.k_proj.weight", "attn_k.weight"},
      {"self_attn.v_proj.weight", "attn_v.weight"},
      {"self_attn.q_proj.bias", "attn_q.bias"},
      {"self_attn.k_proj.bias", "attn_k.bias"},
      {"self_attn.v_proj.bias", "attn_v.bias"},
      {"self_attn.q_norm.weight", "attn_q_norm.weight"},
      {"self_attn.k_norm.weight", "attn_k_norm.weight"},
      {"self_attn.o_proj.weight", "attn_output.weight"},
      {"mlp.gate.weight", "ffn_gate_inp.weight"},
      {"mlp.gate_proj.weight", "ffn_gate.weight"},
      {"mlp.up_proj.weight", "ffn_up.weight"},
      {"mlp.down_proj.weight", "ffn_down.weight"},
      {"mlp.experts.gate_proj.weight", "ffn_gate_exps.weight"},
      {"mlp.experts.up_proj.weight", "ffn_up_exps.weight"},
      {"mlp.experts.down_proj.weight", "ffn_down_exps.weight"}};
  if (rest == "post_attention_layernorm.weight")
    place.tensor = at + (config.is_gemma() ? "post_attention_norm.weight" : "ffn_norm.weight");
  for (const auto& [theirs, ours] : names)
    if (rest == theirs) place.tensor = at + ours;
  if (place.tensor.empty()) throw Error(Errc::internal, "gguf_place: no name for " + name);
  return place;
}

// For each of our rows of a weight its row in the file; empty: the same. GGUF's "llama" files keep
// the rows of q and k in the order that rotates neighbouring pairs; ours rotates halves.
std::vector<int> rows_in_file(const files::Gguf& file, const ModelConfig& config,
                              const std::string& name, int rows) {
  const bool q = name.ends_with("q_proj.weight");
  if (file.string("general.architecture") != "llama" || (!q && !name.ends_with("k_proj.weight")))
    return {};
  const int dim = rows / (q ? config.heads : config.kv_heads);
  std::vector<int> order(static_cast<std::size_t>(rows));
  for (int from = 0; from < rows; ++from) {
    const int i = from % dim;
    order[static_cast<std::size_t>(from - i + (i % 2) * (dim / 2) + i / 2)] = from;
  }
  return order;
}

void reorder(Floats& values, const std::vector<int>& order, int cols) {
  if (order.empty()) return;
  Floats out(values.size());
  for (std::size_t row = 0; row < order.size(); ++row)
    std::memcpy(out.data() + row * static_cast<std::size_t>(cols),
                values.data() + std::int64_t{order[row]} * cols,
                static_cast<std::size_t>(cols) * sizeof(float));
  values.swap(out);
}

// The bytes of a weight in a GGUF file, its shape checked.
struct GgufWeight {
  const files::GgufTensor* tensor;
  std::span<const std::byte> bytes;
  std::string where;
};

GgufWeight find_weight(const files::Gguf& file, const ModelConfig& config, const std::string& name,
                       const Network::Slot& slot) {
  const GgufPlace place = gguf_place(config, name);
  const std::string where = file.path().string() + ": tensor " + place.tensor;
  const auto it = file.tensors().find(place.tensor);
  if (it == file.tensors().end()) throw Error(Errc::bad_data, where + " is missing");
  const files::GgufTensor& tensor = it->second;
  auto want = shape_of(slot);
  if (place.part < 0) {
    check_shape(where, tensor.shape, want);
    return {&tensor, tensor.bytes, where};
  }
  want.insert(want.begin(), config.experts.count);
  check_shape(where, tensor.shape, want);
  const auto parts = static_cast<std::size_t>(config.experts.count);
  const std::size_t size = tensor.bytes.size() / parts;
  if (size * parts != tensor.bytes.size())
    throw Error(Errc::bad_data,
                where + " cannot be cut into " + std::to_string(parts) + " experts");
  return {&tensor, tensor.bytes.subspan(static_cast<std::size_t>(place.part) * size, size), where};
}

// Gives blocks to the matrices of which all weights are of one such type; returns the bytes that
// this saves.
std::int64_t take_blocks(const files::Gguf& file, const ModelConfig& config, Network& network) {
  std::map<PackedMatrix*, std::vector<const files::GgufTensor*>> parts;
  for (const auto& [name, slot] : network.slots()) {
    if (slot.matrix == nullptr) continue;
    parts[slot.matrix].push_back(find_weight(file, config, name, slot).tensor);
  }
  std::int64_t saved = 0;
  for (const auto& [matrix, tensors] : parts) {
    const files::GgmlType type = tensors.front()->type;
    const bool same = std::all_of(tensors.begin(), tensors.end(),
                                  [&](const auto* tensor) { return tensor->type == type; });
    const int bits = files::code_bits(type);
    if (!same || bits == 0 || matrix->k() % block_size != 0) continue;
    const std::int64_t size = std::int64_t{matrix->k()} * matrix->n();
    matrix->resize(matrix->k(), matrix->n(), bits == 4 ? Storage::blocks4 : Storage::blocks8);
    saved += 4 * size - size * bits / 8 - size / 4;
  }
  return saved;
}

void copy_blocks(ThreadPool& pool, const GgufWeight& weight, const std::vector<int>& order,
                 const Network::Slot& slot) {
  const files::GgmlType type = weight.tensor->type;
  const std::size_t block_bytes = files::block_of(type).bytes;
  const int blocks = slot.cols / block_size;
  std::atomic<bool> finite{true};
  pool.run((slot.rows + panel_width - 1) / panel_width, [&](std::int64_t panel, int) {
    const int last = std::min(slot.rows, static_cast<int>(panel + 1) * panel_width);
    for (int row = static_cast<int>(panel) * panel_width; row < last; ++row) {
      const int from = order.empty() ? row : order[static_cast<std::size_t>(row)];
      const std::byte* in = weight.bytes.data() + static_cast<std::size_t>(from) *
                                                      static_cast<std::size_t>(blocks) *
                                                      block_bytes;
      for (int b = 0; b < blocks; ++b, in += block_bytes) {
        const files::QuantBlock block = files::read_block(type, in);
        if (!std::isfinite(block.scale) || !std::isfinite(block.offset)) finite = false;
        slot.matrix->set_block(slot.first + row, b, block.codes, block.scale, block.offset);
      }
    }
  });
  if (!finite) throw Error(Errc::bad_data, weight.where + " holds values that are not finite");
}

}  // namespace

void require_known_architecture(const std::string& architecture, const std::string& origin) {
  std::string names;
  for (const std::string& known : known_architectures()) {
    if (known == architecture) return;
    names += (names.empty() ? "" : ", ") + known;
  }
  throw Error(Errc::not_available,
              origin + ": unknown architecture '" + architecture + "'; known: " + names);
}

void read_floats(const files::StoredTensor& tensor, const std::string& where, Floats& out) {
  using files::StoredType;
  if (tensor.type != StoredType::f32 && tensor.type != StoredType::f16 &&
      tensor.type != StoredType::bf16)
    throw Error(Errc::bad_data, where + " has type " + std::string(files::to_string(tensor.type)) +
                                    ", allowed F32, F16, BF16");
  files::to_float(tensor, out);
  check_finite(where, out);
}

LoadedNetwork load_folder(ThreadPool& pool, const fs::path& folder, Storage storage) {
  const fs::path config_file = folder / "config.json";
  const ModelConfig config =
      parse_config(files::read_text(config_file, 1U << 24U), config_file.string());
  const fs::path index = folder / "model.safetensors.index.json";
  const auto weights =
      files::Safetensors::open(fs::exists(index) ? index : folder / "model.safetensors");
  require_room(config, storage, folder.string());
  LoadedNetwork loaded{std::make_shared<Network>(config, storage), {}};
  Sha256 sha = hash_of_config(config, storage);
  Floats values;
  for (const auto& [name, slot] : loaded.network->slots()) {
    const std::string where = weights.path().string() + ": tensor " + name;
    const files::StoredTensor* tensor = weights.find(name);
    if (tensor == nullptr) throw Error(Errc::bad_data, where + " is missing");
    check_shape(where, tensor->shape, shape_of(slot));
    values.resize(static_cast<std::size_t>(slot.size()));
    read_floats(*tensor, where, values);
    sha.update(name).update(tensor->bytes);
    Network::write(pool, slot, values.data());
  }
  loaded.hash = sha.hex();
  return loaded;
}

LoadedNetwork load_gguf(ThreadPool& pool, const fs::path& path, Storage storage, bool keep_blocks) {
  const auto file = files::Gguf::open(path);
  const ModelConfig config = gguf_config(file);
  // Room for a matrix is asked of the system when it is written to: those of blocks, never.
  // Blocks take at least an eighth of what float32 does; how much exactly is seen further down.
  const std::int64_t saved_most = keep_blocks ? Network::bytes(config, storage) / 8 * 7 : 0;
  require_room(config, storage, path.string(), saved_most);
  LoadedNetwork loaded{std::make_shared<Network>(config, storage), {}};
  if (keep_blocks)
    require_room(config, storage, path.string(), take_blocks(file, config, *loaded.network));
  Sha256 sha = hash_of_config(config, storage);
  Floats values;
  for (const auto& [name, slot] : loaded.network->slots()) {
    const GgufWeight weight = find_weight(file, config, name, slot);
    const std::vector<int> order = rows_in_file(file, config, name, slot.rows);
    sha.update(name).update(weight.bytes);
    if (slot.matrix != nullptr && is_blocks(slot.matrix->storage())) {
      copy_blocks(pool, weight, order, slot);
      continue;
    }
    values.resize(static_cast<std::size_t>(slot.size()));
    files::dequantize(weight.tensor->type, weight.bytes, values);
    check_finite(weight.where, values);
    reorder(values, order, slot.cols);
    // GGUF keeps Gemma's norms as they are used, the slot's owner without the offset.
    if (slot.offset != 0.0F)
      for (float& x : values) x -= slot.offset;
    Network::write(pool, slot, values.data());
  }
  loaded.hash = sha.hex();
  return loaded;
}

}  // namespace xfer::engine
