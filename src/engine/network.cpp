// SPDX-License-Identifier: Apache-2.0
#include "engine/network.hpp"

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
  if (s.linear) return frequency / s.factor;
  const double wavelength = two_pi / frequency;
  const double longest = s.original_positions / s.low_freq_factor;
  const double shortest = s.original_positions / s.high_freq_factor;
  if (wavelength < shortest) return frequency;
  if (wavelength > longest) return frequency / s.factor;
  const double smooth = (s.original_positions / wavelength - s.low_freq_factor) /
                        (s.high_freq_factor - s.low_freq_factor);
  return (1.0 - smooth) * frequency / s.factor + smooth * frequency;
}

// Tables hold the positions one usually meets; longer sequences are refused by the passes.
int table_positions(const ModelConfig& c) { return std::min(c.max_positions, 32'768); }

RopeTable rope_table(const ModelConfig& c, double theta, const RopeScaling& scaling,
                     const std::vector<float>& divisors) {
  const int positions = table_positions(c);
  const int half = c.head_dim / 2;
  RopeTable table;
  table.cosine.resize(static_cast<std::size_t>(positions) * static_cast<std::size_t>(half));
  table.sine.resize(table.cosine.size());
  for (int i = 0; i < half; ++i) {
    double base = 1.0 / std::pow(theta, 2.0 * i / c.head_dim);
    if (!divisors.empty()) base /= divisors[static_cast<std::size_t>(i)];
    // The references keep the frequency and the angle in float32.
    const auto frequency = static_cast<float>(scaled_frequency(base, scaling));
    for (int p = 0; p < positions; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      const auto at = static_cast<std::size_t>(p) * static_cast<std::size_t>(half) +
                      static_cast<std::size_t>(i);
      table.cosine[at] = static_cast<float>(std::cos(static_cast<double>(angle)));
      table.sine[at] = static_cast<float>(std::sin(static_cast<double>(angle)));
    }
  }
  return table;
}

bool has_sliding_rope(const ModelConfig& c) {
  return c.sliding_rope_theta > 0.0 && std::find(c.sliding_layers.begin(), c.sliding_layers.end(),
                                                 true) != c.sliding_layers.end();
}

int intermediate(const ModelConfig& c, int expert) {
  return expert >= 0 ? c.experts.intermediate_size : c.intermediate_size;
}

}  // namespace

std::string module_name(Module module, int layer, int expert) {
  const std::string at = "model.layers." + std::to_string(layer);
  const std::string mlp =
      at + ".mlp." + (expert >= 0 ? "experts." + std::to_string(expert) + "." : "");
  switch (module) {
    case Module::q: return at + ".self_attn.q_proj";
    case Module::k: return at + ".self_attn.k_proj";
    case Module::v: return at + ".self_attn.v_proj";
    case Module::o: return at + ".self_attn.o_proj";
    case Module::gate: return mlp + "gate_proj";
    case Module::up: return mlp + "up_proj";
    case Module::down: return mlp + "down_proj";
    case Module::head: return "lm_head";
  }
  return {};
}

int module_inputs(const ModelConfig& c, Module module, int expert) {
  switch (module) {
    case Module::o: return c.heads * c.head_dim;
    case Module::down: return intermediate(c, expert);
    default: return c.hidden_size;
  }
}

int module_outputs(const ModelConfig& c, Module module, int expert) {
  switch (module) {
    case Module::q: return c.heads * c.head_dim;
    case Module::k:
    case Module::v: return c.kv_heads * c.head_dim;
    case Module::gate:
    case Module::up: return intermediate(c, expert);
    case Module::head: return c.vocab_size;
    default: return c.hidden_size;
  }
}

Network::Network(const ModelConfig& shape, Storage storage) : config(shape) {
  const ModelConfig& c = config;
  const int h = c.hidden_size;
  const int q = c.heads * c.head_dim;
  const int row = q + 2 * c.kv_heads * c.head_dim;
  const auto hidden = static_cast<std::size_t>(h);
  embedding.resize(h, c.vocab_size, storage);
  if (!c.tied_head) untied_head.resize(h, c.vocab_size, storage);
  final_norm.assign(hidden, 1.0F);
  layers.resize(static_cast<std::size_t>(c.layers));
  for (int i = 0; i < c.layers; ++i) {
    LayerWeights& layer = layers[static_cast<std::size_t>(i)];
    layer.attn_norm.assign(hidden, 1.0F);
    layer.mlp_norm.assign(hidden, 1.0F);
    if (c.is_gemma()) {
      layer.attn_post_norm.assign(hidden, 1.0F);
      layer.mlp_post_norm.assign(hidden, 1.0F);
    }
    if (c.has_qk_norm()) {
      layer.q_norm.assign(static_cast<std::size_t>(c.head_dim), 1.0F);
      layer.k_norm.assign(static_cast<std::size_t>(c.head_dim), 1.0F);
    }
    if (c.has_qkv_bias()) layer.qkv_bias.assign(static_cast<std::size_t>(row), 0.0F);
    layer.maps.qkv.resize(h, row, storage);
    layer.maps.o.resize(q, h, storage);
    const bool sparse = c.is_sparse(i);
    // The router is small, and near ties in it decide which experts work: always in full.
    if (sparse) layer.router.resize(h, c.experts.count);
    layer.maps.mlps.resize(sparse ? static_cast<std::size_t>(c.experts.count) : 1);
    const int wide = intermediate(c, sparse ? 0 : -1);
    for (auto& mlp : layer.maps.mlps) {
      mlp.gate_up.resize(h, 2 * wide, storage);
      mlp.down.resize(wide, h, storage);
    }
  }
  rope = rope_table(c, c.rope_theta, c.rope_scaling, c.rope_divisors);
  if (has_sliding_rope(c)) sliding_rope = rope_table(c, c.sliding_rope_theta, {}, {});
}

std::int64_t Network::bytes(const ModelConfig& c, Storage storage) {
  const std::int64_t table = std::int64_t{4} * table_positions(c) * c.head_dim;
  return c.parameters() * (storage == Storage::f32 ? 4 : 2) + table * (has_sliding_rope(c) ? 2 : 1);
}

AttentionShape Network::attention(int layer) const noexcept {
  AttentionShape shape;
  shape.heads = config.heads;
  shape.kv_heads = config.kv_heads;
  shape.head_dim = config.head_dim;
  shape.scale = config.query_scale > 0.0 ? static_cast<float>(config.query_scale)
                                         : 1.0F / std::sqrt(static_cast<float>(config.head_dim));
  shape.soft_cap = static_cast<float>(config.attention_soft_cap);
  shape.window = config.is_sliding(layer) ? config.sliding_window : 0;
  return shape;
}

bool Network::is_float32() const noexcept {
  const auto plain = [](const PackedMatrix& m) { return m.storage() == Storage::f32; };
  return plain(embedding) && plain(untied_head) &&
         std::all_of(layers.begin(), layers.end(), [&](const LayerWeights& layer) {
           return plain(layer.maps.qkv) && plain(layer.maps.o) &&
                  std::all_of(layer.maps.mlps.begin(), layer.maps.mlps.end(), [&](const auto& mlp) {
                    return plain(mlp.gate_up) && plain(mlp.down);
                  });
         });
}

float Network::embedding_scale() const noexcept {
  return config.is_gemma() ? std::sqrt(static_cast<float>(config.hidden_size)) : 1.0F;
}

int Network::positions() const noexcept { return table_positions(config); }

void Network::layer_slots(int i, std::vector<std::pair<std::string, Slot>>& all) {
  const ModelConfig& c = config;
  LayerWeights& layer = layers[static_cast<std::size_t>(i)];
  const std::string at = "model.layers." + std::to_string(i);
  const float offset = c.is_gemma() ? 1.0F : 0.0F;
  const auto norm = [&](const std::string& name, Floats& values) {
    if (!values.empty())
      all.emplace_back(at + name,
                       Slot{nullptr, &values, 0, 1, static_cast<int>(values.size()), offset});
  };
  const auto linear = [&](Module module, PackedMatrix& m, int first, int expert = -1) {
    all.emplace_back(module_name(module, i, expert) + ".weight",
                     Slot{&m, nullptr, first, module_outputs(c, module, expert), m.k()});
  };
  const int q = c.heads * c.head_dim;
  const int kv = c.kv_heads * c.head_dim;
  norm(".input_layernorm.weight", layer.attn_norm);
  int first = 0;
  for (const Module module : {Module::q, Module::k, Module::v}) {
    linear(module, layer.maps.qkv, first);
    const int outputs = module == Module::q ? q : kv;
    if (c.has_qkv_bias())
      all.emplace_back(module_name(module, i) + ".bias",
                       Slot{nullptr, &layer.qkv_bias, first, 1, outputs});
    first += outputs;
  }
  norm(".self_attn.q_norm.weight", layer.q_norm);
  norm(".self_attn.k_norm.weight", layer.k_norm);
  linear(Module::o, layer.maps.o, 0);
  if (c.is_gemma()) {
    norm(".post_attention_layernorm.weight", layer.attn_post_norm);
    norm(".pre_feedforward_layernorm.weight", layer.mlp_norm);
  } else {
    norm(".post_attention_layernorm.weight", layer.mlp_norm);
  }
  const bool sparse = c.is_sparse(i);
  if (sparse)
    all.emplace_back(at + ".mlp.gate.weight",
                     Slot{&layer.router, nullptr, 0, c.experts.count, c.hidden_size});
  for (int expert = 0; expert < static_cast<int>(layer.maps.mlps.size()); ++expert) {
    auto& mlp = layer.maps.mlps[static_cast<std::size_t>(expert)];
    const int number = sparse ? expert : -1;
    linear(Module::gate, mlp.gate_up, 0, number);
    linear(Module::up, mlp.gate_up, intermediate(c, number), number);
    linear(Module::down, mlp.down, 0, number);
  }
  norm(".post_feedforward_layernorm.weight", layer.mlp_post_norm);
}

std::vector<std::pair<std::string, Network::Slot>> Network::slots() {
  const ModelConfig& c = config;
  std::vector<std::pair<std::string, Slot>> all;
  all.emplace_back("model.embed_tokens.weight",
                   Slot{&embedding, nullptr, 0, c.vocab_size, c.hidden_size});
  for (int i = 0; i < c.layers; ++i) layer_slots(i, all);
  all.emplace_back("model.norm.weight",
                   Slot{nullptr, &final_norm, 0, 1, c.hidden_size, c.is_gemma() ? 1.0F : 0.0F});
  if (!c.tied_head)
    all.emplace_back("lm_head.weight", Slot{&untied_head, nullptr, 0, c.vocab_size, c.hidden_size});
  return all;
}

void Network::read(const Slot& slot, float* out) {
  if (slot.vector != nullptr) {
    const float* values = slot.vector->data() + slot.first;
    for (int i = 0; i < slot.cols; ++i) out[i] = values[i] - slot.offset;
    return;
  }
  for (int r = 0; r < slot.rows; ++r)
    slot.matrix->column(slot.first + r, out + std::int64_t{r} * slot.cols);
}

void Network::write(ThreadPool& pool, const Slot& slot, const float* values) {
  if (slot.vector != nullptr) {
    float* out = slot.vector->data() + slot.first;
    for (int i = 0; i < slot.cols; ++i) out[i] = values[i] + slot.offset;
    return;
  }
  pack_weight(pool, values, slot.rows, slot.first, *slot.matrix);
}

}  // namespace xfer::engine
