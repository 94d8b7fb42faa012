// SPDX-License-Identifier: Apache-2.0
#include "engine/kernels/packed_matrix.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace xfer::engine {

void pack_panel_of_rows(const float* w, std::int64_t ld, int rows, int k, float* dst) {
  if (rows == panel_width) {
    for (int p0 = 0; p0 < k; p0 += panel_width) {
      const int depth = std::min(panel_width, k - p0);
      for (int r = 0; r < panel_width; ++r)
        for (int p = 0; p < depth; ++p) dst[(p0 + p) * panel_width + r] = w[r * ld + p0 + p];
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
  const bool half = storage == Storage::bf16 || storage == Storage::bf16_pairs;
  halves_.resize(half ? size : 0);
  if (storage == Storage::bf16_pairs && k % 2 == 1)
    for (int j = 0; j < panels(); ++j)
      for (int c = 0; c < panel_width; ++c) halves(j)[half_place(k, c)] = 0;
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
  float* factors =
      data_.data() + std::int64_t{col / panel_width} * k_ + std::int64_t{block} * block_size;
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
  if (!is_blocks(storage_))
    return std::bit_cast<float>(std::uint32_t{halves(col / panel_width)[half_place(p, col)]}
                                << 16U);
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
  if (storage_ != Storage::f32) {
    std::uint16_t* p = halves(col / panel_width);
    for (int i = 0; i < k_; ++i) p[half_place(i, col)] = to_bf16(values[i]);
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
    static thread_local Floats room;
    room.resize(static_cast<std::size_t>(k) * panel_width);
    pack_panel_of_rows(first, k, here, k, room.data());
    if (out.storage() == Storage::bf16) {
      std::transform(room.begin(), room.end(), out.halves(at), to_bf16);
      return;
    }
    std::uint16_t* halves = out.halves(at);
    for (int p = 0; p < k; ++p)
      for (int c = 0; c < panel_width; ++c)
        halves[(p / 2 * panel_width + c) * 2 + p % 2] =
            to_bf16(room[static_cast<std::size_t>(p * panel_width + c)]);
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

namespace {

// Panel j of `out`, rows p0.. of `b`: words of two rows of one column become words of two columns
// of one row.
void transpose_pairs(const PackedMatrix& b, int first_col, int cols, int j, PackedMatrix& out) {
  const int p0 = j * panel_width;
  const int depth = std::min(panel_width, b.k() - p0);
  std::uint16_t* const dst = out.halves(j);
  const auto source = [&](int c) {
    const int col = first_col + c;
    return b.halves(col / panel_width) + (p0 / 2 * panel_width + col % panel_width) * 2;
  };
  constexpr int next_pair = 2 * panel_width;
  for (int c = 0; c < cols; c += 2) {
    std::uint16_t* words = dst + std::int64_t{c} * panel_width;
    const std::uint16_t* even = source(c);
    const std::uint16_t* odd = c + 1 < cols ? source(c + 1) : nullptr;
    for (int p = 0; p < panel_width; ++p) {
      const int at = p / 2 * next_pair + p % 2;
      words[2 * p] = p < depth ? even[at] : std::uint16_t{0};
      words[2 * p + 1] = p < depth && odd != nullptr ? odd[at] : std::uint16_t{0};
    }
  }
}

}  // namespace

void pack_transposed(ThreadPool& pool, const PackedMatrix& b, int first_col, int cols,
                     PackedMatrix& out) {
  const Timed timed(pool.clock(), WorkKind::packing);
  const int k = b.k();
  const bool plain = b.storage() == Storage::f32;
  const bool pairs = b.storage() == Storage::bf16_pairs;
  out.resize(cols, k, pairs ? Storage::bf16_pairs : Storage::f32);
  pool.run(out.panels(), [&](std::int64_t j, int) {
    if (pairs) return transpose_pairs(b, first_col, cols, static_cast<int>(j), out);
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

}  // namespace xfer::engine
