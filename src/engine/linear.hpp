// SPDX-License-Identifier: Apache-2.0
// A linear map with an optional low-rank adapter, forward and backward.
#pragma once

#include "engine/kernels/gemm.hpp"
#include "engine/network.hpp"
#include "engine/parameters.hpp"

#include <memory>
#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

/// The adapter of one map, packed. Part i adds scale * B_i A_i x to its columns.
struct AdapterLinear {
  struct Part {
    int first_col = 0;  ///< in the map's output
    int cols = 0;
    int z_offset = 0;  ///< in z
    PackedMatrix b;    ///< rank -> cols
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
  std::vector<LayerMaps<AdapterLinear>> layers;
  AdapterLinear head;
};

/// Packs the current values for use with `network`, which decides whether they are rounded to bf16
/// for products. `for_training` adds what the backward pass needs.
std::shared_ptr<const Adapter> pack_adapter(ThreadPool& pool, const Network& network,
                                            const ParameterSet& parameters, bool for_training);

/// Consecutive rows that use one adapter; null: none.
struct AdapterRun {
  int first = 0;
  int count = 0;
  const Adapter* adapter = nullptr;
};
using AdapterRuns = std::vector<AdapterRun>;

/// The runs of chosen rows, given in ascending order.
AdapterRuns runs_of(const AdapterRuns& all, std::span<const int> rows);

/// Where the gradients of one map go; null pointers are not computed.
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

/// Gradients of one layer. Everything but the maps is for full training; null otherwise.
struct LayerGradients {
  LayerMaps<LinearGradients> maps;
  float* attn_norm = nullptr;
  float* mlp_norm = nullptr;
  float* attn_post_norm = nullptr;
  float* mlp_post_norm = nullptr;
  float* q_norm = nullptr;
  float* k_norm = nullptr;
  float* q_bias = nullptr;
  float* k_bias = nullptr;
  float* v_bias = nullptr;
  float* router = nullptr;  ///< [experts x hidden]
};

struct GradientTable {
  std::vector<LayerGradients> layers;
  LinearGradients head;
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
  Floats sums;
};

/// y[m x n] += scale * (x A^T) B^T. `z` receives scale * x A^T ([m x z_width]).
void adapter_forward(ThreadPool& pool, int m, const float* x, std::int64_t ldx,
                     const AdapterLinear& adapter, float scale, float* y, std::int64_t ldy,
                     Floats& z);

/// y[m x n] = x W^T, and for each run of rows what `pick(adapter)`, an AdapterLinear, adds. After
/// a single run over all rows `z` is what the backward pass needs.
template <class Pick>
void linear_forward(ThreadPool& pool, int m, const float* x, std::int64_t ldx,
                    const PackedMatrix& weight, const AdapterRuns& runs, const Pick& pick, float* y,
                    std::int64_t ldy, Floats& z) {
  gemm(pool, m, {x, ldx}, weight, y, ldy, false);
  for (const AdapterRun& run : runs)
    if (run.adapter != nullptr)
      adapter_forward(pool, run.count, x + run.first * ldx, ldx, pick(*run.adapter),
                      run.adapter->scale, y + run.first * ldy, ldy, z);
}

/// da += dz^T x and db += dy^T z for each part; z and dz are [m x z_width].
void adapter_gradients(ThreadPool& pool, int m, const float* x, std::int64_t ldx, const Floats& z,
                       const Floats& dz, const float* dy, std::int64_t ldy,
                       const AdapterLinear& adapter, int rank, const LinearGradients& gradients,
                       Floats& sums);

/// Gradients of linear_forward: dx (+)= ..., and what `gradients` asks for. `adapter` and `dx` may
/// be null; `rank` is that of the adapter.
void linear_backward(ThreadPool& pool, int m, const float* x, std::int64_t ldx, const Floats& z,
                     const float* dy, std::int64_t ldy, const PackedMatrix& weight,
                     const AdapterLinear* adapter, float scale, int rank,
                     const LinearGradients& gradients, float* dx, std::int64_t lddx,
                     bool accumulate_dx, LinearScratch& scratch);

}  // namespace xfer::engine
#pragma GCC visibility pop
