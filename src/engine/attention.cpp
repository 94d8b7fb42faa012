#include "engine/attention.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

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

void prepare(AttentionScratch& scratch, const ThreadPool& pool) {
  scratch.threads.resize(static_cast<std::size_t>(pool.threads()));
}

void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < static_cast<std::size_t>(size)) memory.resize(static_cast<std::size_t>(size));
}

}  // namespace

float AttentionShape::scale() const noexcept {
  return 1.0F / std::sqrt(static_cast<float>(head_dim));
}

void attention_forward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                       const float* qkv, float* out, float* log_sums, AttentionScratch& scratch) {
  prepare(scratch, pool);
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int row_size = shape.row_size();
  const int group_heads = shape.heads / shape.kv_heads;
  const float scale = shape.scale();
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
        const int rows = std::min(query_block, g.length - q0);
        const int keys = q0 + rows;
        float* s = mine.scores.data();
        gemm_serial(rows, keys, dim, {base + std::int64_t{q0} * row_size + h * dim, row_size}, k,
                    row_size, true, s, keys, false, mine.keys);
        for (int r = 0; r < rows; ++r) {
          float* row = s + std::int64_t{r} * keys;
          const int seen = q0 + r + 1;
          float max = 0.0F;
          const float sum = kernel.exp_shift(row, scale, seen, &max);
          kernel.scale(1.0F / sum, seen, row);
          std::fill(row + seen, row + keys, 0.0F);
          if (log_sums != nullptr)
            log_sums[std::int64_t{g.first_row + q0 + r} * shape.heads + h] = max + std::log(sum);
        }
        gemm_serial(rows, dim, keys, {s, keys}, v, row_size, false,
                    out + std::int64_t{g.first_row + q0} * shape.q_size() + h * dim, shape.q_size(),
                    false, mine.values);
      }
  });
}

void attention_backward(ThreadPool& pool, const AttentionShape& shape, const RowStarts& starts,
                        const float* qkv, const float* out, const float* log_sums,
                        const float* d_out, float* d_qkv, AttentionScratch& scratch) {
  prepare(scratch, pool);
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int row_size = shape.row_size();
  const int q_size = shape.q_size();
  const int group_heads = shape.heads / shape.kv_heads;
  const float scale = shape.scale();
  const auto sequences = static_cast<std::int64_t>(starts.size()) - 1;
  pool.run(sequences * shape.kv_heads, [&](std::int64_t piece, int thread) {
    const Group g = group_of(shape, starts, piece);
    auto& mine = scratch.threads[static_cast<std::size_t>(thread)];
    const std::int64_t first = g.first_row;
    const float* base = qkv + first * row_size;
    const float* k = base + q_size + g.kv_head * dim;
    const float* v = k + shape.kv_size();
    float* d_base = d_qkv + first * row_size;
    float* dk = d_base + q_size + g.kv_head * dim;
    float* dv = dk + shape.kv_size();
    for (int r = 0; r < g.length; ++r) {
      std::fill_n(dk + std::int64_t{r} * row_size, dim, 0.0F);
      std::fill_n(dv + std::int64_t{r} * row_size, dim, 0.0F);
    }
    grow(mine.scores, std::int64_t{query_block} * g.length);
    grow(mine.d_scores, std::int64_t{query_block} * g.length);
    for (int h = g.kv_head * group_heads; h < (g.kv_head + 1) * group_heads; ++h)
      for (int q0 = 0; q0 < g.length; q0 += query_block) {
        const int rows = std::min(query_block, g.length - q0);
        const int keys = q0 + rows;
        const float* q = base + std::int64_t{q0} * row_size + h * dim;
        const float* d_o = d_out + (first + q0) * q_size + h * dim;
        const float* o = out + (first + q0) * q_size + h * dim;
        float* p = mine.scores.data();
        float* ds = mine.d_scores.data();
        gemm_serial(rows, keys, dim, {q, row_size}, k, row_size, true, p, keys, false, mine.keys);
        gemm_serial(rows, keys, dim, {d_o, q_size}, v, row_size, true, ds, keys, false,
                    mine.values);
        for (int r = 0; r < rows; ++r) {
          float* p_row = p + std::int64_t{r} * keys;
          float* ds_row = ds + std::int64_t{r} * keys;
          const int seen = q0 + r + 1;
          float max = 0.0F;
          const float sum = kernel.exp_shift(p_row, scale, seen, &max);
          kernel.scale(std::exp(max - log_sums[(first + q0 + r) * shape.heads + h]), seen, p_row);
          (void)sum;
          const float mean =
              kernel.dot(d_o + std::int64_t{r} * q_size, o + std::int64_t{r} * q_size, dim);
          for (int j = 0; j < seen; ++j) ds_row[j] = p_row[j] * (ds_row[j] - mean) * scale;
          std::fill(p_row + seen, p_row + keys, 0.0F);
          std::fill(ds_row + seen, ds_row + keys, 0.0F);
        }
        gemm_serial(rows, dim, keys, {ds, keys}, k, row_size, false,
                    d_base + std::int64_t{q0} * row_size + h * dim, row_size, false, mine.keys);
        gemm_serial(keys, dim, rows, {ds, 1, keys}, q, row_size, false, dk, row_size, true,
                    mine.rows);
        gemm_serial(keys, dim, rows, {p, 1, keys}, d_o, q_size, false, dv, row_size, true,
                    mine.rows);
      }
  });
}

void attention_cached(const AttentionShape& shape, const float* q, const float* keys,
                      const float* values, int length, float* scores, float* out) {
  const Kernels& kernel = kernels();
  const int dim = shape.head_dim;
  const int stride = shape.kv_size();
  const int group_heads = shape.heads / shape.kv_heads;
  for (int h = 0; h < shape.heads; ++h) {
    const float* k = keys + (h / group_heads) * dim;
    const float* v = values + (h / group_heads) * dim;
    for (int t = 0; t < length; ++t)
      scores[t] = kernel.dot(q + h * dim, k + std::int64_t{t} * stride, dim);
    float max = 0.0F;
    const float sum = kernel.exp_shift(scores, shape.scale(), length, &max);
    float* o = out + h * dim;
    std::fill_n(o, dim, 0.0F);
    for (int t = 0; t < length; ++t) kernel.axpy(scores[t], v + std::int64_t{t} * stride, dim, o);
    kernel.scale(1.0F / sum, dim, o);
  }
}

}  // namespace xfer::engine
