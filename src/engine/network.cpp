#include "engine/network.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr double two_pi = 6.283185307179586;

// Llama-3's rule: long wavelengths are stretched by `factor`, short ones kept, those between
// blended (Llama 3.1 reference code; transformers' "llama3" rope type gives the same numbers).
double scaled_frequency(double frequency, const RopeScaling& s) {
  if (s.factor == 1.0) return frequency;
  const double wavelength = two_pi / frequency;
  const double longest = s.original_positions / s.low_freq_factor;
  const double shortest = s.original_positions / s.high_freq_factor;
  if (wavelength < shortest) return frequency;
  if (wavelength > longest) return frequency / s.factor;
  const double smooth = (s.original_positions / wavelength - s.low_freq_factor) /
                        (s.high_freq_factor - s.low_freq_factor);
  return (1.0 - smooth) * frequency / s.factor + smooth * frequency;
}

}  // namespace

std::string module_name(Module module, int layer) {
  const std::string at = "model.layers." + std::to_string(layer);
  switch (module) {
    case Module::q: return at + ".self_attn.q_proj";
    case Module::k: return at + ".self_attn.k_proj";
    case Module::v: return at + ".self_attn.v_proj";
    case Module::o: return at + ".self_attn.o_proj";
    case Module::gate: return at + ".mlp.gate_proj";
    case Module::up: return at + ".mlp.up_proj";
    case Module::down: return at + ".mlp.down_proj";
    case Module::head: return "lm_head";
  }
  return {};
}

int module_inputs(const ModelConfig& c, Module module) {
  switch (module) {
    case Module::o: return c.heads * c.head_dim;
    case Module::down: return c.intermediate_size;
    default: return c.hidden_size;
  }
}

int module_outputs(const ModelConfig& c, Module module) {
  switch (module) {
    case Module::q: return c.heads * c.head_dim;
    case Module::k:
    case Module::v: return c.kv_heads * c.head_dim;
    case Module::gate:
    case Module::up: return c.intermediate_size;
    case Module::head: return c.vocab_size;
    default: return c.hidden_size;
  }
}

std::int64_t ModelConfig::parameters() const noexcept {
  const std::int64_t h = hidden_size;
  const std::int64_t q = std::int64_t{heads} * head_dim;
  const std::int64_t kv = std::int64_t{kv_heads} * head_dim;
  const std::int64_t layer = h * (2 * q + 2 * kv) + 3 * h * intermediate_size + 2 * h;
  return layers * layer + h + (tied_head ? 1 : 2) * h * std::int64_t{vocab_size};
}

void ModelConfig::validate(const std::string& origin) const {
  const auto need = [&](const char* field, std::int64_t value, std::int64_t low,
                        std::int64_t high) {
    if (value < low || value > high)
      throw Error(Errc::bad_data, origin + ": " + field + " must be in " + std::to_string(low) +
                                      ".." + std::to_string(high) + " (got " +
                                      std::to_string(value) + ")");
  };
  need("vocab_size", vocab_size, 1, 4'000'000);
  need("hidden_size", hidden_size, 1, 65'536);
  need("num_hidden_layers", layers, 1, 1'000);
  need("num_attention_heads", heads, 1, 1'024);
  need("num_key_value_heads", kv_heads, 1, heads);
  need("head_dim", head_dim, 2, 1'024);
  need("intermediate_size", intermediate_size, 1, 1'000'000);
  need("max_position_embeddings", max_positions, 1, 100'000'000);
  if (head_dim % 2 != 0)
    throw Error(Errc::bad_data, origin + ": head_dim must be even (got " +
                                    std::to_string(head_dim) + ")");
  if (heads % kv_heads != 0)
    throw Error(Errc::bad_data, origin + ": num_attention_heads must be a multiple of "
                                         "num_key_value_heads (got " +
                                    std::to_string(heads) + " and " + std::to_string(kv_heads) +
                                    ")");
  const auto positive = [&](const char* field, double value) {
    if (!(value > 0.0) || !std::isfinite(value))
      throw Error(Errc::bad_data, origin + ": " + field + " must be positive (got " +
                                      std::to_string(value) + ")");
  };
  positive("rms_norm_eps", rms_eps);
  positive("rope_theta", rope_theta);
  positive("rope_scaling factor", rope_scaling.factor);
  if (!rope_divisors.empty() && rope_divisors.size() != static_cast<std::size_t>(head_dim / 2))
    throw Error(Errc::bad_data, origin + ": rope_freqs must have head_dim / 2 values (got " +
                                    std::to_string(rope_divisors.size()) + ")");
  for (const float divisor : rope_divisors) positive("rope_freqs", divisor);
}

Network::Network(const ModelConfig& shape) : config(shape) {
  const ModelConfig& c = config;
  embedding.resize(c.hidden_size, c.vocab_size);
  if (!c.tied_head) untied_head.resize(c.hidden_size, c.vocab_size);
  const auto hidden = static_cast<std::size_t>(c.hidden_size);
  final_norm.assign(hidden, 1.0F);
  layers.resize(static_cast<std::size_t>(c.layers));
  for (LayerWeights& layer : layers) {
    layer.attn_norm.assign(hidden, 1.0F);
    layer.mlp_norm.assign(hidden, 1.0F);
    layer.qkv.resize(c.hidden_size, q_size() + 2 * kv_size());
    layer.o.resize(q_size(), c.hidden_size);
    layer.gate_up.resize(c.hidden_size, 2 * c.intermediate_size);
    layer.down.resize(c.intermediate_size, c.hidden_size);
  }
  // Tables for the positions one usually meets; sequences beyond are refused by the passes.
  const int positions = std::min(c.max_positions, 32'768);
  const int half = c.head_dim / 2;
  rope_cos.resize(static_cast<std::size_t>(positions) * static_cast<std::size_t>(half));
  rope_sin.resize(rope_cos.size());
  for (int i = 0; i < half; ++i) {
    double base = 1.0 / std::pow(c.rope_theta, 2.0 * i / c.head_dim);
    if (!c.rope_divisors.empty()) base /= c.rope_divisors[static_cast<std::size_t>(i)];
    // The references keep the frequency and the angle in float32.
    const auto frequency = static_cast<float>(scaled_frequency(base, c.rope_scaling));
    for (int p = 0; p < positions; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      const auto at = static_cast<std::size_t>(p) * static_cast<std::size_t>(half) +
                      static_cast<std::size_t>(i);
      rope_cos[at] = static_cast<float>(std::cos(static_cast<double>(angle)));
      rope_sin[at] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
}

std::vector<std::pair<std::string, Network::Slot>> Network::slots() {
  const ModelConfig& c = config;
  std::vector<std::pair<std::string, Slot>> all;
  const auto matrix = [&](const std::string& name, PackedMatrix& m, int first, int rows) {
    all.emplace_back(name, Slot{&m, first, nullptr, rows, m.k()});
  };
  const auto norm = [&](const std::string& name, Floats& values) {
    all.emplace_back(name, Slot{nullptr, 0, &values, 1, static_cast<int>(values.size())});
  };
  matrix("model.embed_tokens.weight", embedding, 0, c.vocab_size);
  for (int i = 0; i < c.layers; ++i) {
    LayerWeights& layer = layers[static_cast<std::size_t>(i)];
    const std::string at = "model.layers." + std::to_string(i);
    norm(at + ".input_layernorm.weight", layer.attn_norm);
    const auto linear = [&](Module module, PackedMatrix& m, int first) {
      matrix(module_name(module, i) + ".weight", m, first, module_outputs(c, module));
    };
    linear(Module::q, layer.qkv, 0);
    linear(Module::k, layer.qkv, q_size());
    linear(Module::v, layer.qkv, q_size() + kv_size());
    linear(Module::o, layer.o, 0);
    norm(at + ".post_attention_layernorm.weight", layer.mlp_norm);
    linear(Module::gate, layer.gate_up, 0);
    linear(Module::up, layer.gate_up, c.intermediate_size);
    linear(Module::down, layer.down, 0);
  }
  norm("model.norm.weight", final_norm);
  if (!c.tied_head) matrix("lm_head.weight", untied_head, 0, c.vocab_size);
  return all;
}

void Network::read(const Slot& slot, float* out) {
  if (slot.norm != nullptr) {
    std::memcpy(out, slot.norm->data(), slot.norm->size() * sizeof(float));
    return;
  }
  for (int r = 0; r < slot.rows; ++r)
    slot.matrix->column(slot.first_col + r, out + std::int64_t{r} * slot.cols);
}

void Network::write(ThreadPool& pool, const Slot& slot, const float* values) {
  if (slot.norm != nullptr)
    std::memcpy(slot.norm->data(), values, slot.norm->size() * sizeof(float));
  else
    pack_weight(pool, values, slot.rows, slot.first_col, *slot.matrix);
}

}  // namespace xfer::engine
