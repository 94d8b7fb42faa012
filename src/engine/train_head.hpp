// SPDX-License-Identifier: Apache-2.0
// The end of a pass: final norm, logits in chunks, log-probabilities of targets, their gradients.
#pragma once

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
  /// Rows of `tokens` in ascending order, with the tokens that each should predict.
  std::vector<int> scored_rows;
  std::vector<std::int32_t> targets;
  /// Scored row i has targets [target_starts[i], target_starts[i + 1]); empty: one target each.
  std::vector<int> target_starts;

  int rows() const noexcept { return static_cast<int>(tokens.size()); }
  std::size_t first_target(std::size_t scored) const noexcept {
    return target_starts.empty() ? scored : static_cast<std::size_t>(target_starts[scored]);
  }
};

/// Gets log-probabilities of consecutive targets, beginning with number `first`, and sets
/// dL/d(log-probability) for each. Every loss that xfer knows depends on the logits only through
/// the targets' log-probabilities.
using LossGradient = std::function<void(std::size_t first, std::span<const float> logprobs,
                                        std::span<float> gradient)>;

/// What a loss asks of the pass.
struct LossCall {
  LossGradient gradient;
  /// The gradient is asked for once, with all log-probabilities, instead of in parts.
  bool all_at_once = false;
};

class TrainHead {
public:
  explicit TrainHead(ThreadPool& pool) : pool_(pool) {}

  /// `x` are the rows after the last layer. Returns the log-probabilities. With `gradients`, adds
  /// those of the head and the final norm and sets d_x [rows x hidden].
  std::vector<float> run(const Network& network, const Adapter* adapter, const PassBatch& batch,
                         const float* x, GradientTable* gradients, const LossCall& loss, float* d_x,
                         LinearScratch& scratch);

  /// Most bytes of logits held at a time.
  static std::int64_t logit_bytes(const ModelConfig& config) noexcept;

private:
  void logits(std::int64_t first, std::int64_t rows, std::vector<float>& logprobs);
  void logit_gradients(std::int64_t first, std::int64_t rows, std::span<const float> gradient);
  void backward(std::int64_t first, std::int64_t rows, std::span<const float> gradient);
  void backward_weights(const float* x, int rows, float* dx);
  void spread(const float* x, float* d_x);

  ThreadPool& pool_;
  const Network* net_ = nullptr;
  const Adapter* adapter_ = nullptr;
  const PassBatch* batch_ = nullptr;
  GradientTable* gradients_ = nullptr;
  LinearScratch* scratch_ = nullptr;
  Floats normed_, inv_, d_normed_, logits_, slopes_, sums_, z_;
};

}  // namespace xfer::engine
