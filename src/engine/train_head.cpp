// SPDX-License-Identifier: Apache-2.0
#include "engine/train_head.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

constexpr std::int64_t head_row_chunk = 64;  // rows of one piece of row-wise work
constexpr std::int64_t logit_row_chunk = 8;  // the same for rows of logits
constexpr std::int64_t logit_bytes_max = 64LL << 20U;
constexpr int head_block = 8'192;  // vocabulary columns per backward block

std::int64_t chunk_rows(const ModelConfig& c, std::int64_t count) {
  return std::clamp<std::int64_t>(logit_bytes_max / (4LL * c.vocab_size), 1,
                                  std::max<std::int64_t>(count, 1));
}

}  // namespace

std::int64_t TrainHead::logit_bytes(const ModelConfig& c) noexcept {
  const std::int64_t one = std::max(logit_bytes_max, std::int64_t{4} * c.vocab_size);
  return c.logit_soft_cap > 0.0 ? 2 * one : one;
}

// Logits of scored rows [first, first + rows), left as exp(logit - max), and log-probabilities.
void TrainHead::logits(std::int64_t first, std::int64_t rows, std::vector<float>& logprobs) {
  const int h = net_->config.hidden_size;
  const int vocab = net_->config.vocab_size;
  const auto cap = static_cast<float>(net_->config.logit_soft_cap);
  const Kernels& kernel = kernels();
  const auto size = static_cast<std::size_t>(rows * vocab);
  logits_.resize(size);
  if (cap > 0.0F && gradients_ != nullptr) slopes_.resize(size);
  sums_.resize(static_cast<std::size_t>(rows));
  const AdapterRuns runs = {{0, static_cast<int>(rows), adapter_}};
  linear_forward(
      pool_, static_cast<int>(rows), normed_.data() + first * h, h, net_->head(), runs,
      [](const Adapter& a) -> auto& { return a.head; }, logits_.data(), vocab, z_);
  const Timed timed(pool_.clock(), WorkKind::loss);
  for_rows(pool_, rows, logit_row_chunk, [&](std::int64_t i, int) {
    float* row = logits_.data() + i * vocab;
    if (cap > 0.0F)
      kernel.soft_cap(row, 1.0F, cap, vocab,
                      gradients_ != nullptr ? slopes_.data() + i * vocab : nullptr);
    const auto scored = static_cast<std::size_t>(first + i);
    const std::size_t begin = batch_->first_target(scored);
    const std::size_t end = batch_->first_target(scored + 1);
    for (std::size_t t = begin; t < end; ++t) logprobs[t] = row[batch_->targets[t]];
    float max = 0.0F;
    const float sum = kernel.exp_shift(row, 1.0F, vocab, &max);
    sums_[static_cast<std::size_t>(i)] = sum;
    for (std::size_t t = begin; t < end; ++t) logprobs[t] = logprobs[t] - max - std::log(sum);
  });
}

// The gradient of the logits in their place, from what `logits` left.
void TrainHead::logit_gradients(std::int64_t first, std::int64_t rows,
                                std::span<const float> gradient) {
  const Timed timed(pool_.clock(), WorkKind::loss);
  const int vocab = net_->config.vocab_size;
  const bool capped = net_->config.logit_soft_cap > 0.0;
  const Kernels& kernel = kernels();
  // d(log-probability of target)/d(logit j) = [j is the target] - p_j.
  for_rows(pool_, rows, logit_row_chunk, [&](std::int64_t i, int) {
    float* row = logits_.data() + i * vocab;
    const auto scored = static_cast<std::size_t>(first + i);
    const std::size_t begin = batch_->first_target(scored);
    const std::size_t end = batch_->first_target(scored + 1);
    float total = 0.0F;
    for (std::size_t t = begin; t < end; ++t) total += gradient[t];
    kernel.scale(-total / sums_[static_cast<std::size_t>(i)], vocab, row);
    for (std::size_t t = begin; t < end; ++t) row[batch_->targets[t]] += gradient[t];
    if (capped) {
      const float* slopes = slopes_.data() + i * vocab;
      for (int j = 0; j < vocab; ++j) row[j] *= slopes[j];
    }
  });
}

// The same rows back to the normed rows.
void TrainHead::backward(std::int64_t first, std::int64_t rows, std::span<const float> gradient) {
  const int h = net_->config.hidden_size;
  const int vocab = net_->config.vocab_size;
  logit_gradients(first, rows, gradient);
  float* dx = d_normed_.data() + first * h;
  for (int col = 0; col < vocab; col += head_block) {
    const int cols = std::min(head_block, vocab - col);
    pack_transposed(pool_, net_->head(), col, cols, scratch_->weight);
    gemm(pool_, static_cast<int>(rows), {logits_.data() + col, vocab}, scratch_->weight, dx, h,
         col > 0);
  }
  backward_weights(normed_.data() + first * h, static_cast<int>(rows), dx);
}

// The weight's own gradient and the adapter's; dx through the weight is done already.
void TrainHead::backward_weights(const float* x, int rows, float* dx) {
  const int h = net_->config.hidden_size;
  const int vocab = net_->config.vocab_size;
  const AdapterLinear* lora = adapter_ != nullptr ? &adapter_->head : nullptr;
  LinearScratch& s = *scratch_;
  if (lora != nullptr && lora->z_width > 0) {
    s.dz.resize(static_cast<std::size_t>(rows) * static_cast<std::size_t>(lora->z_width));
    pack_transposed(pool_, lora->parts.front().b, 0, vocab, s.z_right);
    gemm(pool_, rows, {logits_.data(), vocab}, s.z_right, s.dz.data(), lora->z_width, false);
    kernels().scale(adapter_->scale, static_cast<int>(s.dz.size()), s.dz.data());
    gemm(pool_, rows, {s.dz.data(), lora->z_width}, lora->a_right, dx, h, true);
  }
  if (lora != nullptr && lora->z_width > 0)
    adapter_gradients(pool_, rows, x, h, z_, s.dz, logits_.data(), vocab, *lora, adapter_->rank,
                      gradients_->head, s.sums);
  for (const LinearGradients::Part& part : gradients_->head.parts) {
    if (part.dw == nullptr) continue;
    pack_right(pool_, x, h, rows, h, s.right);
    gemm(pool_, vocab, {logits_.data(), 1, vocab}, s.right, part.dw, h, true);
  }
}

// Through the final norm, back to the rows that were scored.
void TrainHead::spread(const float* x, float* d_x) {
  const int h = net_->config.hidden_size;
  const Kernels& kernel = kernels();
  std::fill_n(d_x, std::int64_t{batch_->rows()} * h, 0.0F);
  for (std::size_t i = 0; i < batch_->scored_rows.size(); ++i) {
    const std::int64_t row = batch_->scored_rows[i];
    const auto at = static_cast<std::int64_t>(i) * h;
    kernel.rms_norm_backward(d_normed_.data() + at, x + row * h, net_->final_norm.data(), inv_[i],
                             h, d_x + row * h, gradients_->final_norm);
  }
}

std::vector<float> TrainHead::run(const Network& network, const Adapter* adapter,
                                  const PassBatch& batch, const float* x, GradientTable* gradients,
                                  const LossCall& loss, float* d_x, LinearScratch& scratch) {
  net_ = &network;
  adapter_ = adapter;
  batch_ = &batch;
  gradients_ = gradients;
  scratch_ = &scratch;
  const ModelConfig& c = network.config;
  const int h = c.hidden_size;
  const auto count = static_cast<std::int64_t>(batch.scored_rows.size());
  const Kernels& kernel = kernels();
  normed_.resize(static_cast<std::size_t>(count * h));
  inv_.resize(static_cast<std::size_t>(count));
  const auto eps = static_cast<float>(c.rms_eps);
  for_rows(pool_, count, head_row_chunk, [&](std::int64_t i, int) {
    const std::int64_t row = batch.scored_rows[static_cast<std::size_t>(i)];
    inv_[static_cast<std::size_t>(i)] =
        kernel.rms_norm(x + row * h, network.final_norm.data(), eps, h, normed_.data() + i * h);
  });
  if (gradients != nullptr) d_normed_.resize(static_cast<std::size_t>(count * h));

  std::vector<float> logprobs(batch.targets.size());
  std::vector<float> gradient(gradients != nullptr ? batch.targets.size() : 0);
  const std::int64_t chunk = chunk_rows(c, count);
  // With a loss of the whole, logits that do not fit at once are computed a second time.
  const bool twice = gradients != nullptr && loss.all_at_once && count > chunk;
  if (twice) {
    for (std::int64_t first = 0; first < count; first += chunk)
      logits(first, std::min(chunk, count - first), logprobs);
    loss.gradient(0, logprobs, gradient);
  }
  for (std::int64_t first = 0; first < count; first += chunk) {
    const std::int64_t rows = std::min(chunk, count - first);
    logits(first, rows, logprobs);
    if (gradients == nullptr) continue;
    if (!twice) {
      const std::size_t begin = batch.first_target(static_cast<std::size_t>(first));
      const std::size_t end = batch.first_target(static_cast<std::size_t>(first + rows));
      loss.gradient(begin, std::span(logprobs).subspan(begin, end - begin),
                    std::span(gradient).subspan(begin, end - begin));
    }
    backward(first, rows, gradient);
  }
  if (gradients != nullptr) spread(x, d_x);
  return logprobs;
}

}  // namespace xfer::engine
