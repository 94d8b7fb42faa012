// Steps of many sequences at once against their caches of keys and values.
#pragma once

#include "engine/attention.hpp"
#include "engine/linear.hpp"
#include "engine/network.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace xfer::engine {

/// Keys and values of one sequence, all layers. Copyable: a copy continues independently.
class KvCache {
public:
  explicit KvCache(const ModelConfig& config)
      : width_(config.kv_heads * config.head_dim), layers_(static_cast<std::size_t>(config.layers)) {}
  /// Makes room for `length` positions.
  void reserve(int length);
  int length() const noexcept { return length_; }
  void set_length(int length) noexcept { length_ = length; }
  float* keys(int layer) noexcept { return layers_[static_cast<std::size_t>(layer)].keys.data(); }
  float* values(int layer) noexcept {
    return layers_[static_cast<std::size_t>(layer)].values.data();
  }
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
};

/// A row's result depends on its own sequence only, never on what else is in the batch.
class InferPass {
public:
  explicit InferPass(ThreadPool& pool) : pool_(pool) {}

  /// Runs all segments and returns the logits after the last token of each:
  /// [segments x vocabulary], valid until the next call.
  const float* run(const Network& network, const Adapter* adapter,
                   const std::vector<Segment>& segments);

private:
  void layer(int index);

  struct Row {
    KvCache* cache;
    int position;
  };
  ThreadPool& pool_;
  const Network* net_ = nullptr;
  const Adapter* adapter_ = nullptr;
  AttentionShape shape_;
  std::vector<Row> rows_;
  Floats x_, normed_, qkv_, attn_, gate_up_, act_, z_, last_, logits_;
  std::vector<Floats> scores_;
};

}  // namespace xfer::engine
