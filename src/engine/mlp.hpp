// SPDX-License-Identifier: Apache-2.0
// The feed-forward part of a layer: one gated MLP, or several of which a router chooses.
#pragma once

#include "engine/linear.hpp"
#include "engine/network.hpp"

#include <vector>

namespace xfer::engine {

/// What the backward pass needs of one forward pass through one layer.
struct MlpState {
  struct Expert {
    std::vector<int> rows;    ///< those it works on; unused without a router
    std::vector<int> places;  ///< row x experts per token + rank among the row's experts
    Floats gate_up, z_gate_up, z_down;
    Floats out;  ///< before it is weighted; unused without a router
  };
  std::vector<Expert> experts;  ///< one without a router
  Floats shares;                ///< [row][experts per token], by descending probability
  Floats probabilities;         ///< [row][experts]
  std::vector<int> chosen;      ///< [row][experts per token]
};

/// A row's result depends on that row and its adapter only. Keeps memory between calls.
class MlpPass {
public:
  explicit MlpPass(ThreadPool& pool) : pool_(pool) {}

  /// out[rows x hidden] = MLP(x). `layer` counts from 0.
  void forward(const Network& network, int layer, const AdapterRuns& runs, int rows, const float* x,
               float* out, MlpState& state);
  /// d_x from d_out; overwrites d_x. `adapter` may be null.
  void backward(const Network& network, int layer, const Adapter* adapter,
                const LayerGradients& gradients, int rows, const float* x, const float* d_out,
                float* d_x, const MlpState& state, LinearScratch& scratch);

private:
  struct At;  // one MLP of one layer
  void route(const At& at, int rows, const float* x, MlpState& state);
  void one_forward(const At& at, const AdapterRuns& runs, int rows, const float* x, float* out,
                   MlpState::Expert& state);
  void one_backward(const At& at, const Adapter* adapter, const LayerGradients& gradients, int rows,
                    const float* x, const float* d_out, float* d_x, const MlpState::Expert& state,
                    LinearScratch& scratch);
  void expert_backward(const At& at, const Adapter* adapter, const LayerGradients& gradients,
                       const float* x, const float* d_out, float* d_x, const MlpState& state,
                       LinearScratch& scratch);
  void router_backward(const At& at, const LayerGradients& gradients, int rows, const float* x,
                       float* d_x, const MlpState& state, LinearScratch& scratch);

  ThreadPool& pool_;
  Floats act_, d_act_, d_gate_up_;
  Floats gathered_, d_gathered_, d_out_;  // rows of one expert
  Floats d_shares_, d_logits_;
};

}  // namespace xfer::engine
