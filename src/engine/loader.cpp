#include "engine/loader.hpp"

#include "xfer/error.hpp"
#include "xfer/files/gguf.hpp"
#include "xfer/hash.hpp"

#include <cmath>
#include <cstring>
#include <fstream>

namespace xfer::engine {
namespace {

namespace fs = std::filesystem;

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

void check_shape(const std::string& origin, const std::string& tensor,
                 const std::vector<std::int64_t>& got, const Network::Slot& slot) {
  const std::vector<std::int64_t> want =
      slot.norm != nullptr ? std::vector<std::int64_t>{slot.cols}
                           : std::vector<std::int64_t>{slot.rows, slot.cols};
  if (got != want)
    throw Error(Errc::bad_data, origin + ": tensor " + tensor + " has shape " + shape_text(got) +
                                    ", the configuration asks for " + shape_text(want));
}

void check_finite(const std::string& where, const Floats& values) {
  for (const float x : values)
    if (!std::isfinite(x)) throw Error(Errc::bad_data, where + " holds values that are not finite");
}

Sha256 hash_of_config(const ModelConfig& config) {
  Sha256 sha;
  sha.update(write_config(config));
  for (const float d : config.rope_divisors) sha.update(std::to_string(d));
  return sha;
}

// GGUF's name of a weight given Hugging Face's.
std::string gguf_name(const std::string& name) {
  if (name == "model.embed_tokens.weight") return "token_embd.weight";
  if (name == "model.norm.weight") return "output_norm.weight";
  if (name == "lm_head.weight") return "output.weight";
  const std::string prefix = "model.layers.";
  const auto dot = name.find('.', prefix.size());
  const std::string layer = name.substr(prefix.size(), dot - prefix.size());
  const std::string rest = name.substr(dot + 1);
  static const std::vector<std::pair<std::string, std::string>> names = {
      {"input_layernorm.weight", "attn_norm.weight"},
      {"post_attention_layernorm.weight", "ffn_norm.weight"},
      {"self_attn.q_proj.weight", "attn_q.weight"},
      {"self_attn.k_proj.weight", "attn_k.weight"},
      {"self_attn.v_proj.weight", "attn_v.weight"},
      {"self_attn.o_proj.weight", "attn_output.weight"},
      {"mlp.gate_proj.weight", "ffn_gate.weight"},
      {"mlp.up_proj.weight", "ffn_up.weight"},
      {"mlp.down_proj.weight", "ffn_down.weight"}};
  for (const auto& [theirs, ours] : names)
    if (rest == theirs) return "blk." + layer + "." + ours;
  throw Error(Errc::internal, "gguf_name: no name for " + name);
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

int int_of(const files::Gguf& file, const std::string& key) {
  const std::int64_t value = file.integer(key);
  if (value < 0 || value > 1'000'000'000)
    throw Error(Errc::bad_data, file.path().string() + ": " + key + " is out of range (got " +
                                    std::to_string(value) + ")");
  return static_cast<int>(value);
}

ModelConfig gguf_config(const files::Gguf& file) {
  const std::string origin = file.path().string();
  const std::string& architecture = file.string("general.architecture");
  if (architecture != "llama")
    throw Error(Errc::not_available, origin + ": unknown architecture '" + architecture +
                                         "'; known: llama");
  ModelConfig c;
  c.layers = int_of(file, "llama.block_count");
  c.hidden_size = int_of(file, "llama.embedding_length");
  c.intermediate_size = int_of(file, "llama.feed_forward_length");
  c.heads = int_of(file, "llama.attention.head_count");
  c.kv_heads = file.has("llama.attention.head_count_kv")
                   ? int_of(file, "llama.attention.head_count_kv")
                   : c.heads;
  c.max_positions = int_of(file, "llama.context_length");
  c.rms_eps = file.number("llama.attention.layer_norm_rms_epsilon");
  if (file.has("llama.rope.freq_base")) c.rope_theta = file.number("llama.rope.freq_base");
  c.head_dim = file.has("llama.rope.dimension_count") ? int_of(file, "llama.rope.dimension_count")
               : c.heads > 0                          ? c.hidden_size / c.heads
                                                      : 0;
  if (file.has("llama.rope.scaling.type") && file.string("llama.rope.scaling.type") != "none")
    throw Error(Errc::not_available, origin + ": llama.rope.scaling.type '" +
                                         file.string("llama.rope.scaling.type") +
                                         "' is not known; known: none");
  const auto& tensors = file.tensors();
  const auto embedding = tensors.find("token_embd.weight");
  if (embedding == tensors.end() || embedding->second.shape.size() != 2)
    throw Error(Errc::bad_data, origin + ": tensor token_embd.weight is missing");
  if (embedding->second.shape[0] > 4'000'000)
    throw Error(Errc::bad_data, origin + ": tensor token_embd.weight has too many rows");
  c.vocab_size = static_cast<int>(embedding->second.shape[0]);
  c.tied_head = tensors.count("output.weight") == 0;
  if (file.has("tokenizer.ggml.eos_token_id"))
    c.end_tokens.push_back(static_cast<std::int32_t>(int_of(file, "tokenizer.ggml.eos_token_id")));
  if (const auto it = tensors.find("rope_freqs.weight"); it != tensors.end()) {
    if (it->second.type != files::GgmlType::f32 || it->second.shape.size() != 1 ||
        it->second.shape[0] > 4096)
      throw Error(Errc::bad_data, origin + ": tensor rope_freqs.weight has a wrong type or shape");
    c.rope_divisors.resize(static_cast<std::size_t>(it->second.shape[0]));
    files::dequantize(it->second.type, it->second.bytes, c.rope_divisors);
  }
  c.validate(origin);
  return c;
}

}  // namespace

void read_floats(const files::StoredTensor& tensor, const std::string& where, Floats& out) {
  using files::StoredType;
  if (tensor.type != StoredType::f32 && tensor.type != StoredType::f16 &&
      tensor.type != StoredType::bf16)
    throw Error(Errc::bad_data, where + " has type " + std::string(files::to_string(tensor.type)) +
                                    ", allowed F32, F16, BF16");
  files::to_float(tensor, out);
  check_finite(where, out);
}

void require_memory(std::int64_t bytes, const std::string& what) {
  std::ifstream info("/proc/meminfo");
  std::string key;
  std::int64_t kib = 0;
  std::string unit;
  while (info >> key >> kib >> unit) {
    if (key != "MemAvailable:") continue;
    if (bytes > kib * 1024)
      throw Error(Errc::out_of_memory, what + " needs " + std::to_string(bytes >> 20U) +
                                           " MiB, this machine has " + std::to_string(kib >> 10U) +
                                           " MiB free");
    return;
  }
}

LoadedNetwork load_folder(ThreadPool& pool, const fs::path& folder) {
  const fs::path config_file = folder / "config.json";
  const ModelConfig config =
      parse_config(files::read_text(config_file, 1U << 24U), config_file.string());
  const fs::path index = folder / "model.safetensors.index.json";
  const auto weights = files::Safetensors::open(fs::exists(index) ? index
                                                                  : folder / "model.safetensors");
  const std::string origin = weights.path().string();
  require_memory(4 * config.parameters(), "loading " + folder.string());
  LoadedNetwork loaded{std::make_shared<Network>(config), {}};
  Sha256 sha = hash_of_config(config);
  Floats values;
  for (const auto& [name, slot] : loaded.network->slots()) {
    const files::StoredTensor* tensor = weights.find(name);
    if (tensor == nullptr)
      throw Error(Errc::bad_data, origin + ": tensor " + name + " is missing");
    check_shape(origin, name, tensor->shape, slot);
    values.resize(static_cast<std::size_t>(std::int64_t{slot.rows} * slot.cols));
    read_floats(*tensor, origin + ": tensor " + name, values);
    sha.update(name).update(tensor->bytes);
    Network::write(pool, slot, values.data());
  }
  loaded.hash = sha.hex();
  return loaded;
}

LoadedNetwork load_gguf(ThreadPool& pool, const fs::path& path) {
  const auto file = files::Gguf::open(path);
  const std::string origin = path.string();
  const ModelConfig config = gguf_config(file);
  require_memory(4 * config.parameters(), "loading " + origin);
  LoadedNetwork loaded{std::make_shared<Network>(config), {}};
  Sha256 sha = hash_of_config(config);
  Floats values;
  for (const auto& [name, slot] : loaded.network->slots()) {
    const auto it = file.tensors().find(gguf_name(name));
    if (it == file.tensors().end())
      throw Error(Errc::bad_data, origin + ": tensor " + gguf_name(name) + " is missing");
    check_shape(origin, it->first, it->second.shape, slot);
    values.resize(static_cast<std::size_t>(std::int64_t{slot.rows} * slot.cols));
    files::dequantize(it->second.type, it->second.bytes, values);
    check_finite(origin + ": tensor " + it->first, values);
    if (name.ends_with("q_proj.weight")) unpermute(values, config.heads, slot.rows, slot.cols);
    if (name.ends_with("k_proj.weight")) unpermute(values, config.kv_heads, slot.rows, slot.cols);
    sha.update(name).update(it->second.bytes);
    Network::write(pool, slot, values.data());
  }
  loaded.hash = sha.hex();
  return loaded;
}

}  // namespace xfer::engine
