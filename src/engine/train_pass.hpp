// SPDX-License-Identifier: Apache-2.0
// One pass over a batch: log-probabilities of targets, and the gradients of a loss on them.
#pragma once

#include "engine/kernels/attention.hpp"
#include "engine/mlp.hpp"
#include "engine/train_head.hpp"

#include <cstdint>
#include <vector>

namespace xfer::engine {

/// Keeps the activations' memory between calls. One at a time.
class TrainPass {
public:
  explicit TrainPass(ThreadPool& pool) : pool_(pool), mlp_(pool), head_(pool) {}

  /// Log-probability of each target. When `gradients` is given, adds the gradients of the loss.
  /// `adapter` may be null.
  std::vector<float> run(const Network& network, const Adapter* adapter, const PassBatch& batch,
                         GradientTable* gradients, const LossCall& loss);
  std::vector<float> run(const Network& network, const Adapter* adapter, const PassBatch& batch,
                         GradientTable* gradients, const LossGradient& gradient) {
    return run(network, adapter, batch, gradients, LossCall{gradient});
  }

  /// The rows behind the last layer, before the final norm, [rows x hidden], of the last run.
  const Floats& last_rows() const noexcept { return x_; }

  /// Bytes of activations for a batch of that many rows.
  static std::int64_t activation_bytes(const ModelConfig& config, int rank, std::int64_t rows,
                                       bool backward);

private:
  struct LayerState {
    Floats input, middle;      ///< residual stream before attention and before the MLP
    Floats attn_inv, mlp_inv;  ///< 1 / rms
    Floats qk, qk_inv;         ///< q and k before their norms
    Floats qkv, attn_out, log_sums;
    Floats z_qkv, z_o;
    MlpState mlp;
    // Outputs of attention and MLP before the norms that follow them.
    Floats attn_branch, attn_branch_inv, mlp_branch, mlp_branch_inv;
  };

  LayerState& state(int layer);
  void forward_attention(int layer);
  void forward_mlp(int layer);
  void backward_attention(int layer);
  void backward_mlp(int layer);
  void add_branch(const Floats& post_norm, Floats& branch, Floats& branch_inv);
  const float* branch_gradient(const Floats& post_norm, const Floats& branch,
                               const Floats& branch_inv, float* d_weight);
  void finish_qkv(int layer);
  void finish_qkv_backward(int layer);
  void add_bias_gradients(const LayerGradients& gradients);
  void normalise(const Floats& x, const Floats& weight, Floats& out, Floats& inv);
  void normalise_backward(const Floats& dy, const Floats& x, const Floats& weight,
                          const Floats& inv, Floats& dx, float* d_weight);
  float* resize(Floats& memory, std::int64_t columns);

  ThreadPool& pool_;
  MlpPass mlp_;
  TrainHead head_;
  const Network* net_ = nullptr;
  const Adapter* adapter_ = nullptr;
  const PassBatch* batch_ = nullptr;
  GradientTable* gradients_ = nullptr;
  AttentionShape shape_;  ///< of the layer at work
  AdapterRuns runs_;
  std::int64_t rows_ = 0;

  std::vector<LayerState> layers_;
  std::vector<int> positions_;
  Floats x_, normed_, branch_, dx_, d_qkv_, d_branch_, d_normed_, d_attn_;
  AttentionScratch attention_;
  LinearScratch linear_;
};

}  // namespace xfer::engine
