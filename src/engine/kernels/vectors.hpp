// SPDX-License-Identifier: Apache-2.0
// Vectors of the instruction set that is being compiled: GCC's and Clang's extensions let one text
// serve all of them, the compiler maps a 32- or 64-byte vector to what the target has. Only for the
// sources that are compiled once per set.
#pragma once

#include "engine/kernels/kernels.hpp"

#include <bit>
#include <cstring>

namespace xfer::engine::XFER_KERNEL_SET {
namespace {

#if defined(__AVX512F__)
constexpr int lanes = 16;
constexpr int strip = 12;
#elif defined(__AVX2__)
constexpr int lanes = 8;
constexpr int strip = 6;
#else
constexpr int lanes = 4;
constexpr int strip = 3;
#endif
constexpr int vectors_per_panel = panel_width / lanes;

using Vec = float __attribute__((vector_size(lanes * sizeof(float))));
using VecInt = std::int32_t __attribute__((vector_size(lanes * sizeof(float))));

inline Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}
inline void store(float* p, Vec v) { std::memcpy(p, &v, sizeof(v)); }
inline Vec splat(float x) { return x - Vec{}; }  // x - 0 is x for every x, x + 0 is not
inline float horizontal_sum(Vec v) {
  float s[lanes];
  std::memcpy(s, &v, sizeof(v));
  for (int w = lanes / 2; w > 0; w /= 2)
    for (int i = 0; i < w; ++i) s[i] += s[i + w];
  return s[0];
}
inline Vec select_greater(Vec a, Vec b) { return a > b ? a : b; }

/// A function of its own, so that whole panels keep their sums in registers.
[[gnu::noinline, maybe_unused]] void store_part(const float* sums, int rows, int cols, float* c,
                                                std::int64_t ldc, bool accumulate) {
  for (int r = 0; r < rows; ++r)
    for (int j = 0; j < cols; ++j) {
      const float sum = sums[r * panel_width + j];
      float& out = c[r * ldc + j];
      out = accumulate ? out + sum : sum;
    }
}

}  // namespace

// Products in bf16 (`products_bf16.cpp`); see `Kernels`.
void tile_pairs(int pairs, const std::uint16_t* a, std::int64_t a_row, const std::uint16_t* b,
                float* c, std::int64_t ldc, int rows, int cols, bool accumulate);
void row8_pairs(int pairs, const std::uint16_t* x, const std::uint16_t* b,
                std::int64_t panel_stride, float* y);
void narrow(const float* x, std::int64_t n, std::uint16_t* out);

}  // namespace xfer::engine::XFER_KERNEL_SET
