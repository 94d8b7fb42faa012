#include "engine/train_pass.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t row_chunk = 64;               // rows of one piece of row-wise work
constexpr std::int64_t logit_bytes = 64LL << 20U;    // most memory for logits at a time
constexpr int head_block = 8'192;                    // vocabulary columns per backward block

template <class Work>
void for_rows(ThreadPool& pool, std::int64_t rows, const Work& work) {
  pool.run((rows + row_chunk - 1) / row_chunk, [&](std::int64_t piece, int) {
    const std::int64_t last = std::min(rows, (piece + 1) * row_chunk);
    for (std::int64_t row = piece * row_chunk; row < last; ++row) work(row);
  });
}

}  // namespace

float* TrainPass::resize(Floats& memory, std::int64_t columns, std::int64_t rows) {
  memory.resize(static_cast<std::size_t>((rows < 0 ? rows_ : rows) * columns));
  return memory.data();
}

std::int64_t TrainPass::activation_bytes(const ModelConfig& c, int rank, std::int64_t rows) {
  const std::int64_t q = std::int64_t{c.heads} * c.head_dim;
  const std::int64_t kv = std::int64_t{c.kv_heads} * c.head_dim;
  const std::int64_t layer = 2 * c.hidden_size + 2 + 2 * q + 2 * kv + c.heads +
                             2 * c.intermediate_size + 7 * std::int64_t{rank};
  const std::int64_t shared = 8 * c.hidden_size + 4 * c.intermediate_size + 3 * q;
  return 4 * rows * (c.layers * layer + shared) + 2 * logit_bytes;
}

void TrainPass::normalise(const Floats& x, const Floats& weight, Floats& out, Floats& inv) {
  const int h = net_->config.hidden_size;
  const auto eps = static_cast<float>(net_->config.rms_eps);
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / h;
  out.resize(x.size());
  inv.resize(static_cast<std::size_t>(rows));
  const Kernels& kernel = kernels();
  for_rows(pool_, rows, [&](std::int64_t row) {
    inv[static_cast<std::size_t>(row)] =
        kernel.rms_norm(x.data() + row * h, weight.data(), eps, h, out.data() + row * h);
  });
}

// dx_ += gradient through the norm of `x`.
void TrainPass::normalise_backward(const Floats& dy, const Floats& x, const Floats& weight,
                                   const Floats& inv, float* d_weight) {
  const int h = net_->config.hidden_size;
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / h;
  const std::int64_t pieces = (rows + row_chunk - 1) / row_chunk;
  const Kernels& kernel = kernels();
  Floats partial;
  if (d_weight != nullptr) partial.assign(static_cast<std::size_t>(pieces * h), 0.0F);
  pool_.run(pieces, [&](std::int64_t piece, int) {
    const std::int64_t last = std::min(rows, (piece + 1) * row_chunk);
    for (std::int64_t row = piece * row_chunk; row < last; ++row)
      kernel.rms_norm_backward(dy.data() + row * h, x.data() + row * h, weight.data(),
                               inv[static_cast<std::size_t>(row)], h, dx_.data() + row * h,
                               d_weight != nullptr ? partial.data() + piece * h : nullptr);
  });
  for (std::int64_t piece = 0; d_weight != nullptr && piece < pieces; ++piece)
    kernel.axpy(1.0F, partial.data() + piece * h, h, d_weight);
}

void TrainPass::rotate(Floats& qkv, float sign) {
  const int dim = shape_.head_dim;
  const int half = dim / 2;
  const int row_size = shape_.row_size();
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, [&](std::int64_t row) {
    const std::int64_t at = std::int64_t{positions_[static_cast<std::size_t>(row)]} * half;
    float* x = qkv.data() + row * row_size;
    for (int h = 0; h < shape_.heads + shape_.kv_heads; ++h)
      kernel.rope(x + h * dim, net_->rope_cos.data() + at, net_->rope_sin.data() + at, dim, sign);
  });
}

void TrainPass::forward_layer(int layer) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  LayerState& s = layers_[at];
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  const int m = static_cast<int>(rows_);
  const float scale = adapter_ != nullptr ? adapter_->scale : 0.0F;
  const auto lora = [&](Fused which) {
    return adapter_ != nullptr ? adapter_->linear(layer, which) : nullptr;
  };
  const auto z = [&](Fused which) -> Floats& { return s.z[static_cast<std::size_t>(which)]; };

  s.input.assign(x_.begin(), x_.end());
  normalise(s.input, w.attn_norm, normed_, s.attn_inv);
  resize(s.qkv, shape_.row_size());
  linear_forward(pool_, m, normed_.data(), h, w.qkv, lora(Fused::qkv), scale, s.qkv.data(),
                 shape_.row_size(), z(Fused::qkv));
  rotate(s.qkv, 1.0F);
  resize(s.attn_out, shape_.q_size());
  resize(s.log_sums, shape_.heads);
  attention_forward(pool_, shape_, batch_->starts, s.qkv.data(), s.attn_out.data(),
                    s.log_sums.data(), attention_);
  resize(normed_, h);
  linear_forward(pool_, m, s.attn_out.data(), shape_.q_size(), w.o, lora(Fused::o), scale,
                 normed_.data(), h, z(Fused::o));
  const Kernels& kernel = kernels();
  for_rows(pool_, rows_, [&](std::int64_t row) {
    kernel.axpy(1.0F, normed_.data() + row * h, h, x_.data() + row * h);
  });

  s.middle.assign(x_.begin(), x_.end());
  normalise(s.middle, w.mlp_norm, normed_, s.mlp_inv);
  const int f = c.intermediate_size;
  resize(s.gate_up, 2 * std::int64_t{f});
  linear_forward(pool_, m, normed_.data(), h, w.gate_up, lora(Fused::gate_up), scale,
                 s.gate_up.data(), 2 * std::int64_t{f}, z(Fused::gate_up));
  resize(act_, f);
  for_rows(pool_, rows_, [&](std::int64_t row) {
    const float* gate = s.gate_up.data() + row * 2 * f;
    kernel.swiglu(gate, gate + f, f, act_.data() + row * f);
  });
  linear_forward(pool_, m, act_.data(), f, w.down, lora(Fused::down), scale, normed_.data(), h,
                 z(Fused::down));
  for_rows(pool_, rows_, [&](std::int64_t row) {
    kernel.axpy(1.0F, normed_.data() + row * h, h, x_.data() + row * h);
  });
}

void TrainPass::backward_layer(int layer) {
  const auto at = static_cast<std::size_t>(layer);
  const LayerWeights& w = net_->layers[at];
  LayerState& s = layers_[at];
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  const int f = c.intermediate_size;
  const int m = static_cast<int>(rows_);
  const int rank = adapter_ != nullptr ? adapter_->rank : 0;
  const float scale = adapter_ != nullptr ? adapter_->scale : 0.0F;
  const Kernels& kernel = kernels();
  const auto backward = [&](Fused which, const float* x, std::int64_t ldx, const float* dy,
                            std::int64_t ldy, const PackedMatrix& weight, float* dx,
                            std::int64_t lddx) {
    linear_backward(pool_, m, x, ldx, s.z[static_cast<std::size_t>(which)], dy, ldy, weight,
                    adapter_ != nullptr ? adapter_->linear(layer, which) : nullptr, scale, rank,
                    gradients_->layers[at][static_cast<std::size_t>(which)], dx, lddx, false,
                    linear_);
  };
  const GradientTable::Norms& norms = gradients_->norms[at];

  // MLP: x_out = middle + down(swiglu(gate_up(norm(middle)))).
  resize(act_, f);
  for_rows(pool_, rows_, [&](std::int64_t row) {
    const float* gate = s.gate_up.data() + row * 2 * f;
    kernel.swiglu(gate, gate + f, f, act_.data() + row * f);
  });
  resize(d_mid_, f);
  backward(Fused::down, act_.data(), f, dx_.data(), h, w.down, d_mid_.data(), f);
  resize(d_wide_, 2 * std::int64_t{f});
  for_rows(pool_, rows_, [&](std::int64_t row) {
    const float* gate = s.gate_up.data() + row * 2 * f;
    float* d_gate = d_wide_.data() + row * 2 * f;
    kernel.swiglu_backward(gate, gate + f, d_mid_.data() + row * f, f, d_gate, d_gate + f);
  });
  normalise(s.middle, w.mlp_norm, normed_, s.mlp_inv);
  resize(d_mid_, h);
  backward(Fused::gate_up, normed_.data(), h, d_wide_.data(), 2 * std::int64_t{f}, w.gate_up,
           d_mid_.data(), h);
  normalise_backward(d_mid_, s.middle, w.mlp_norm, s.mlp_inv, norms.mlp);

  // Attention: middle = input + o(attention(rope(qkv(norm(input))))).
  resize(d_attn_, shape_.q_size());
  backward(Fused::o, s.attn_out.data(), shape_.q_size(), dx_.data(), h, w.o, d_attn_.data(),
           shape_.q_size());
  resize(d_wide_, shape_.row_size());
  attention_backward(pool_, shape_, batch_->starts, s.qkv.data(), s.attn_out.data(),
                     s.log_sums.data(), d_attn_.data(), d_wide_.data(), attention_);
  rotate(d_wide_, -1.0F);
  normalise(s.input, w.attn_norm, normed_, s.attn_inv);
  // Nothing below the first layer is trained with an adapter: its input needs no gradient.
  const bool needs_input = layer > 0 || gradients_->full;
  resize(d_mid_, h);
  backward(Fused::qkv, normed_.data(), h, d_wide_.data(), shape_.row_size(), w.qkv,
           needs_input ? d_mid_.data() : nullptr, h);
  if (needs_input) normalise_backward(d_mid_, s.input, w.attn_norm, s.attn_inv, norms.attn);
}

// Final norm, logits in chunks of rows, log-probabilities; with gradients also d_final_.
void TrainPass::head(const LossGradient& loss, std::vector<float>& logprobs) {
  const ModelConfig& c = net_->config;
  const int h = c.hidden_size;
  const int vocab = c.vocab_size;
  const PackedMatrix& weight = net_->head();
  const auto count = static_cast<std::int64_t>(batch_->scored_rows.size());
  const AdapterLinear* lora = adapter_ != nullptr ? &adapter_->head : nullptr;
  const float scale = adapter_ != nullptr ? adapter_->scale : 0.0F;
  const Kernels& kernel = kernels();

  resize(final_, h, count);
  final_inv_.resize(static_cast<std::size_t>(count));
  const auto eps = static_cast<float>(c.rms_eps);
  for_rows(pool_, count, [&](std::int64_t i) {
    const std::int64_t row = batch_->scored_rows[static_cast<std::size_t>(i)];
    final_inv_[static_cast<std::size_t>(i)] = kernel.rms_norm(
        x_.data() + row * h, net_->final_norm.data(), eps, h, final_.data() + i * h);
  });
  if (gradients_ != nullptr) resize(d_final_, h, count);

  const std::int64_t chunk =
      std::clamp<std::int64_t>(logit_bytes / (4LL * vocab), 1, std::max<std::int64_t>(count, 1));
  std::vector<float> gradient(static_cast<std::size_t>(chunk));
  for (std::int64_t first = 0; first < count; first += chunk) {
    const std::int64_t rows = std::min(chunk, count - first);
    const float* x = final_.data() + first * h;
    resize(logits_, vocab, rows);
    linear_forward(pool_, static_cast<int>(rows), x, h, weight, lora, scale, logits_.data(), vocab,
                   head_z_);
    std::vector<float> sums(static_cast<std::size_t>(rows));
    pool_.run((rows + 7) / 8, [&](std::int64_t piece, int) {
      for (std::int64_t i = piece * 8; i < std::min(rows, piece * 8 + 8); ++i) {
        float* row = logits_.data() + i * vocab;
        const float target = row[batch_->targets[static_cast<std::size_t>(first + i)]];
        float max = 0.0F;
        const float sum = kernel.exp_shift(row, 1.0F, vocab, &max);
        sums[static_cast<std::size_t>(i)] = sum;
        logprobs[static_cast<std::size_t>(first + i)] = target - max - std::log(sum);
      }
    });
    if (gradients_ == nullptr) continue;

    loss(static_cast<std::size_t>(first),
         std::span(logprobs).subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(rows)),
         std::span(gradient).first(static_cast<std::size_t>(rows)));
    // d(log-probability)/d(logit j) = [j is the target] - p_j.
    pool_.run((rows + 7) / 8, [&](std::int64_t piece, int) {
      for (std::int64_t i = piece * 8; i < std::min(rows, piece * 8 + 8); ++i) {
        float* row = logits_.data() + i * vocab;
        const float g = gradient[static_cast<std::size_t>(i)];
        kernel.scale(-g / sums[static_cast<std::size_t>(i)], vocab, row);
        row[batch_->targets[static_cast<std::size_t>(first + i)]] += g;
      }
    });
    float* dx = d_final_.data() + first * h;
    for (int col = 0; col < vocab; col += head_block) {
      const int cols = std::min(head_block, vocab - col);
      pack_transposed(pool_, weight, col, cols, linear_.weight);
      gemm(pool_, static_cast<int>(rows), {logits_.data() + col, vocab}, linear_.weight, dx, h,
           col > 0);
    }
    // The weight's own gradient and the adapter's; dx through the weight is done above.
    if (lora != nullptr && lora->z_width > 0) {
      linear_.dz.resize(static_cast<std::size_t>(rows * lora->z_width));
      pack_transposed(pool_, lora->parts.front().b, 0, vocab, linear_.z_right);
      gemm(pool_, static_cast<int>(rows), {logits_.data(), vocab}, linear_.z_right,
           linear_.dz.data(), lora->z_width, false);
      kernel.scale(scale, static_cast<int>(linear_.dz.size()), linear_.dz.data());
      gemm(pool_, static_cast<int>(rows), {linear_.dz.data(), lora->z_width}, lora->a_right, dx, h,
           true);
    }
    for (const LinearGradients::Part& part : gradients_->head.parts) {
      if (part.dw != nullptr || part.da != nullptr)
        pack_right(pool_, x, h, static_cast<int>(rows), h, linear_.right);
      if (part.dw != nullptr)
        gemm(pool_, vocab, {logits_.data(), 1, vocab}, linear_.right, part.dw, h, true);
      if (part.da != nullptr) {
        gemm(pool_, adapter_->rank, {linear_.dz.data(), 1, lora->z_width}, linear_.right, part.da,
             h, true);
        pack_right(pool_, head_z_.data(), lora->z_width, static_cast<int>(rows), adapter_->rank,
                   linear_.z_right);
        gemm(pool_, vocab, {logits_.data(), 1, vocab}, linear_.z_right, part.db, adapter_->rank,
             true);
      }
    }
  }
}

std::vector<float> TrainPass::run(const Network& network, const Adapter* adapter,
                                  const PassBatch& batch, GradientTable* gradients,
                                  const LossGradient& loss) {
  net_ = &network;
  adapter_ = adapter;
  batch_ = &batch;
  gradients_ = gradients;
  const ModelConfig& c = network.config;
  shape_ = {c.heads, c.kv_heads, c.head_dim};
  rows_ = batch.rows();
  const int h = c.hidden_size;
  layers_.resize(static_cast<std::size_t>(c.layers));
  positions_.resize(static_cast<std::size_t>(rows_));
  for (std::size_t s = 0; s + 1 < batch.starts.size(); ++s)
    for (int row = batch.starts[s]; row < batch.starts[s + 1]; ++row)
      positions_[static_cast<std::size_t>(row)] = row - batch.starts[s];

  resize(x_, h);
  for_rows(pool_, rows_, [&](std::int64_t row) {
    network.embedding.column(batch.tokens[static_cast<std::size_t>(row)], x_.data() + row * h);
  });
  for (int layer = 0; layer < c.layers; ++layer) forward_layer(layer);

  std::vector<float> logprobs(batch.scored_rows.size());
  head(loss, logprobs);
  if (gradients == nullptr) return logprobs;

  // Through the final norm, back to the rows that were scored.
  const Kernels& kernel = kernels();
  resize(dx_, h);
  std::fill(dx_.begin(), dx_.end(), 0.0F);
  for (std::size_t i = 0; i < batch.scored_rows.size(); ++i) {
    const std::int64_t row = batch.scored_rows[i];
    const auto at = static_cast<std::int64_t>(i) * h;
    kernel.rms_norm_backward(d_final_.data() + at, x_.data() + row * h, network.final_norm.data(),
                             final_inv_[i], h, dx_.data() + row * h, gradients->final_norm);
  }
  for (int layer = c.layers - 1; layer >= 0; --layer) backward_layer(layer);
  if (gradients->embedding != nullptr)
    for (std::int64_t row = 0; row < rows_; ++row)
      kernel.axpy(1.0F, dx_.data() + row * h, h,
                  gradients->embedding +
                      std::int64_t{batch.tokens[static_cast<std::size_t>(row)]} * h);
  return logprobs;
}

}  // namespace xfer::engine
