// SPDX-License-Identifier: Apache-2.0
// Products of bf16 with sums in float32, compiled once per instruction set. A word holds two values
// of neighbouring k, the first in its lower half: what one instruction of AVX512_BF16 multiplies
// and adds. Other sets widen both halves, which is the same product, with sums rounded in another
// order.
#include "engine/kernels/vectors.hpp"

#if defined(__AVX512BF16__)
#include <immintrin.h>
#endif

namespace xfer::engine::XFER_KERNEL_SET {
namespace {

using Words = std::uint32_t __attribute__((vector_size(lanes * sizeof(float))));

inline Words load_words(const std::uint16_t* p) {
  Words words;
  std::memcpy(&words, p, sizeof(words));
  return words;
}

inline std::uint32_t load_word(const std::uint16_t* p) {
  std::uint32_t word;
  std::memcpy(&word, p, sizeof(word));
  return word;
}

/// acc + a0 * b0 + a1 * b1 in each column.
inline Vec add_pair(Vec acc, std::uint32_t a, Words b) {
#if defined(__AVX512BF16__)
  __m512i left = _mm512_set1_epi32(static_cast<int>(a));
  __m512bh a_pairs;
  __m512bh b_pairs;
  std::memcpy(&a_pairs, &left, sizeof(left));
  std::memcpy(&b_pairs, &b, sizeof(b));
  return _mm512_dpbf16_ps(acc, a_pairs, b_pairs);
#else
  const Words low = b << 16;
  const Words high = b & 0xFFFF0000U;
  acc += splat(std::bit_cast<float>(a << 16U)) * std::bit_cast<Vec>(low);
  return acc + splat(std::bit_cast<float>(a & 0xFFFF0000U)) * std::bit_cast<Vec>(high);
#endif
}

constexpr int halves_per_vector = 2 * lanes;
constexpr int halves_per_row = 2 * panel_width;

template <int Rows>
void tile_rows_of_pairs(int pairs, const std::uint16_t* a, std::int64_t a_row,
                        const std::uint16_t* b, float* c, std::int64_t ldc, int cols,
                        bool accumulate) {
  Vec acc[Rows][vectors_per_panel];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < vectors_per_panel; ++j) acc[r][j] = Vec{};
  for (int p = 0; p < pairs; ++p) {
    Words right[vectors_per_panel];
    for (int j = 0; j < vectors_per_panel; ++j) right[j] = load_words(b + j * halves_per_vector);
    for (int r = 0; r < Rows; ++r) {
      const std::uint32_t left = load_word(a + r * a_row);
      for (int j = 0; j < vectors_per_panel; ++j) acc[r][j] = add_pair(acc[r][j], left, right[j]);
    }
    a += 2;
    b += halves_per_row;
  }
  if (cols == panel_width) {
    for (int r = 0; r < Rows; ++r)
      for (int j = 0; j < vectors_per_panel; ++j) {
        float* out = c + r * ldc + j * lanes;
        store(out, accumulate ? load(out) + acc[r][j] : acc[r][j]);
      }
    return;
  }
  float sums[Rows][panel_width];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < vectors_per_panel; ++j) store(sums[r] + j * lanes, acc[r][j]);
  store_part(sums[0], Rows, cols, c, ldc, accumulate);
}

template <int Rows>
void tile_of_at_most(int pairs, const std::uint16_t* a, std::int64_t a_row, const std::uint16_t* b,
                     float* c, std::int64_t ldc, int rows, int cols, bool accumulate) {
  if (rows == Rows) return tile_rows_of_pairs<Rows>(pairs, a, a_row, b, c, ldc, cols, accumulate);
  if constexpr (Rows > 1)
    tile_of_at_most<Rows - 1>(pairs, a, a_row, b, c, ldc, rows, cols, accumulate);
}

}  // namespace

void tile_pairs(int pairs, const std::uint16_t* a, std::int64_t a_row, const std::uint16_t* b,
                float* c, std::int64_t ldc, int rows, int cols, bool accumulate) {
  tile_of_at_most<strip>(pairs, a, a_row, b, c, ldc, rows, cols, accumulate);
}

void row8_pairs(int pairs, const std::uint16_t* x, const std::uint16_t* b,
                std::int64_t panel_stride, float* y) {
  constexpr int together = 8 / vectors_per_panel > 0 ? 8 / vectors_per_panel : 1;
  for (int first = 0; first < 8; first += together) {
    Vec acc[together][vectors_per_panel];
    for (int j = 0; j < together; ++j)
      for (int v = 0; v < vectors_per_panel; ++v) acc[j][v] = Vec{};
    const std::uint16_t* panel = b + first * panel_stride;
    for (int p = 0; p < pairs; ++p) {
      const std::uint32_t left = load_word(x + 2 * p);
      for (int j = 0; j < together; ++j)
        for (int v = 0; v < vectors_per_panel; ++v)
          acc[j][v] = add_pair(
              acc[j][v], left,
              load_words(panel + j * panel_stride + p * halves_per_row + v * halves_per_vector));
    }
    for (int j = 0; j < together; ++j)
      for (int v = 0; v < vectors_per_panel; ++v)
        store(y + (first + j) * panel_width + v * lanes, acc[j][v]);
  }
}

void narrow(const float* x, std::int64_t n, std::uint16_t* out) {
  for (std::int64_t i = 0; i < n; ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(x[i]);
    const std::uint32_t rounded = (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
    const std::uint32_t quiet = (bits >> 16U) | 0x40U;
    const bool nan = (bits & 0x7FFFFFFFU) > 0x7F800000U;
    out[i] = static_cast<std::uint16_t>(nan ? quiet : rounded);
  }
}

}  // namespace xfer::engine::XFER_KERNEL_SET
