// SPDX-License-Identifier: Apache-2.0
// Causal self-attention with grouped keys and values.
#pragma once

#include "engine/kernels/gemm.hpp"

#include <cstdint>
#include <vector>

namespace xfer::engine {

struct AttentionShape {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  /// Multiplies q . k.
  float scale = 1.0F;
  /// Scores become cap * tanh(score / cap); 0 means as they are.
  float soft_cap = 0.0F;
  /// A position sees itself and the window - 1 before it; 0 means all before it.
  int window = 0;

  /// The first position that `position` sees.
  int first_seen(int position) const noexcept {
    return window > 0 && position >= window ? position - window + 1 : 0;
  }
  int q_size() const noexcept { return heads * head_dim; }
  int kv_size() const noexcept { return kv_heads * head_dim; }
  int row_size() const noexcept { return q_size() + 2 * kv_size(); }
};

/// Several sequences laid end to end: sequence i is rows [start[i], start[i + 1]).
using RowStarts = std::vector<int>;

/// One block of memory per thread, kept between calls.
struct AttentionScratch {
  struct PerThread {
    Floats scores, d_scores, slopes, keys, values, rows;
  };
  std::vector<PerThread> threads;
};

/// out[row][heads x head_dim] from qkv[row] = q | k | v, each sequence by itself.
/// `log_sums` [row][heads] keeps what the backward pass needs; may be null.
void attention_forward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                       const float* qkv, float* out, float* log_sums, AttentionScratch& scratch);

/// d_qkv from d_out; overwrites d_qkv.
void attention_backward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                        const float* qkv, const float* out, const float* log_sums,
                        const float* d_out, float* d_qkv, AttentionScratch& scratch);

/// One query row against `length` cached rows: keys and values have row stride kv_size.
/// `scores` has room for `length` values.
void attention_cached(const AttentionShape& shape, const float* q, const float* keys,
                      const float* values, int length, float* scores, float* out);

}  // namespace xfer::engine
