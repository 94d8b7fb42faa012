// SPDX-License-Identifier: Apache-2.0
#include "engine/train_pass.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t pass_rows = 64;  // rows of one piece of row-wise work

}  // namespace

float* TrainPass::resize(Floats& memory, std::int64_t columns) {
  memory.resize(static_cast<std::size_t>(rows_ * columns));
  return memory.data();
}

// Without gradients nothing is looked at again: all layers share one state.
TrainPass::LayerState& TrainPass::state(int layer) {
  return layers_[gradients_ != nullptr ? static_cast<std::size_t>(layer) : 0];
}

std::int64_t TrainPass::activation_bytes(const ModelConfig& c, int rank, std::int64_t rows,
                                         bool backward) {
  const std::int64_t h = c.hidden_size;
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  const std::int64_t qk = c.has_qk_norm() ? q + kv + c.heads + c.kv_heads : 0;
  std::int64_t mlp = 2 * std::int64_t{c.intermediate_size} + 3 * std::int64_t{rank};
  if (c.experts.count > 0) {
    const std::int64_t k = c.experts.per_token;
    mlp = std::max(mlp, k * (2 * c.experts.intermediate_size + 3 * rank + h + 4) + c.experts.count);
  }
  const std::int64_t layer =
      (c.is_gemma() ? 4 : 2) * h + 4 + 2 * q + 2 * kv + qk + c.heads + mlp + 4 * std::int64_t{rank};
  const std::int64_t shared = 8 * h + 4 * std::int64_t{c.intermediate_size} + 3 * q;
  return 4 * rows * ((backward ? c.layers : 1) * layer + shared) + 2 * TrainHead::logit_bytes(c);
}

void TrainPass::normalise(const Floats& x, const Floats& weight, Floats& out, Floats& inv) {
  const Timed timed(pool_.clock(), WorkKind::norm);
  const int h = net_->config.hidden_size;
  const auto eps = static_cast<float>(net_->config.rms_eps);
  out.resize(x.size());
  inv.resize(static_cast<std::size_t>(rows_));
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    inv[static_cast<std::size_t>(row)] =
        kernel.rms_norm(x.data() + row * h, weight.data(), eps, h, out.data() + row * h);
  });
}

// dx += gradient through the norm of `x`.
void TrainPass::normalise_backward(const Floats& dy, const Floats& x, const Floats& weight,
                                   const Floats& inv, Floats& dx, float* d_weight) {
  const Timed timed(pool_.clock(), WorkKind::norm);
  const int h = net_->config.hidden_size;
  const std::int64_t pieces = (rows_ + pass_rows - 1) / pass_rows;
  const Kernels& kernel = kernels();
  Floats partial;
  if (d_weight != nullptr) partial.assign(static_cast<std::size_t>(pieces * h), 0.0F);
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    kernel.rms_norm_backward(dy.data() + row * h, x.data() + row * h, weight.data(),
                             inv[static_cast<std::size_t>(row)], h, dx.data() + row * h,
                             d_weight != nullptr ? partial.data() + row / pass_rows * h : nullptr);
  });
  for (std::int64_t piece = 0; d_weight != nullptr && piece < pieces; ++piece)
    kernel.axpy(1.0F, partial.data() + piece * h, h, d_weight);
}

// Biases, norms and rotation of q and k.
void TrainPass::finish_qkv(int layer) {
  const Timed timed(pool_.clock(), WorkKind::elementwise);
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(layer)];
  LayerState& s = state(layer);
  const RopeTable& rope = net_->rope_of(layer);
  const int dim = shape_.head_dim;
  const int heads = shape_.heads + shape_.kv_heads;
  const int row_size = shape_.row_size();
  const auto eps = static_cast<float>(net_->config.rms_eps);
  const bool norms = !w.q_norm.empty();
  if (norms) {
    resize(s.qk, std::int64_t{heads} * dim);
    resize(s.qk_inv, heads);
  }
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    float* x = s.qkv.data() + row * row_size;
    if (!w.qkv_bias.empty()) kernel.axpy(1.0F, w.qkv_bias.data(), row_size, x);
    if (norms) {
      float* raw = s.qk.data() + row * heads * dim;
      std::memcpy(raw, x, static_cast<std::size_t>(heads * dim) * sizeof(float));
      for (int h = 0; h < heads; ++h)
        s.qk_inv[static_cast<std::size_t>(row * heads + h)] = kernel.rms_norm(
            raw + h * dim, (h < shape_.heads ? w.q_norm : w.k_norm).data(), eps, dim, x + h * dim);
    }
    const std::int64_t at = std::int64_t{positions_[static_cast<std::size_t>(row)]} * (dim / 2);
    for (int h = 0; h < heads; ++h)
      kernel.rope(x + h * dim, rope.cosine.data() + at, rope.sine.data() + at, dim, 1.0F);
  });
}

// d_qkv_ from the gradient of what attention saw to that of the linear map's output.
void TrainPass::finish_qkv_backward(int layer) {
  const Timed timed(pool_.clock(), WorkKind::elementwise);
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  const LayerGradients& gradients = gradients_->layers[at];
  const LayerState& s = state(layer);
  const RopeTable& rope = net_->rope_of(layer);
  const int dim = shape_.head_dim;
  const int heads = shape_.heads + shape_.kv_heads;
  const int row_size = shape_.row_size();
  const bool norms = !w.q_norm.empty();
  const std::int64_t pieces = (rows_ + pass_rows - 1) / pass_rows;
  Floats partial;  // of the norms' weights, q then k, one for each piece
  if (gradients.q_norm != nullptr) partial.assign(static_cast<std::size_t>(pieces * 2 * dim), 0.0F);
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    float* d = d_qkv_.data() + row * row_size;
    const std::int64_t place = std::int64_t{positions_[static_cast<std::size_t>(row)]} * (dim / 2);
    for (int h = 0; h < heads; ++h) {
      float* d_head = d + h * dim;
      kernel.rope(d_head, rope.cosine.data() + place, rope.sine.data() + place, dim, -1.0F);
      if (!norms) continue;
      const bool is_q = h < shape_.heads;
      float* d_weight =
          partial.empty() ? nullptr : partial.data() + row / pass_rows * 2 * dim + (is_q ? 0 : dim);
      float d_raw[1024];  // head_dim is at most 1024
      std::fill_n(d_raw, dim, 0.0F);
      kernel.rms_norm_backward(
          d_head, s.qk.data() + (row * heads + h) * dim, (is_q ? w.q_norm : w.k_norm).data(),
          s.qk_inv[static_cast<std::size_t>(row * heads + h)], dim, d_raw, d_weight);
      std::memcpy(d_head, d_raw, static_cast<std::size_t>(dim) * sizeof(float));
    }
  });
  for (std::int64_t piece = 0; !partial.empty() && piece < pieces; ++piece) {
    kernel.axpy(1.0F, partial.data() + piece * 2 * dim, dim, gradients.q_norm);
    kernel.axpy(1.0F, partial.data() + piece * 2 * dim + dim, dim, gradients.k_norm);
  }
  add_bias_gradients(gradients);
}

void TrainPass::add_bias_gradients(const LayerGradients& gradients) {
  if (gradients.q_bias == nullptr) return;
  const int q = shape_.q_size();
  const int kv = shape_.kv_size();
  const Kernels& kernel = kernels();
  for (std::int64_t row = 0; row < rows_; ++row) {
    const float* d = d_qkv_.data() + row * shape_.row_size();
    kernel.axpy(1.0F, d, q, gradients.q_bias);
    kernel.axpy(1.0F, d + q, kv, gradients.k_bias);
    kernel.axpy(1.0F, d + q + kv, kv, gradients.v_bias);
  }
}

// x_ += branch_, through the norm that follows where there is one.
void TrainPass::add_branch(const Floats& post_norm, Floats& branch, Floats& branch_inv) {
  const int h = net_->config.hidden_size;
  if (!post_norm.empty()) {
    branch.assign(branch_.begin(), branch_.end());
    normalise(branch, post_norm, branch_, branch_inv);
  }
  const Timed timed(pool_.clock(), WorkKind::elementwise);
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    kernel.axpy(1.0F, branch_.data() + row * h, h, x_.data() + row * h);
  });
}

// dx_, taken back through the norm that follows the branch where there is one.
const float* TrainPass::branch_gradient(const Floats& post_norm, const Floats& branch,
                                        const Floats& branch_inv, float* d_weight) {
  if (post_norm.empty()) return dx_.data();
  d_branch_.assign(dx_.size(), 0.0F);
  normalise_backward(dx_, branch, post_norm, branch_inv, d_branch_, d_weight);
  return d_branch_.data();
}

void TrainPass::forward_attention(int layer) {
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(layer)];
  LayerState& s = state(layer);
  const auto at = static_cast<std::size_t>(layer);
  const int h = net_->config.hidden_size;
  const int m = static_cast<int>(rows_);
  shape_ = net_->attention(layer);
  s.input.assign(x_.begin(), x_.end());
  normalise(s.input, w.attn_norm, normed_, s.attn_inv);
  resize(s.qkv, shape_.row_size());
  linear_forward(
      pool_, m, normed_.data(), h, w.maps.qkv,
      runs_, [at](const Adapter& a) -> auto& { return a.layers[at].qkv; }, s.qkv.data(),
      shape_.row_size(), s.z_qkv);
  finish_qkv(layer);
  resize(s.attn_out, shape_.q_size());
  resize(s.log_sums, shape_.heads);
  attention_forward(pool_, shape_, batch_->starts, s.qkv.data(), s.attn_out.data(),
                    s.log_sums.data(), attention_);
  resize(branch_, h);
  linear_forward(
      pool_, m, s.attn_out.data(), shape_.q_size(), w.maps.o,
      runs_, [at](const Adapter& a) -> auto& { return a.layers[at].o; }, branch_.data(), h, s.z_o);
  add_branch(w.attn_post_norm, s.attn_branch, s.attn_branch_inv);
}

void TrainPass::forward_mlp(int layer) {
  const LayerWeights& w = net_->layers[static_cast<std::size_t>(layer)];
  LayerState& s = state(layer);
  s.middle.assign(x_.begin(), x_.end());
  normalise(s.middle, w.mlp_norm, normed_, s.mlp_inv);
  mlp_.forward(*net_, layer, runs_, static_cast<int>(rows_), normed_.data(),
               resize(branch_, net_->config.hidden_size), s.mlp);
  add_branch(w.mlp_post_norm, s.mlp_branch, s.mlp_branch_inv);
}

// x_out = middle + post(mlp(norm(middle))): dx_ becomes the gradient of `middle`.
void TrainPass::backward_mlp(int layer) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  const LayerGradients& gradients = gradients_->layers[at];
  LayerState& s = state(layer);
  const float* d =
      branch_gradient(w.mlp_post_norm, s.mlp_branch, s.mlp_branch_inv, gradients.mlp_post_norm);
  normalise(s.middle, w.mlp_norm, normed_, s.mlp_inv);
  resize(d_normed_, net_->config.hidden_size);
  mlp_.backward(*net_, layer, adapter_, gradients, static_cast<int>(rows_), normed_.data(), d,
                d_normed_.data(), s.mlp, linear_);
  normalise_backward(d_normed_, s.middle, w.mlp_norm, s.mlp_inv, dx_, gradients.mlp_norm);
}

// middle = input + post(o(attention(finish(qkv(norm(input)))))).
void TrainPass::backward_attention(int layer) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  const LayerGradients& gradients = gradients_->layers[at];
  LayerState& s = state(layer);
  const int h = net_->config.hidden_size;
  const int m = static_cast<int>(rows_);
  const int rank = adapter_ != nullptr ? adapter_->rank : 0;
  const float scale = adapter_ != nullptr ? adapter_->scale : 0.0F;
  shape_ = net_->attention(layer);
  const float* d =
      branch_gradient(w.attn_post_norm, s.attn_branch, s.attn_branch_inv, gradients.attn_post_norm);
  resize(d_attn_, shape_.q_size());
  linear_backward(pool_, m, s.attn_out.data(), shape_.q_size(), s.z_o, d, h, w.maps.o,
                  adapter_ != nullptr ? &adapter_->layers[at].o : nullptr, scale, rank,
                  gradients.maps.o, d_attn_.data(), shape_.q_size(), false, linear_);
  resize(d_qkv_, shape_.row_size());
  attention_backward(pool_, shape_, batch_->starts, s.qkv.data(), s.attn_out.data(),
                     s.log_sums.data(), d_attn_.data(), d_qkv_.data(), attention_);
  finish_qkv_backward(layer);
  normalise(s.input, w.attn_norm, normed_, s.attn_inv);
  // Nothing below the first layer is trained with an adapter: its input needs no gradient.
  const bool needs_input = layer > 0 || gradients_->full;
  resize(d_normed_, h);
  linear_backward(pool_, m, normed_.data(), h, s.z_qkv, d_qkv_.data(), shape_.row_size(),
                  w.maps.qkv, adapter_ != nullptr ? &adapter_->layers[at].qkv : nullptr, scale,
                  rank, gradients.maps.qkv, needs_input ? d_normed_.data() : nullptr, h, false,
                  linear_);
  if (needs_input)
    normalise_backward(d_normed_, s.input, w.attn_norm, s.attn_inv, dx_, gradients.attn_norm);
}

std::vector<float> TrainPass::run(const Network& network, const Adapter* adapter,
                                  const PassBatch& batch, GradientTable* gradients,
                                  const LossCall& loss) {
  net_ = &network;
  adapter_ = adapter;
  batch_ = &batch;
  gradients_ = gradients;
  const ModelConfig& c = network.config;
  rows_ = batch.rows();
  runs_ = {{0, static_cast<int>(rows_), adapter}};
  const int h = c.hidden_size;
  layers_.resize(gradients != nullptr ? static_cast<std::size_t>(c.layers)
                                      : std::max<std::size_t>(layers_.size(), 1));
  positions_.resize(static_cast<std::size_t>(rows_));
  for (std::size_t s = 0; s + 1 < batch.starts.size(); ++s)
    for (int row = batch.starts[s]; row < batch.starts[s + 1]; ++row)
      positions_[static_cast<std::size_t>(row)] = row - batch.starts[s];

  resize(x_, h);
  const Kernels& kernel = kernels();
  const float scale = network.embedding_scale();
  for_rows(pool_, rows_, pass_rows, [&](std::int64_t row, int) {
    float* x = x_.data() + row * h;
    network.embedding.column(batch.tokens[static_cast<std::size_t>(row)], x);
    if (scale != 1.0F) kernel.scale(scale, h, x);
  });
  for (int layer = 0; layer < c.layers; ++layer) {
    forward_attention(layer);
    forward_mlp(layer);
  }
  if (gradients != nullptr) resize(dx_, h);
  auto logprobs =
      head_.run(network, adapter, batch, x_.data(), gradients, loss, dx_.data(), linear_);
  if (gradients == nullptr) return logprobs;

  for (int layer = c.layers - 1; layer >= 0; --layer) {
    backward_mlp(layer);
    backward_attention(layer);
  }
  if (gradients->embedding != nullptr)
    for (std::int64_t row = 0; row < rows_; ++row)
      kernel.axpy(
          scale, dx_.data() + row * h, h,
          gradients->embedding + std::int64_t{batch.tokens[static_cast<std::size_t>(row)]} * h);
  return logprobs;
}

}  // namespace xfer::engine
