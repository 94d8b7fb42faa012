// A linear map with an optional low-rank adapter, forward and backward.
#pragma once

#include "engine/gemm.hpp"
#include "engine/parameters.hpp"

#include <array>
#include <memory>
#include <vector>

namespace xfer::engine {

/// The fused linear maps of a layer: modules that share their input are computed together.
enum class Fused { qkv, o, gate_up, down };
inline constexpr int fused_count = 4;

/// The adapter of one fused map, packed. Part i adds scale * B_i A_i x to its columns.
struct AdapterLinear {
  struct Part {
    int first_col = 0;  ///< in the fused output
    int cols = 0;
    int z_offset = 0;   ///< in z
    PackedMatrix b;     ///< rank -> cols
  };
  std::vector<Part> parts;
  int z_width = 0;       ///< parts x rank; 0 means no adapter here
  PackedMatrix a;        ///< inputs -> z_width
  PackedMatrix a_right;  ///< z_width -> inputs, for gradients
};

/// An adapter ready for use; immutable once packed, so samplers can share it.
struct Adapter {
  float scale = 0.0F;
  int rank = 0;
  std::vector<std::array<AdapterLinear, fused_count>> layers;
  AdapterLinear head;

  const AdapterLinear* linear(int layer, Fused which) const noexcept {
    return &layers[static_cast<std::size_t>(layer)][static_cast<std::size_t>(which)];
  }
};

/// Packs the current values. `for_training` adds what the backward pass needs.
std::shared_ptr<const Adapter> pack_adapter(ThreadPool& pool, const ModelConfig& config,
                                            const ParameterSet& parameters, bool for_training);

/// Where the gradients of one fused map go; null pointers are not computed.
struct LinearGradients {
  struct Part {
    int first_col = 0;
    int cols = 0;
    float* dw = nullptr;  ///< [cols x inputs]
    float* da = nullptr;  ///< [rank x inputs]
    float* db = nullptr;  ///< [cols x rank]
    int z_offset = 0;
  };
  std::vector<Part> parts;
};

struct GradientTable {
  std::vector<std::array<LinearGradients, fused_count>> layers;
  LinearGradients head;
  /// Full training only; null otherwise.
  struct Norms {
    float* attn = nullptr;
    float* mlp = nullptr;
  };
  std::vector<Norms> norms;
  float* final_norm = nullptr;
  float* embedding = nullptr;
  bool full = false;

  static GradientTable of(const ModelConfig& config, ParameterSet& parameters);
};

/// Memory that the passes keep between calls.
struct LinearScratch {
  PackedMatrix weight;
  PackedMatrix right;
  PackedMatrix z_right;
  Floats dz;
};

/// y[m x n] = x W^T + scale * (x A^T) B^T. `z` receives scale * x A^T ([m x z_width]).
/// `adapter` may be null. Columns [first_col, first_col + n) only when n >= 0 (no adapter then).
void linear_forward(ThreadPool& pool, int m, const float* x, std::int64_t ldx,
                    const PackedMatrix& weight, const AdapterLinear* adapter, float scale, float* y,
                    std::int64_t ldy, Floats& z);

/// Gradients of linear_forward: dx (+)= ..., and what `gradients` asks for. `dx` may be null.
void linear_backward(ThreadPool& pool, int m, const float* x, std::int64_t ldx, const Floats& z,
                     const float* dy, std::int64_t ldy, const PackedMatrix& weight,
                     const AdapterLinear* adapter, float scale, int rank,
                     const LinearGradients& gradients, float* dx, std::int64_t lddx,
                     bool accumulate_dx, LinearScratch& scratch);

}  // namespace xfer::engine
