// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/attention.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::engine {
namespace {

constexpr int query_block = 64;

// What one piece of work (a sequence and a group of heads that share keys) looks at.
struct Group {
  int first_row;
  int length;
  int kv_head;
};

Group group_of(const AttentionShape& shape, const RowStarts& starts, std::int64_t piece) {
  const auto sequence = static_cast<std::size_t>(piece / shape.kv_heads);
  return {starts[sequence], starts[sequence + 1] - starts[sequence],
          static_cast<int>(piece % shape.kv_heads)};
}

// A block of queries of one sequence and the keys that any of them sees.
struct Block {
  int first;  ///< query
  int rows;
  int first_key;
  int keys;

  Block(const AttentionShape& shape, int length, int query)
      : first(query), rows(std::min(query_block, length - query)),
        first_key(shape.first_seen(query)), keys(query + rows - first_key) {}
  /// The columns [from, to) of row r that the query sees.
  int from(const AttentionShape& shape, int r) const noexcept {
    return shape.first_seen(first + r) - first_key;
  }
  int to(int r) const noexcept { return first + r + 1 - first_key; }
};

void prepare(AttentionScratch& scratch, const ThreadPool& pool) {
  scratch.threads.resize(static_cast<std::size_t>(pool.threads()));
}

void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < static_cast<std::size_t>(size)) memory.resize(static_cast<std::size_t>(size));
}

// exp(score - max) in place over n scores, capped when the shape says so; returns sum and max.
float exp_scores(const Kernels& kernel, const AttentionShape& shape, float* scores, int n,
                 float* max, float* slopes) {
  if (shape.soft_cap == 0.0F) return kernel.exp_shift(scores, shape.scale, n, max);
  kernel.soft_cap(scores, shape.scale, shape.soft_cap, n, slopes);
  return kernel.exp_shift(scores, 1.0F, n, max);
}

void zero_outside(float* row, int from, int to, int keys) {
  std::fill(row, row + from, 0.0F);
  std::fill(row + to, row + keys, 0.0F);
}

// Every query against every key it can see, `products` times.
double attention_flops(const AttentionShape& shape, const RowStarts& starts, int products) {
  double pairs = 0.0;
  for (std::size_t s = 0; s + 1 < starts.size(); ++s) {
    const double length = starts[s + 1] - starts[s];
    const double window = shape.window > 0 ? std::min<double>(shape.window, length) : length;
    pairs += window * (length - window) + window * (window + 1.0) / 2.0;
  }
  return 2.0 * products * pairs * shape.q_size();
}

}  // namespace

void attention_forward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                       const float* qkv, float* out, float* log_sums, AttentionScratch& scratch) {
  const Timed timed(pool.clock(), WorkKind::attention, attention_flops(shape, starts, 2));
  prepare(scratch, pool);
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int row_size = shape.row_size();
  const int group_heads = shape.heads / shape.kv_heads;
  const auto sequences = static_cast<std::int64_t>(starts.size()) - 1;
  pool.run(sequences * shape.kv_heads, [&](std::int64_t piece, int thread) {
    const Group g = group_of(shape, starts, piece);
    auto& mine = scratch.threads[static_cast<std::size_t>(thread)];
    const float* base = qkv + std::int64_t{g.first_row} * row_size;
    const float* k = base + shape.q_size() + g.kv_head * dim;
    const float* v = k + shape.kv_size();
    grow(mine.scores, std::int64_t{query_block} * g.length);
    for (int h = g.kv_head * group_heads; h < (g.kv_head + 1) * group_heads; ++h)
      for (int q0 = 0; q0 < g.length; q0 += query_block) {
        const Block b(shape, g.length, q0);
        const std::int64_t key_row = std::int64_t{b.first_key} * row_size;
        float* s = mine.scores.data();
        gemm_serial(b.rows, b.keys, dim, {base + std::int64_t{q0} * row_size + h * dim, row_size},
                    k + key_row, row_size, true, s, b.keys, false, mine.keys);
        for (int r = 0; r < b.rows; ++r) {
          float* row = s + std::int64_t{r} * b.keys;
          const int from = b.from(shape, r);
          const int to = b.to(r);
          float max = 0.0F;
          const float sum = exp_scores(kernel, shape, row + from, to - from, &max, nullptr);
          kernel.scale(1.0F / sum, to - from, row + from);
          zero_outside(row, from, to, b.keys);
          if (log_sums != nullptr)
            log_sums[std::int64_t{g.first_row + q0 + r} * shape.heads + h] = max + std::log(sum);
        }
        gemm_serial(b.rows, dim, b.keys, {s, b.keys}, v + key_row, row_size, false,
                    out + std::int64_t{g.first_row + q0} * shape.q_size() + h * dim, shape.q_size(),
                    false, mine.values);
      }
  });
}

namespace {

// Everything one query head of one sequence reads and writes in the backward pass.
struct BackwardHead {
  const float* q;
  const float* k;
  const float* v;
  const float* out;
  const float* d_out;
  const float* log_sums;  // row stride: heads
  float* dq;
  float* dk;
  float* dv;
};

void backward_block(const Kernels& kernel, const AttentionShape& shape, const Block& b,
                    const BackwardHead& head, AttentionScratch::PerThread& mine) {
  const int dim = shape.head_dim;
  const int row_size = shape.row_size();
  const int q_size = shape.q_size();
  const std::int64_t query_row = std::int64_t{b.first} * row_size;
  const std::int64_t key_row = std::int64_t{b.first_key} * row_size;
  const float* d_o = head.d_out + std::int64_t{b.first} * q_size;
  const float* o = head.out + std::int64_t{b.first} * q_size;
  float* p = mine.scores.data();
  float* ds = mine.d_scores.data();
  gemm_serial(b.rows, b.keys, dim, {head.q + query_row, row_size}, head.k + key_row, row_size, true,
              p, b.keys, false, mine.keys);
  gemm_serial(b.rows, b.keys, dim, {d_o, q_size}, head.v + key_row, row_size, true, ds, b.keys,
              false, mine.values);
  for (int r = 0; r < b.rows; ++r) {
    float* p_row = p + std::int64_t{r} * b.keys;
    float* ds_row = ds + std::int64_t{r} * b.keys;
    const int from = b.from(shape, r);
    const int to = b.to(r);
    float max = 0.0F;
    exp_scores(kernel, shape, p_row + from, to - from, &max, mine.slopes.data());
    const float log_sum = head.log_sums[std::int64_t{b.first + r} * shape.heads];
    kernel.scale(std::exp(max - log_sum), to - from, p_row + from);
    const float mean =
        kernel.dot(d_o + std::int64_t{r} * q_size, o + std::int64_t{r} * q_size, dim);
    for (int j = from; j < to; ++j) ds_row[j] = p_row[j] * (ds_row[j] - mean) * shape.scale;
    if (shape.soft_cap != 0.0F)
      for (int j = from; j < to; ++j) ds_row[j] *= mine.slopes[static_cast<std::size_t>(j - from)];
    zero_outside(p_row, from, to, b.keys);
    zero_outside(ds_row, from, to, b.keys);
  }
  gemm_serial(b.rows, dim, b.keys, {ds, b.keys}, head.k + key_row, row_size, false,
              head.dq + query_row, row_size, false, mine.keys);
  gemm_serial(b.keys, dim, b.rows, {ds, 1, b.keys}, head.q + query_row, row_size, false,
              head.dk + key_row, row_size, true, mine.rows);
  gemm_serial(b.keys, dim, b.rows, {p, 1, b.keys}, d_o, q_size, false, head.dv + key_row, row_size,
              true, mine.rows);
}

}  // namespace

void attention_backward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                        const float* qkv, const float* out, const float* log_sums,
                        const float* d_out, float* d_qkv, AttentionScratch& scratch) {
  const Timed timed(pool.clock(), WorkKind::attention, attention_flops(shape, starts, 5));
  prepare(scratch, pool);
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int row_size = shape.row_size();
  const int q_size = shape.q_size();
  const int group_heads = shape.heads / shape.kv_heads;
  const auto sequences = static_cast<std::int64_t>(starts.size()) - 1;
  pool.run(sequences * shape.kv_heads, [&](std::int64_t piece, int thread) {
    const Group g = group_of(shape, starts, piece);
    auto& mine = scratch.threads[static_cast<std::size_t>(thread)];
    const std::int64_t first = g.first_row;
    const float* base = qkv + first * row_size;
    float* d_base = d_qkv + first * row_size;
    BackwardHead head{};
    head.k = base + q_size + g.kv_head * dim;
    head.v = head.k + shape.kv_size();
    head.dk = d_base + q_size + g.kv_head * dim;
    head.dv = head.dk + shape.kv_size();
    for (int r = 0; r < g.length; ++r) {
      std::fill_n(head.dk + std::int64_t{r} * row_size, dim, 0.0F);
      std::fill_n(head.dv + std::int64_t{r} * row_size, dim, 0.0F);
    }
    grow(mine.scores, std::int64_t{query_block} * g.length);
    grow(mine.d_scores, std::int64_t{query_block} * g.length);
    grow(mine.slopes, g.length);
    for (int h = g.kv_head * group_heads; h < (g.kv_head + 1) * group_heads; ++h) {
      head.q = base + h * dim;
      head.dq = d_base + h * dim;
      head.out = out + first * q_size + h * dim;
      head.d_out = d_out + first * q_size + h * dim;
      head.log_sums = log_sums + first * shape.heads + h;
      for (int q0 = 0; q0 < g.length; q0 += query_block)
        backward_block(kernel, shape, Block(shape, g.length, q0), head, mine);
    }
  });
}

void attention_cached(const AttentionShape& shape, const float* q, const float* keys,
                      const float* values, int length, float* scores, float* out) {
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int stride = shape.kv_size();
  const int group_heads = shape.heads / shape.kv_heads;
  const int first = shape.first_seen(length - 1);
  const int seen = length - first;
  for (int h = 0; h < shape.heads; ++h) {
    const std::int64_t start = std::int64_t{first} * stride + (h / group_heads) * dim;
    const float* k = keys + start;
    const float* v = values + start;
    for (int t = 0; t < seen; ++t)
      scores[t] = kernel.dot(q + h * dim, k + std::int64_t{t} * stride, dim);
    float max = 0.0F;
    const float sum = exp_scores(kernel, shape, scores, seen, &max, nullptr);
    float* o = out + h * dim;
    std::fill_n(o, dim, 0.0F);
    for (int t = 0; t < seen; ++t) kernel.axpy(scores[t], v + std::int64_t{t} * stride, dim, o);
    kernel.scale(1.0F / sum, dim, o);
  }
}

}  // namespace xfer::engine
