// SPDX-License-Identifier: Apache-2.0
// Steps of many sequences at once against their caches of keys and values.
#pragma once

#include "engine/kernels/attention.hpp"
#include "engine/mlp.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace xfer::engine {

/// Keys and values of one sequence, all layers. Copyable: a copy continues independently.
class KvCache {
public:
  explicit KvCache(const ModelConfig& config)
      : width_(config.kv_heads * config.head_dim),
        layers_(static_cast<std::size_t>(config.layers)) {}
  /// Makes room for `length` positions.
  void reserve(int length);
  int length() const noexcept { return length_; }
  void set_length(int length) noexcept { length_ = length; }
  float* keys(int layer) noexcept { return layers_[static_cast<std::size_t>(layer)].keys.data(); }
  float* values(int layer) noexcept {
    return layers_[static_cast<std::size_t>(layer)].values.data();
  }
  /// Takes over the first `length` positions of another sequence's cache.
  void copy_from(const KvCache& other, int length);
  /// Bytes of one position.
  static std::int64_t bytes_per_token(const ModelConfig& config) {
    return std::int64_t{8} * config.layers * config.kv_heads * config.head_dim;
  }

private:
  struct Layer {
    Floats keys, values;
  };
  int width_;
  int length_ = 0;
  int capacity_ = 0;
  std::vector<Layer> layers_;
};

/// New tokens of one sequence: its cache grows by them.
struct Segment {
  KvCache* cache;
  std::span<const std::int32_t> tokens;
  const Adapter* adapter = nullptr;
};

/// A row's result depends on its own sequence and adapter only, never on what else is in the batch.
class InferPass {
public:
  explicit InferPass(ThreadPool& pool) : pool_(pool), mlp_(pool) {}

  /// Runs all segments and returns the logits after the last token of each:
  /// [segments x vocabulary], valid until the next call. Segments of one adapter should follow
  /// each other.
  const float* run(const Network& network, const std::vector<Segment>& segments);
  /// Bytes held for a call with that many tokens and segments, caches not included.
  static std::int64_t bytes(const ModelConfig& config, std::int64_t rows, std::int64_t segments);

private:
  void start(const std::vector<Segment>& segments);
  void attention(int layer);
  void attend(int layer);
  void finish_qkv(int layer, std::int64_t i);
  void mlp(int layer);
  void normalise(const Floats& weight);
  void add_branch(const Floats& post_norm);
  const float* logits();

  struct Row {
    KvCache* cache;
    int position;
    std::int32_t token;
  };
  ThreadPool& pool_;
  MlpPass mlp_;
  MlpState mlp_state_;
  const Network* net_ = nullptr;
  AttentionShape shape_;  ///< of the layer at work
  std::vector<Row> rows_;
  std::vector<std::int64_t> last_rows_;
  AdapterRuns runs_;       ///< of rows
  AdapterRuns last_runs_;  ///< of last rows
  Floats x_, normed_, qkv_, attn_, branch_, z_, last_, logits_;
  std::vector<Floats> scores_;
};

}  // namespace xfer::engine
