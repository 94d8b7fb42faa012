// SPDX-License-Identifier: Apache-2.0
#include "engine/infer_pass.hpp"

#include <algorithm>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t infer_rows = 16;  // rows of one piece of row-wise work

void add_row(AdapterRuns& runs, std::size_t row, const Adapter* adapter) {
  if (runs.empty() || runs.back().adapter != adapter)
    runs.push_back({static_cast<int>(row), 0, adapter});
  ++runs.back().count;
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

void KvCache::copy_from(const KvCache& other, int length) {
  reserve(length);
  length_ = length;
  const auto size = static_cast<std::ptrdiff_t>(length) * width_;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    std::copy_n(other.layers_[i].keys.begin(), size, layers_[i].keys.begin());
    std::copy_n(other.layers_[i].values.begin(), size, layers_[i].values.begin());
  }
}

std::int64_t InferPass::bytes(const ModelConfig& c, std::int64_t rows, std::int64_t segments) {
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  std::int64_t row =
      3 * std::int64_t{c.hidden_size} + 2 * q + 2 * kv + 3 * std::int64_t{c.intermediate_size};
  if (c.experts.count > 0)
    row += c.experts.per_token *
               (2 * std::int64_t{c.hidden_size} + 3 * std::int64_t{c.experts.intermediate_size}) +
           c.experts.count;
  return 4 * (rows * row + segments * (std::int64_t{c.vocab_size} + c.hidden_size));
}

void InferPass::normalise(const Floats& weight) {
  const Timed timed(pool_.clock(), WorkKind::norm);
  const int h = net_->config.hidden_size;
  const auto eps = static_cast<float>(net_->config.rms_eps);
  const Kernels& kernel = kernels();
  for_rows(pool_, static_cast<std::int64_t>(rows_.size()), infer_rows, [&](std::int64_t row, int) {
    kernel.rms_norm(x_.data() + row * h, weight.data(), eps, h, normed_.data() + row * h);
  });
}

// x_ += branch_, through the norm that follows where there is one.
void InferPass::add_branch(const Floats& post_norm) {
  const Timed timed(pool_.clock(), WorkKind::elementwise);
  const int h = net_->config.hidden_size;
  const auto eps = static_cast<float>(net_->config.rms_eps);
  const Kernels& kernel = kernels();
  for_rows(pool_, static_cast<std::int64_t>(rows_.size()), infer_rows, [&](std::int64_t row, int) {
    float* branch = branch_.data() + row * h;
    if (!post_norm.empty()) kernel.rms_norm(branch, post_norm.data(), eps, h, branch);
    kernel.axpy(1.0F, branch, h, x_.data() + row * h);
  });
}

// Biases, norms and rotation of one row's q and k; k and v into the cache.
void InferPass::finish_qkv(int layer, std::int64_t i) {
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(layer)];
  const RopeTable& rope = net_->rope_of(layer);
  const int dim = shape_.head_dim;
  const int kv_size = shape_.kv_size();
  const auto eps = static_cast<float>(net_->config.rms_eps);
  const Kernels& kernel = kernels();
  const Row& row = rows_[static_cast<std::size_t>(i)];
  float* q = qkv_.data() + i * shape_.row_size();
  if (!w.qkv_bias.empty()) kernel.axpy(1.0F, w.qkv_bias.data(), shape_.row_size(), q);
  const std::int64_t at = std::int64_t{row.position} * (dim / 2);
  for (int head = 0; head < shape_.heads + shape_.kv_heads; ++head) {
    float* x = q + head * dim;
    if (!w.q_norm.empty())
      kernel.rms_norm(x, (head < shape_.heads ? w.q_norm : w.k_norm).data(), eps, dim, x);
    kernel.rope(x, rope.cosine.data() + at, rope.sine.data() + at, dim, 1.0F);
  }
  const float* k = q + shape_.q_size();
  const auto bytes = static_cast<std::size_t>(kv_size) * sizeof(float);
  std::memcpy(row.cache->keys(layer) + std::int64_t{row.position} * kv_size, k, bytes);
  std::memcpy(row.cache->values(layer) + std::int64_t{row.position} * kv_size, k + kv_size, bytes);
}

void InferPass::attention(int layer) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  const int h = net_->config.hidden_size;
  const int m = static_cast<int>(rows_.size());
  shape_ = net_->attention(layer);
  const int row_size = shape_.row_size();
  normalise(w.attn_norm);
  linear_forward(
      pool_, m, normed_.data(), h, w.maps.qkv,
      runs_, [at](const Adapter& a) -> auto& { return a.layers[at].qkv; }, qkv_.data(), row_size,
      z_);
  for_rows(pool_, m, infer_rows, [&](std::int64_t i, int) { finish_qkv(layer, i); });
  attend(layer);
  linear_forward(
      pool_, m, attn_.data(), shape_.q_size(), w.maps.o,
      runs_, [at](const Adapter& a) -> auto& { return a.layers[at].o; }, branch_.data(), h, z_);
  add_branch(w.attn_post_norm);
}

void InferPass::attend(int layer) {
  const Timed timed(pool_.clock(), WorkKind::attention);
  const int row_size = shape_.row_size();
  pool_.run(static_cast<std::int64_t>(rows_.size()), [&](std::int64_t i, int thread) {
    const Row& row = rows_[static_cast<std::size_t>(i)];
    Floats& scores = scores_[static_cast<std::size_t>(thread)];
    const int length = row.position + 1;
    if (scores.size() < static_cast<std::size_t>(length))
      scores.resize(static_cast<std::size_t>(length) * 2);
    attention_cached(shape_, qkv_.data() + i * row_size, row.cache->keys(layer),
                     row.cache->values(layer), length, scores.data(),
                     attn_.data() + i * shape_.q_size());
  });
}

void InferPass::mlp(int layer) {
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(layer)];
  normalise(w.mlp_norm);
  mlp_.forward(*net_, layer, runs_, static_cast<int>(rows_.size()), normed_.data(), branch_.data(),
               mlp_state_);
  add_branch(w.mlp_post_norm);
}

// Lays out the rows, makes room for them, and looks up their embeddings.
void InferPass::start(const std::vector<Segment>& segments) {
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  scores_.resize(static_cast<std::size_t>(pool_.threads()));
  rows_.clear();
  last_rows_.clear();
  runs_.clear();
  last_runs_.clear();
  for (const Segment& segment : segments) {
    int position = segment.cache->length();
    segment.cache->reserve(position + static_cast<int>(segment.tokens.size()));
    for (const std::int32_t token : segment.tokens) {
      add_row(runs_, rows_.size(), segment.adapter);
      rows_.push_back({segment.cache, position++, token});
    }
    segment.cache->set_length(position);
    add_row(last_runs_, last_rows_.size(), segment.adapter);
    last_rows_.push_back(static_cast<std::int64_t>(rows_.size()) - 1);
  }
  const std::size_t rows = rows_.size();
  const auto size = [rows](int columns) { return rows * static_cast<std::size_t>(columns); };
  const int q_size = c.heads * c.head_dim;
  x_.resize(size(h));
  normed_.resize(size(h));
  branch_.resize(size(h));
  qkv_.resize(size(q_size + 2 * c.kv_heads * c.head_dim));
  attn_.resize(size(q_size));
  const Kernels& kernel = kernels();
  const float scale = net_->embedding_scale();
  for_rows(pool_, static_cast<std::int64_t>(rows), infer_rows, [&](std::int64_t row, int) {
    net_->embedding.column(rows_[static_cast<std::size_t>(row)].token, x_.data() + row * h);
    if (scale != 1.0F) kernel.scale(scale, h, x_.data() + row * h);
  });
}

const float* InferPass::logits() {
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  const auto count = static_cast<std::int64_t>(last_rows_.size());
  const auto eps = static_cast<float>(c.rms_eps);
  const Kernels& kernel = kernels();
  last_.resize(static_cast<std::size_t>(count * h));
  for (std::int64_t i = 0; i < count; ++i)
    kernel.rms_norm(x_.data() + last_rows_[static_cast<std::size_t>(i)] * h,
                    net_->final_norm.data(), eps, h, last_.data() + i * h);
  logits_.resize(static_cast<std::size_t>(count * c.vocab_size));
  linear_forward(
      pool_, static_cast<int>(count), last_.data(), h, net_->head(), last_runs_,
      [](const Adapter& a) -> auto& { return a.head; }, logits_.data(), c.vocab_size, z_);
  if (c.logit_soft_cap > 0.0)
    pool_.run(count, [&](std::int64_t i, int) {
      kernel.soft_cap(logits_.data() + i * c.vocab_size, 1.0F, static_cast<float>(c.logit_soft_cap),
                      c.vocab_size, nullptr);
    });
  return logits_.data();
}

const float* InferPass::run(const Network& network, const std::vector<Segment>& segments) {
  net_ = &network;
  start(segments);
  for (int layer = 0; layer < network.config.layers; ++layer) {
    attention(layer);
    mlp(layer);
  }
  return logits();
}

}  // namespace xfer::engine
