// One pass over a batch: log-probabilities of targets, and the gradients of a loss on them.
#pragma once

#include "engine/attention.hpp"
#include "engine/linear.hpp"
#include "engine/network.hpp"

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace xfer::engine {

/// Sequences laid end to end, without padding, and the positions whose targets are scored.
struct PassBatch {
  std::vector<std::int32_t> tokens;
  RowStarts starts{0};
  /// Rows of `tokens` in ascending order, with the token each should predict.
  std::vector<int> scored_rows;
  std::vector<std::int32_t> targets;

  int rows() const noexcept { return static_cast<int>(tokens.size()); }
};

/// Gets log-probabilities of consecutive scored positions, beginning with number `first`, and sets
/// dL/d(log-probability) for each. Every loss that xfer knows depends on the logits only through
/// the targets' log-probabilities.
using LossGradient = std::function<void(std::size_t first, std::span<const float> logprobs,
                                        std::span<float> gradient)>;

/// Keeps the activations' memory between calls. One at a time.
class TrainPass {
public:
  explicit TrainPass(ThreadPool& pool) : pool_(pool) {}

  /// Log-probability of each target. When `gradients` is given, adds the gradients of the loss.
  /// `adapter` may be null.
  std::vector<float> run(const Network& network, const Adapter* adapter, const PassBatch& batch,
                         GradientTable* gradients, const LossGradient& loss);

  /// Bytes of activations for a batch of that many rows.
  static std::int64_t activation_bytes(const ModelConfig& config, int rank, std::int64_t rows);

private:
  struct LayerState {
    Floats input, middle;          ///< residual stream before attention and before the MLP
    Floats attn_inv, mlp_inv;      ///< 1 / rms
    Floats qkv, attn_out, log_sums;
    Floats gate_up;
    Floats z[fused_count];
  };

  void forward_layer(int layer);
  void backward_layer(int layer);
  void head(const LossGradient& loss, std::vector<float>& logprobs);
  void normalise(const Floats& x, const Floats& weight, Floats& out, Floats& inv);
  void normalise_backward(const Floats& dy, const Floats& x, const Floats& weight,
                          const Floats& inv, float* d_weight);
  void rotate(Floats& qkv, float sign);
  float* resize(Floats& memory, std::int64_t columns, std::int64_t rows = -1);

  ThreadPool& pool_;
  const Network* net_ = nullptr;
  const Adapter* adapter_ = nullptr;
  const PassBatch* batch_ = nullptr;
  GradientTable* gradients_ = nullptr;
  AttentionShape shape_;
  std::int64_t rows_ = 0;

  std::vector<LayerState> layers_;
  std::vector<int> positions_;
  Floats x_, normed_, act_, dx_, d_wide_, d_mid_, d_attn_;
  Floats final_, final_inv_, d_final_, logits_, head_z_;
  AttentionScratch attention_;
  LinearScratch linear_;
};

}  // namespace xfer::engine
