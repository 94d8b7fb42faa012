#include "engine/infer_pass.hpp"

#include <algorithm>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t rows_per_piece = 16;

template <class Work>
void for_rows(ThreadPool& pool, std::int64_t rows, const Work& work) {
  pool.run((rows + rows_per_piece - 1) / rows_per_piece, [&](std::int64_t piece, int thread) {
    const std::int64_t last = std::min(rows, (piece + 1) * rows_per_piece);
    for (std::int64_t row = piece * rows_per_piece; row < last; ++row) work(row, thread);
  });
}

}  // namespace

void KvCache::reserve(int length) {
  if (length <= capacity_) return;
  capacity_ = std::max(length, capacity_ + capacity_ / 2);
  for (Layer& layer : layers_) {
    layer.keys.resize(static_cast<std::size_t>(capacity_) * static_cast<std::size_t>(width_));
    layer.values.resize(layer.keys.size());
  }
}

void InferPass::layer(int index) {
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(index)];
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  const int f = c.intermediate_size;
  const int dim = c.head_dim;
  const int row_size = shape_.row_size();
  const int kv_size = shape_.kv_size();
  const auto rows = static_cast<std::int64_t>(rows_.size());
  const int m = static_cast<int>(rows);
  const auto eps = static_cast<float>(c.rms_eps);
  const float scale = adapter_ != nullptr ? adapter_->scale : 0.0F;
  const auto lora = [&](Fused which) {
    return adapter_ != nullptr ? adapter_->linear(index, which) : nullptr;
  };
  const Kernels& kernel = kernels();
  const auto norm = [&](const Floats& weight) {
    for_rows(pool_, rows, [&](std::int64_t row, int) {
      kernel.rms_norm(x_.data() + row * h, weight.data(), eps, h, normed_.data() + row * h);
    });
  };
  const auto add = [&] {
    for_rows(pool_, rows, [&](std::int64_t row, int) {
      kernel.axpy(1.0F, normed_.data() + row * h, h, x_.data() + row * h);
    });
  };

  norm(w.attn_norm);
  linear_forward(pool_, m, normed_.data(), h, w.qkv, lora(Fused::qkv), scale, qkv_.data(), row_size,
                 z_);
  for_rows(pool_, rows, [&](std::int64_t i, int) {
    const Row& row = rows_[static_cast<std::size_t>(i)];
    float* q = qkv_.data() + i * row_size;
    const std::int64_t at = std::int64_t{row.position} * (dim / 2);
    for (int head = 0; head < shape_.heads + shape_.kv_heads; ++head)
      kernel.rope(q + head * dim, net_->rope_cos.data() + at, net_->rope_sin.data() + at, dim, 1.0F);
    const float* k = q + shape_.q_size();
    const auto bytes = static_cast<std::size_t>(kv_size) * sizeof(float);
    std::memcpy(row.cache->keys(index) + std::int64_t{row.position} * kv_size, k, bytes);
    std::memcpy(row.cache->values(index) + std::int64_t{row.position} * kv_size, k + kv_size, bytes);
  });
  pool_.run(rows, [&](std::int64_t i, int thread) {
    const Row& row = rows_[static_cast<std::size_t>(i)];
    Floats& scores = scores_[static_cast<std::size_t>(thread)];
    const int length = row.position + 1;
    if (scores.size() < static_cast<std::size_t>(length))
      scores.resize(static_cast<std::size_t>(length) * 2);
    attention_cached(shape_, qkv_.data() + i * row_size, row.cache->keys(index),
                     row.cache->values(index), length, scores.data(),
                     attn_.data() + i * shape_.q_size());
  });
  linear_forward(pool_, m, attn_.data(), shape_.q_size(), w.o, lora(Fused::o), scale,
                 normed_.data(), h, z_);
  add();
  norm(w.mlp_norm);
  linear_forward(pool_, m, normed_.data(), h, w.gate_up, lora(Fused::gate_up), scale,
                 gate_up_.data(), 2 * std::int64_t{f}, z_);
  for_rows(pool_, rows, [&](std::int64_t row, int) {
    const float* gate = gate_up_.data() + row * 2 * f;
    kernel.swiglu(gate, gate + f, f, act_.data() + row * f);
  });
  linear_forward(pool_, m, act_.data(), f, w.down, lora(Fused::down), scale, normed_.data(), h, z_);
  add();
}

const float* InferPass::run(const Network& network, const Adapter* adapter,
                            const std::vector<Segment>& segments) {
  net_ = &network;
  adapter_ = adapter;
  const ModelConfig& c = network.config;
  shape_ = {c.heads, c.kv_heads, c.head_dim};
  scores_.resize(static_cast<std::size_t>(pool_.threads()));
  const int h = c.hidden_size;
  rows_.clear();
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> last_rows;
  for (const Segment& segment : segments) {
    const int start = segment.cache->length();
    const int end = start + static_cast<int>(segment.tokens.size());
    segment.cache->reserve(end);
    for (int position = start; position < end; ++position)
      rows_.push_back({segment.cache, position});
    tokens.insert(tokens.end(), segment.tokens.begin(), segment.tokens.end());
    segment.cache->set_length(end);
    last_rows.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
  const std::size_t rows = rows_.size();
  const auto size = [rows](int columns) { return rows * static_cast<std::size_t>(columns); };
  x_.resize(size(h));
  normed_.resize(size(h));
  qkv_.resize(size(shape_.row_size()));
  attn_.resize(size(shape_.q_size()));
  gate_up_.resize(size(2 * c.intermediate_size));
  act_.resize(size(c.intermediate_size));
  for_rows(pool_, static_cast<std::int64_t>(rows), [&](std::int64_t row, int) {
    network.embedding.column(tokens[static_cast<std::size_t>(row)], x_.data() + row * h);
  });
  for (int i = 0; i < c.layers; ++i) layer(i);

  const auto count = static_cast<std::int64_t>(last_rows.size());
  last_.resize(static_cast<std::size_t>(count * h));
  const auto eps = static_cast<float>(c.rms_eps);
  for (std::int64_t i = 0; i < count; ++i)
    kernels().rms_norm(x_.data() + last_rows[static_cast<std::size_t>(i)] * h,
                       network.final_norm.data(), eps, h, last_.data() + i * h);
  logits_.resize(static_cast<std::size_t>(count * c.vocab_size));
  linear_forward(pool_, static_cast<int>(count), last_.data(), h, network.head(),
                 adapter != nullptr ? &adapter->head : nullptr,
                 adapter != nullptr ? adapter->scale : 0.0F, logits_.data(), c.vocab_size, z_);
  return logits_.data();
}

}  // namespace xfer::engine
