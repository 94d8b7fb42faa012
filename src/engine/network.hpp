// SPDX-License-Identifier: Apache-2.0
// The frozen weights of a model, packed for the engine's matrix products.
#pragma once

#include "engine/kernels/attention.hpp"
#include "engine/kernels/gemm.hpp"
#include "xfer/engine/model.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// The linear maps of a layer, and the head.
enum class Module { q, k, v, o, gate, up, down, head };

/// Name of the weight in Hugging Face's layout, e.g. "model.layers.0.self_attn.q_proj". `expert` is
/// that of gate, up and down in a sparse layer, else -1.
std::string module_name(Module module, int layer, int expert = -1);
int module_inputs(const ModelConfig& config, Module module, int expert = -1);
int module_outputs(const ModelConfig& config, Module module, int expert = -1);

/// One value for each linear map of a layer; modules that share their input are one map.
template <class T>
struct LayerMaps {
  struct Mlp {
    T gate_up;
    T down;
  };
  T qkv;
  T o;
  std::vector<Mlp> mlps;  ///< one, or one per expert
};

struct LayerWeights {
  LayerMaps<PackedMatrix> maps;
  Floats attn_norm;  ///< [hidden], before attention
  Floats mlp_norm;   ///< [hidden], before the MLP
  // Empty where the family has none:
  Floats attn_post_norm;  ///< [hidden], after attention
  Floats mlp_post_norm;   ///< [hidden], after the MLP
  Floats q_norm;          ///< [head_dim]
  Floats k_norm;          ///< [head_dim]
  Floats qkv_bias;        ///< q | k | v
  PackedMatrix router;    ///< hidden -> experts
};

/// Cosines and sines of the rotary angles, [position][head_dim / 2].
struct RopeTable {
  Floats cosine;
  Floats sine;
};

struct Network {
  ModelConfig config;
  PackedMatrix embedding;  ///< hidden -> vocabulary; also the head when tied
  PackedMatrix untied_head;
  Floats final_norm;
  std::vector<LayerWeights> layers;
  RopeTable rope;
  RopeTable sliding_rope;  ///< empty when sliding layers use `rope`

  const PackedMatrix& head() const noexcept { return config.tied_head ? embedding : untied_head; }
  const RopeTable& rope_of(int layer) const noexcept {
    return config.is_sliding(layer) && !sliding_rope.cosine.empty() ? sliding_rope : rope;
  }
  AttentionShape attention(int layer) const noexcept;
  /// How adapters are packed for products with these weights.
  Storage adapter_storage() const noexcept {
    return embedding.storage() == Storage::bf16_pairs ? Storage::bf16_pairs : Storage::f32;
  }
  /// Whether every matrix is kept in float32.
  bool is_float32() const noexcept;
  /// Embeddings are multiplied by this.
  float embedding_scale() const noexcept;
  /// The longest sequence.
  int positions() const noexcept;

  /// Makes room for every weight of `config` and fills the rotary tables. Norms are 1.
  explicit Network(const ModelConfig& shape, Storage storage = Storage::f32);
  Network(const Network&) = default;
  /// Bytes of such a network.
  static std::int64_t bytes(const ModelConfig& shape, Storage storage);

  /// Where a weight lives, by Hugging Face's name: columns [first, first + rows) of a matrix, or
  /// elements [first, first + cols) of a vector.
  struct Slot {
    PackedMatrix* matrix = nullptr;
    Floats* vector = nullptr;
    int first = 0;
    int rows = 0;         ///< outputs; 1 for vectors
    int cols = 0;         ///< inputs
    float offset = 0.0F;  ///< what lives here is the named weight plus this
    std::int64_t size() const noexcept { return std::int64_t{rows} * cols; }
  };
  /// Every weight with its name and place, in a fixed order.
  std::vector<std::pair<std::string, Slot>> slots();
  /// Copies one weight out, row-major.
  static void read(const Slot& slot, float* out);
  static void write(ThreadPool& pool, const Slot& slot, const float* values);

private:
  void layer_slots(int layer, std::vector<std::pair<std::string, Slot>>& all);
};

}  // namespace xfer::engine
#pragma GCC visibility pop
