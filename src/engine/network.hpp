// The frozen weights of a model, packed for the engine's matrix products.
#pragma once

#include "engine/gemm.hpp"
#include "xfer/engine/model.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::engine {

/// The linear maps of a layer, and the head.
enum class Module { q, k, v, o, gate, up, down, head };
inline constexpr std::array layer_modules = {Module::q,    Module::k,  Module::v,   Module::o,
                                             Module::gate, Module::up, Module::down};

/// Name of the weight in Hugging Face's layout, e.g. "model.layers.0.self_attn.q_proj".
std::string module_name(Module module, int layer);
int module_inputs(const ModelConfig& config, Module module);
int module_outputs(const ModelConfig& config, Module module);

struct LayerWeights {
  Floats attn_norm;      ///< [hidden]
  Floats mlp_norm;       ///< [hidden]
  PackedMatrix qkv;      ///< hidden -> q | k | v
  PackedMatrix o;        ///< q -> hidden
  PackedMatrix gate_up;  ///< hidden -> gate | up
  PackedMatrix down;     ///< intermediate -> hidden
};

struct Network {
  ModelConfig config;
  PackedMatrix embedding;  ///< hidden -> vocabulary; also the head when tied
  PackedMatrix untied_head;
  Floats final_norm;
  std::vector<LayerWeights> layers;
  /// [position][head_dim / 2]
  Floats rope_cos;
  Floats rope_sin;

  const PackedMatrix& head() const noexcept {
    return config.tied_head ? embedding : untied_head;
  }
  int q_size() const noexcept { return config.heads * config.head_dim; }
  int kv_size() const noexcept { return config.kv_heads * config.head_dim; }
  /// Makes room for every weight of `config` and fills the rotary tables.
  explicit Network(const ModelConfig& shape);
  Network(const Network&) = default;

  /// Where a weight lives: matrix and first column, by Hugging Face's name. Norms: `norm` set.
  struct Slot {
    PackedMatrix* matrix = nullptr;
    int first_col = 0;
    Floats* norm = nullptr;
    int rows = 0;  ///< outputs; 1 for norms
    int cols = 0;  ///< inputs
  };
  /// Every weight with its name and place, in a fixed order.
  std::vector<std::pair<std::string, Slot>> slots();
  /// Copies one weight out, row-major.
  static void read(const Slot& slot, float* out);
  static void write(ThreadPool& pool, const Slot& slot, const float* values);
};

}  // namespace xfer::engine
