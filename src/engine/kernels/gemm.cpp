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

// dst[p][0..16) = w[r][p] for up to 16 rows.
void pack_panel_of_rows(const float* w, std::int64_t ld, int rows, int k, float* dst) {
  if (rows == panel_width) {
    for (int p0 = 0; p0 < k; p0 += panel_width) {
      const int depth = std::min(panel_width, k - p0);
      for (int r = 0; r < panel_width; ++r)
        for (int p = 0; p < depth; ++p)
          dst[(p0 + p) * panel_width + r] = w[r * ld + p0 + p];
    }
    return;
  }
  for (int p = 0; p < k; ++p)
    for (int r = 0; r < panel_width; ++r)
      dst[p * panel_width + r] = r < rows ? w[r * ld + p] : 0.0F;
}

void pack_panel_of_columns(const float* b, std::int64_t ld, int cols, int k, float* dst) {
  constexpr int ahead = 24;  // rows far apart are not fetched ahead by the hardware
  for (int p = 0; p < k; ++p) {
    const float* row = b + p * ld;
    float* out = dst + p * panel_width;
    if (p + ahead < k) __builtin_prefetch(row + ahead * ld);
    if (cols == panel_width) {
      std::memcpy(out, row, panel_width * sizeof(float));
    } else {
      for (int j = 0; j < panel_width; ++j) out[j] = j < cols ? row[j] : 0.0F;
    }
  }
}

struct Product {
  int m, n, k;
  Left a;
  float* c;
  std::int64_t ldc;
  bool accumulate;
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
    const float* b = panels.at(kernel, j, widened_panel());
    const int cols = std::min(panel_width, x.n - j * panel_width);
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
      panels.row8(kernel, x.k, x.a.data, static_cast<int>(g) * 8, sums);
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

}  // namespace

std::uint16_t to_bf16(float value) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if (std::isnan(value)) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

void PackedMatrix::resize(int k, int n, Storage storage) {
  k_ = k;
  n_ = n;
  storage_ = storage;
  const auto size = static_cast<std::size_t>(panels()) * static_cast<std::size_t>(panel_stride());
  halves_.resize(storage == Storage::bf16 ? size : 0);
  if (!is_blocks(storage)) {
    data_.resize(storage == Storage::f32 ? size : 0);
    codes_.clear();
    return;
  }
  // What no column fills multiplies to 0.
  data_.assign(static_cast<std::size_t>(panels()) * static_cast<std::size_t>(k), 0.0F);
  codes_.assign(size * static_cast<std::size_t>(code_bits()) / 32, 0);
}

void PackedMatrix::set_block(int col, int block, std::span<const std::int8_t, block_size> values,
                             float scale, float offset) noexcept {
  const int c = col % panel_width;
  float* factors = data_.data() + std::int64_t{col / panel_width} * k_ +
                   std::int64_t{block} * block_size;
  factors[c] = scale;
  factors[panel_width + c] = offset;
  const int bits = code_bits();
  const int per_word = 32 / bits;
  const std::uint32_t mask = bits == 4 ? 15U : 255U;
  std::uint32_t* out = codes_.data() + (codes(col / panel_width) - codes_.data()) +
                       block * block_size / per_word * panel_width + c;
  for (int row = 0; row < block_size; row += per_word, out += panel_width) {
    *out = 0;
    for (int at = 0; at < per_word; ++at)
      *out |= (static_cast<std::uint32_t>(values[static_cast<std::size_t>(row + at)]) & mask)
              << static_cast<unsigned>(bits * at);
  }
}

float PackedMatrix::at(int p, int col) const noexcept {
  const std::int64_t place = std::int64_t{p} * panel_width + col % panel_width;
  if (storage_ == Storage::f32) return panel(col / panel_width)[place];
  if (storage_ == Storage::bf16)
    return std::bit_cast<float>(std::uint32_t{halves(col / panel_width)[place]} << 16U);
  const int c = col % panel_width;
  const float* factors = scales(col / panel_width) + p / block_size * block_size;
  const int bits = code_bits();
  const int per_word = 32 / bits;
  const std::uint32_t word = codes(col / panel_width)[p / per_word * panel_width + c] >>
                             static_cast<unsigned>(bits * (p % per_word));
  const int value = bits == 4 ? static_cast<int>(word & 15U) : static_cast<std::int8_t>(word);
  return static_cast<float>(value) * factors[c] + factors[panel_width + c];
}

void PackedMatrix::column(int col, float* out) const noexcept {
  for (int p = 0; p < k_; ++p) out[p] = at(p, col);
}

void PackedMatrix::set_column(int col, const float* values) noexcept {
  if (storage_ == Storage::bf16) {
    std::uint16_t* p = halves(col / panel_width) + col % panel_width;
    for (int i = 0; i < k_; ++i) p[std::int64_t{i} * panel_width] = to_bf16(values[i]);
    return;
  }
  float* p = panel(col / panel_width) + col % panel_width;
  for (int i = 0; i < k_; ++i) p[std::int64_t{i} * panel_width] = values[i];
}

void pack_weight(ThreadPool& pool, const float* w, int rows, int first_col, PackedMatrix& out) {
  const Timed timed(pool.clock(), WorkKind::packing);
  const int k = out.k();
  if (first_col % panel_width != 0) {
    for (int r = 0; r < rows; ++r) out.set_column(first_col + r, w + std::int64_t{r} * k);
    return;
  }
  const int panels = (rows + panel_width - 1) / panel_width;
  pool.run(panels, [&](std::int64_t j, int) {
    const int row = static_cast<int>(j) * panel_width;
    const int here = std::min(panel_width, rows - row);
    const int at = first_col / panel_width + static_cast<int>(j);
    const float* first = w + std::int64_t{row} * k;
    if (out.storage() == Storage::f32) {
      pack_panel_of_rows(first, k, here, k, out.panel(at));
      return;
    }
    Floats& room = widened_panel();
    room.resize(static_cast<std::size_t>(out.panel_stride()));
    pack_panel_of_rows(first, k, here, k, room.data());
    std::transform(room.begin(), room.end(), out.halves(at), to_bf16);
  });
}

void pack_right(ThreadPool& pool, const float* b, std::int64_t ld, int k, int n,
                PackedMatrix& out) {
  const Timed timed(pool.clock(), WorkKind::packing);
  out.resize(k, n);
  pool.run(out.panels(), [&](std::int64_t j, int) {
    const int col = static_cast<int>(j) * panel_width;
    pack_panel_of_columns(b + col, ld, std::min(panel_width, n - col), k,
                          out.panel(static_cast<int>(j)));
  });
}

void pack_transposed(ThreadPool& pool, const PackedMatrix& b, int first_col, int cols,
                     PackedMatrix& out) {
  const Timed timed(pool.clock(), WorkKind::packing);
  const int k = b.k();
  out.resize(cols, k);
  const bool plain = b.storage() == Storage::f32;
  pool.run(out.panels(), [&](std::int64_t j, int) {
    const int p0 = static_cast<int>(j) * panel_width;
    const int depth = std::min(panel_width, k - p0);
    float* dst = out.panel(static_cast<int>(j));
    for (int c = 0; c < cols; ++c) {
      const int col = first_col + c;
      const std::int64_t at = col % panel_width + std::int64_t{p0} * panel_width;
      float* out_row = dst + std::int64_t{c} * panel_width;
      if (!plain) {
        for (int p = 0; p < panel_width; ++p) out_row[p] = p < depth ? b.at(p0 + p, col) : 0.0F;
        continue;
      }
      const float* src = b.panel(col / panel_width) + at;
      for (int p = 0; p < panel_width; ++p) out_row[p] = p < depth ? src[p * panel_width] : 0.0F;
    }
  });
}

namespace {

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
  if (m == 1 && a.k_stride == 1) return single_row(pool, kernel, x, panels);

  const int strip = kernel.strip_rows;
  const int strip_count = (m + strip - 1) / strip;
  const bool packed = a.k_stride != 1;
  const float* const base = packed ? pack_strips(pool, m, k, a, strip, strips_of_caller()) : nullptr;
  const int panel_count = (n + panel_width - 1) / panel_width;
  const int strips_per_piece = std::min(strip_count, 16);
  const std::int64_t flops_per_panel =
      std::int64_t{2} * strips_per_piece * strip * panel_width * k;
  const int panels_per_piece = static_cast<int>(
      std::clamp<std::int64_t>(flops_per_piece / std::max<std::int64_t>(flops_per_panel, 1), 1,
                               panel_count));
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
