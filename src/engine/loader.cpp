#include "engine/loader.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace xfer::engine {
namespace {

namespace fs = std::filesystem;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
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
  return sha;
}

// The weights, and the largest of them once more as it is read.
void require_room(const ModelConfig& config, Storage storage, const std::string& what) {
  const std::int64_t largest =
      4 * std::max(std::int64_t{config.vocab_size} * config.hidden_size,
                   std::int64_t{config.intermediate_size} * config.hidden_size);
  require_memory(Network::bytes(config, storage) + largest, "loading " + what);
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

// GGUF's "llama" files keep the rows of q and k in the order that rotates neighbouring pairs;
// ours rotates halves. Undoes that, head by head.
void unpermute(Floats& values, int heads, int rows, int cols) {
  const int dim = rows / heads;
  Floats out(values.size());
  for (int h = 0; h < heads; ++h)
    for (int i = 0; i < dim; ++i) {
      const int from = h * dim + i;
      const int to = h * dim + (i % 2) * (dim / 2) + i / 2;
      std::memcpy(out.data() + std::int64_t{to} * cols, values.data() + std::int64_t{from} * cols,
                  static_cast<std::size_t>(cols) * sizeof(float));
    }
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
  const auto weights = files::Safetensors::open(fs::exists(index) ? index
                                                                  : folder / "model.safetensors");
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

LoadedNetwork load_gguf(ThreadPool& pool, const fs::path& path, Storage storage) {
  const auto file = files::Gguf::open(path);
  const ModelConfig config = gguf_config(file);
  require_room(config, storage, path.string());
  LoadedNetwork loaded{std::make_shared<Network>(config, storage), {}};
  Sha256 sha = hash_of_config(config, storage);
  const bool permuted = file.string("general.architecture") == "llama";
  Floats values;
  for (const auto& [name, slot] : loaded.network->slots()) {
    const GgufWeight weight = find_weight(file, config, name, slot);
    values.resize(static_cast<std::size_t>(slot.size()));
    files::dequantize(weight.tensor->type, weight.bytes, values);
    check_finite(weight.where, values);
    if (permuted && name.ends_with("q_proj.weight"))
      unpermute(values, config.heads, slot.rows, slot.cols);
    if (permuted && name.ends_with("k_proj.weight"))
      unpermute(values, config.kv_heads, slot.rows, slot.cols);
    // GGUF keeps Gemma's norms as they are used, the slot's owner without the offset.
    if (slot.offset != 0.0F)
      for (float& x : values) x -= slot.offset;
    sha.update(name).update(weight.bytes);
    Network::write(pool, slot, values.data());
  }
  loaded.hash = sha.hex();
  return loaded;
}

}  // namespace xfer::engine
