// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/gemm.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cmath>
#include <cstring>

namespace xfer::engine {
namespace {

constexpr std::int64_t flops_per_piece = 2'000'000;

double flops(int m, int n, int k) { return 2.0 * m * n * k; }

struct Product {
  int m, n, k;
  Left a;
  float* c;
  std::int64_t ldc;
  bool accumulate;
  /// The left side in bf16, for right sides in pairs: rows of `pairs` words.
  const std::uint16_t* halves = nullptr;
  int pairs = 0;
};

// The panels of a right-hand matrix, in any storage.
struct Panels {
  const PackedMatrix* matrix;  // null: `values` are float32
  int first;
  const float* values;
  std::int64_t stride;

  Storage storage() const { return matrix == nullptr ? Storage::f32 : matrix->storage(); }

  // Panel j as float32; in other storage it is widened into `room`.
  const float* at(const Kernels& kernel, int j, Floats& room) const {
    if (storage() == Storage::f32) return values + j * stride;
    if (room.size() < static_cast<std::size_t>(stride))
      room.resize(static_cast<std::size_t>(stride));
    if (storage() == Storage::bf16)
      kernel.widen(matrix->halves(first + j), stride, room.data());
    else
      kernel.widen_blocks(matrix->code_bits(), matrix->k(), matrix->codes(first + j),
                          matrix->scales(first + j), room.data());
    return room.data();
  }

  // Products of one row with the eight panels from j on.
  void row8(const Kernels& kernel, int k, const float* x, int j, float* sums) const {
    if (storage() == Storage::f32)
      kernel.row8(k, x, values + j * stride, stride, sums);
    else if (storage() == Storage::bf16)
      kernel.row8_bf16(k, x, matrix->halves(first + j), stride, sums);
    else
      kernel.row8_blocks(matrix->code_bits(), k, x, matrix->codes(first + j),
                         matrix->scales(first + j), sums);
  }
};

Panels panels_of(const PackedMatrix& b, int first) {
  const bool plain = b.storage() == Storage::f32;
  return {plain ? nullptr : &b, first, plain ? b.panel(first) : nullptr, b.panel_stride()};
}

Floats& widened_panel() {
  static thread_local Floats room;
  return room;
}

// Rows [row0, row1) x panels [panel0, panel1) of a product.
void block(const Kernels& kernel, const Product& x, const Panels& panels, int row0, int row1,
           int panel0, int panel1) {
  for (int j = panel0; j < panel1; ++j) {
    const int cols = std::min(panel_width, x.n - j * panel_width);
    if (x.halves != nullptr) {
      const std::int64_t stride = 2 * x.pairs;
      const std::uint16_t* right = panels.matrix->halves(panels.first + j);
      for (int row = row0; row < row1; row += kernel.strip_rows)
        kernel.tile_pairs(x.pairs, x.halves + row * stride, stride, right,
                          x.c + row * x.ldc + j * panel_width, x.ldc,
                          std::min(kernel.strip_rows, row1 - row), cols, x.accumulate);
      continue;
    }
    const float* b = panels.at(kernel, j, widened_panel());
    for (int row = row0; row < row1; row += kernel.strip_rows) {
      const int rows = std::min(kernel.strip_rows, row1 - row);
      kernel.tile(x.k, x.a.data + row * x.a.row_stride, x.a.row_stride, x.a.k_stride, b,
                  x.c + row * x.ldc + j * panel_width, x.ldc, rows, cols, x.accumulate);
    }
  }
}

void single_row(ThreadPool& pool, const Kernels& kernel, const Product& x, const Panels& panels) {
  const int whole = x.n / (8 * panel_width);  // groups of eight full panels
  const std::int64_t per_piece =
      std::max<std::int64_t>(1, flops_per_piece / 16 / (std::int64_t{x.k} * 256));
  const std::int64_t pieces = (whole + per_piece - 1) / per_piece;
  pool.run(pieces, [&](std::int64_t piece, int) {
    float sums[8 * panel_width];
    const auto last = std::min<std::int64_t>((piece + 1) * per_piece, whole);
    for (std::int64_t g = piece * per_piece; g < last; ++g) {
      const int j = static_cast<int>(g) * 8;
      if (x.halves != nullptr)
        kernel.row8_pairs(x.pairs, x.halves, panels.matrix->halves(panels.first + j), panels.stride,
                          sums);
      else
        panels.row8(kernel, x.k, x.a.data, j, sums);
      float* out = x.c + g * 8 * panel_width;
      if (x.accumulate)
        for (int i = 0; i < 8 * panel_width; ++i) out[i] += sums[i];
      else
        std::memcpy(out, sums, sizeof(sums));
    }
  });
  const int rest = (x.n + panel_width - 1) / panel_width;
  block(kernel, x, panels, 0, 1, whole * 8, rest);
}

// strips[s][p][r] = a(s * strip + r, p): a left side whose k is not contiguous would walk memory in
// large steps.
const float* pack_strips(ThreadPool& pool, int m, int k, Left a, int strip, Floats& strips) {
  const int count = (m + strip - 1) / strip;
  strips.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(k) *
                static_cast<std::size_t>(strip));
  float* const base = strips.data();
  pool.run(count, [&](std::int64_t s, int) {
    const int row = static_cast<int>(s) * strip;
    const int rows = std::min(strip, m - row);
    float* dst = base + s * k * strip;
    for (int p = 0; p < k; ++p) {
      const float* src = a.data + row * a.row_stride + p * a.k_stride;
      for (int r = 0; r < rows; ++r) dst[std::int64_t{p} * strip + r] = src[r * a.row_stride];
    }
  });
  return base;
}

// The left side rounded to bf16, an odd k filled up with a zero.
const std::uint16_t* narrow_left(ThreadPool& pool, const Kernels& kernel, int m, int k, Left a,
                                 Halves& halves) {
  const int stride = k + k % 2;
  halves.resize(static_cast<std::size_t>(m) * static_cast<std::size_t>(stride));
  std::uint16_t* const base = halves.data();
  constexpr int rows_per_piece = 32;
  pool.run((m + rows_per_piece - 1) / rows_per_piece, [&](std::int64_t piece, int) {
    const int first = static_cast<int>(piece) * rows_per_piece;
    for (int row = first; row < std::min(first + rows_per_piece, m); ++row) {
      const float* src = a.data + row * a.row_stride;
      std::uint16_t* dst = base + std::int64_t{row} * stride;
      if (a.k_stride == 1)
        kernel.narrow(src, k, dst);
      else
        for (int p = 0; p < k; ++p) dst[p] = to_bf16(src[p * a.k_stride]);
      if (stride > k) dst[k] = 0;
    }
  });
  return base;
}

Halves& halves_of_caller() {
  static thread_local Halves halves;
  return halves;
}

Floats& strips_of_caller() {
  static thread_local Floats strips;
  return strips;
}

}  // namespace

void gemm(ThreadPool& pool, int m, Left a, const PackedMatrix& b, float* c, std::int64_t ldc,
          bool accumulate, int first_col, int n) {
  if (n < 0) n = b.n() - first_col;
  const Timed timed(pool.clock(), WorkKind::matmul, flops(m, n, b.k()));
  const Kernels& kernel = kernels();
  const int k = b.k();
  const Panels panels = panels_of(b, first_col / panel_width);
  Product x{m, n, k, a, c, ldc, accumulate};
  if (b.storage() == Storage::bf16_pairs) {
    x.halves = narrow_left(pool, kernel, m, k, a, halves_of_caller());
    x.pairs = (k + 1) / 2;
  }
  if (m == 1 && (x.halves != nullptr || a.k_stride == 1))
    return single_row(pool, kernel, x, panels);

  const int strip = kernel.strip_rows;
  const int strip_count = (m + strip - 1) / strip;
  const bool packed = a.k_stride != 1 && x.halves == nullptr;
  const float* const base =
      packed ? pack_strips(pool, m, k, a, strip, strips_of_caller()) : nullptr;
  const int panel_count = (n + panel_width - 1) / panel_width;
  const int strips_per_piece = std::min(strip_count, 16);
  const std::int64_t flops_per_panel = std::int64_t{2} * strips_per_piece * strip * panel_width * k;
  const int panels_per_piece = static_cast<int>(std::clamp<std::int64_t>(
      flops_per_piece / std::max<std::int64_t>(flops_per_panel, 1), 1, panel_count));
  const int row_pieces = (strip_count + strips_per_piece - 1) / strips_per_piece;
  const int col_pieces = (panel_count + panels_per_piece - 1) / panels_per_piece;
  pool.run(std::int64_t{row_pieces} * col_pieces, [&](std::int64_t piece, int) {
    const int s0 = static_cast<int>(piece / col_pieces) * strips_per_piece;
    const int s1 = std::min(s0 + strips_per_piece, strip_count);
    const int j0 = static_cast<int>(piece % col_pieces) * panels_per_piece;
    const int j1 = std::min(j0 + panels_per_piece, panel_count);
    if (!packed) {
      block(kernel, x, panels, s0 * strip, std::min(s1 * strip, m), j0, j1);
      return;
    }
    for (int j = j0; j < j1; ++j) {
      const float* right = panels.at(kernel, j, widened_panel());
      const int cols = std::min(panel_width, n - j * panel_width);
      for (int s = s0; s < s1; ++s)
        kernel.tile(k, base + std::int64_t{s} * k * strip, 1, strip, right,
                    c + std::int64_t{s} * strip * ldc + j * panel_width, ldc,
                    std::min(strip, m - s * strip), cols, accumulate);
    }
  });
}

void gemm_over_rows(ThreadPool& pool, int m, int n, int k, const float* a, std::int64_t lda,
                    const float* b, std::int64_t ldb, float* c, std::int64_t ldc) {
  const Timed timed(pool.clock(), WorkKind::matmul, flops(m, n, k));
  const Kernels& kernel = kernels();
  const int strip = kernel.strip_rows;
  const float* const strips = pack_strips(pool, m, k, {a, 1, lda}, strip, strips_of_caller());
  pool.run((n + panel_width - 1) / panel_width, [&](std::int64_t j, int) {
    const int col = static_cast<int>(j) * panel_width;
    const int cols = std::min(panel_width, n - col);
    Floats& panel = widened_panel();
    const auto size = static_cast<std::size_t>(k) * panel_width;
    if (panel.size() < size) panel.resize(size);
    pack_panel_of_columns(b + col, ldb, cols, k, panel.data());
    for (int row = 0; row < m; row += strip)
      kernel.tile(k, strips + std::int64_t{row} * k, 1, strip, panel.data(), c + row * ldc + col,
                  ldc, std::min(strip, m - row), cols, false);
  });
}

double measure_peak(ThreadPool& pool) {
  constexpr int k = 128, times = 2000, runs = 8;
  const Kernels& kernel = kernels();
  const int rows = kernel.strip_rows;
  double best = 0.0;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    pool.run(pool.threads(), [&](std::int64_t, int) {
      const Floats a(static_cast<std::size_t>(rows * k), 1.0F);
      const Floats b(static_cast<std::size_t>(k * panel_width), 1.0F);
      Floats c(static_cast<std::size_t>(rows * panel_width));
      for (int i = 0; i < times; ++i)
        kernel.tile(k, a.data(), k, 1, b.data(), c.data(), panel_width, rows, panel_width, false);
    });
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    best = std::max(best, pool.threads() * times * flops(rows, panel_width, k) / taken.count());
  }
  return best;
}

void gemm_serial(int m, int n, int k, Left a, const float* b, std::int64_t ldb, bool b_transposed,
                 float* c, std::int64_t ldc, bool accumulate, Floats& scratch) {
  const Kernels& kernel = kernels();
  const std::int64_t stride = std::int64_t{k} * panel_width;
  const int panel_count = (n + panel_width - 1) / panel_width;
  const auto needed = static_cast<std::size_t>(panel_count * stride);
  if (scratch.size() < needed) scratch.resize(needed);
  for (int j = 0; j < panel_count; ++j) {
    const int col = j * panel_width;
    const int cols = std::min(panel_width, n - col);
    float* dst = scratch.data() + j * stride;
    if (b_transposed)
      pack_panel_of_rows(b + col * ldb, ldb, cols, k, dst);
    else
      pack_panel_of_columns(b + col, ldb, cols, k, dst);
  }
  const Product x{m, n, k, a, c, ldc, accumulate};
  block(kernel, x, {nullptr, 0, scratch.data(), stride}, 0, m, 0, panel_count);
}

}  // namespace xfer::engine
