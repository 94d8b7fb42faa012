// SPDX-License-Identifier: Apache-2.0
// The inner loops of the engine, once per instruction set.
//
// `kernels_impl.cpp` is compiled several times with different compiler flags; `kernels()` picks the
// widest set that this CPU has. Within one set every result is a pure function of its inputs: the
// order of every sum is fixed, and a row's result never depends on how many other rows there are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xfer::engine {

/// Columns of a packed panel of the right-hand matrix; the same for all instruction sets, so that
/// packed weights do not depend on it.
inline constexpr int panel_width = 16;

/// One AdamW step's constants, computed once per step.
struct AdamWStep {
  float beta1, beta2, eps;
  float step_size;       ///< lr / (1 - beta1^t)
  float inv_sqrt_bias2;  ///< 1 / sqrt(1 - beta2^t)
  float decay;           ///< 1 - lr * weight_decay
  float grad_scale;      ///< clipping factor
};

/// Function table of one instruction set. All pointers are to float32, rows contiguous.
struct Kernels {
  std::string_view name;
  /// Most rows that `tile` takes at once.
  int strip_rows;

  /// c[r][col] (+)= sum_p a[r * a_row + p * a_k] * b[p * 16 + col], r < rows <= strip_rows,
  /// col < cols <= 16.
  void (*tile)(int k, const float* a, std::int64_t a_row, std::int64_t a_k, const float* b,
               float* c, std::int64_t ldc, int rows, int cols, bool accumulate);
  /// Eight panels at once for a single row: y[0..128) = sum_p x[p] * b_j[p * 16 + col] with panel j
  /// at b + j * panel_stride. Same sums in the same order as `tile`.
  void (*row8)(int k, const float* x, const float* b, std::int64_t panel_stride, float* y);
  /// The same from panels of bf16.
  void (*row8_bf16)(int k, const float* x, const std::uint16_t* b, std::int64_t panel_stride,
                    float* y);
  /// bf16 to float32, exactly.
  void (*widen)(const std::uint16_t* x, std::int64_t n, float* out);
  /// Both sides in bf16, sums in float32: two values of neighbouring k are a word, the first in its
  /// lower half; `pairs` words make a row of `a` (stride `a_row` values), and 16 of them a row of a
  /// panel. The order of the sums is the same in both, but not in all instruction sets.
  void (*tile_pairs)(int pairs, const std::uint16_t* a, std::int64_t a_row, const std::uint16_t* b,
                     float* c, std::int64_t ldc, int rows, int cols, bool accumulate);
  void (*row8_pairs)(int pairs, const std::uint16_t* x, const std::uint16_t* b,
                     std::int64_t panel_stride, float* y);
  /// float32 to the nearest bf16, ties to even.
  void (*narrow)(const float* x, std::int64_t n, std::uint16_t* out);
  /// `row8` and `widen` for panels of quantised blocks; see `PackedMatrix::codes`. `bits` is 4
  /// or 8.
  void (*row8_blocks)(int bits, int k, const float* x, const std::uint32_t* codes,
                      const float* scales, float* y);
  /// One panel as float32.
  void (*widen_blocks)(int bits, int k, const std::uint32_t* codes, const float* scales,
                       float* out);

  /// y = x * inv * w with inv = 1 / sqrt(mean(x^2) + eps); returns inv.
  float (*rms_norm)(const float* x, const float* w, float eps, int n, float* y);
  /// dx += gradient of rms_norm; dw += its weight gradient when not null.
  void (*rms_norm_backward)(const float* dy, const float* x, const float* w, float inv, int n,
                            float* dx, float* dw);
  /// Rotates pairs (i, i + n/2); `sign` -1 undoes it.
  void (*rope)(float* x, const float* cosine, const float* sine, int n, float sign);
  /// out = silu(gate) * up.
  void (*swiglu)(const float* gate, const float* up, int n, float* out);
  /// d_gate and d_up from d_out.
  void (*swiglu_backward)(const float* gate, const float* up, const float* d_out, int n,
                          float* d_gate, float* d_up);
  /// out = gelu(gate) * up with the tanh form of gelu (Hendrycks and Gimpel, arXiv 1606.08415):
  /// g/2 (1 + tanh(sqrt(2/pi) (g + 0.044715 g^3))).
  void (*geglu)(const float* gate, const float* up, int n, float* out);
  void (*geglu_backward)(const float* gate, const float* up, const float* d_out, int n,
                         float* d_gate, float* d_up);
  /// x = cap * tanh(scale * x / cap) in place; `slope`, when not null, gets 1 - tanh^2.
  void (*soft_cap)(float* x, float scale, float cap, int n, float* slope);
  /// x = exp(scale * x - max) in place over n values; returns the sum, `max` out. n >= 1.
  float (*exp_shift)(float* x, float scale, int n, float* max);
  float (*max)(const float* x, int n);
  float (*dot)(const float* x, const float* y, int n);
  /// y += a * x
  void (*axpy)(float a, const float* x, int n, float* y);
  void (*scale)(float a, int n, float* x);
  /// Sum of squares in double.
  double (*sum_squares)(const float* x, std::int64_t n);
  void (*adamw)(const AdamWStep& step, const float* grad, std::int64_t n, float* value, float* m,
                float* v);
};

/// The widest set this CPU has, or the one forced by `force_kernels`.
const Kernels& kernels();
/// For tests: "generic", "avx2", "avx512", "avx512_bf16"; "" returns to the automatic choice.
/// Throws `not_available` when this CPU or build lacks it. Not while work is running.
void force_kernels(std::string_view name);

}  // namespace xfer::engine
