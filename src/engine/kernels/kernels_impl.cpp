// SPDX-License-Identifier: Apache-2.0
// Compiled once per instruction set; see kernels.hpp.
#include "engine/kernels/vectors.hpp"

#include <bit>
#include <cmath>
#include <cstring>

namespace xfer::engine::XFER_KERNEL_SET {
namespace {

// exp by range reduction to [-ln2/2, ln2/2] and a degree-6 polynomial (Cephes expf coefficients);
// relative error below 2e-7 where the result is a normal number.
inline Vec exp_vec(Vec x) {
  const Vec low = splat(-87.33F);
  const Vec high = splat(88.3F);
  x = x < low ? low : x;
  x = x > high ? high : x;
  const Vec magic = splat(12582912.0F);  // 1.5 * 2^23: adding it rounds to an integer
  const Vec n = (x * splat(1.44269504088896341F) + magic) - magic;
  Vec r = x - n * splat(0.693359375F);
  r = r - n * splat(-2.12194440e-4F);
  Vec p = splat(1.9875691500e-4F);
  p = p * r + splat(1.3981999507e-3F);
  p = p * r + splat(8.3334519073e-3F);
  p = p * r + splat(4.1665795894e-2F);
  p = p * r + splat(1.6666665459e-1F);
  p = p * r + splat(5.0000001201e-1F);
  p = p * r * r + r + splat(1.0F);
  const VecInt e = __builtin_convertvector(n, VecInt);
  const VecInt bits = (e + 127) << 23;
  Vec pow2;
  std::memcpy(&pow2, &bits, sizeof(pow2));
  return p * pow2;
}

inline float exp_one(float x) {
  const Vec v = exp_vec(splat(x));
  return v[0];
}

template <int Rows>
void tile_rows(int k, const float* a, std::int64_t a_row, std::int64_t a_k, const float* b,
               float* c, std::int64_t ldc, int cols, bool accumulate) {
  // Not `= {}`: that fills memory, and costs more than a short product.
  Vec acc[Rows][vectors_per_panel];
  for (int r = 0; r < Rows; ++r)
    for (int j = 0; j < vectors_per_panel; ++j) acc[r][j] = Vec{};
  for (int p = 0; p < k; ++p) {
    Vec bv[vectors_per_panel];
    for (int j = 0; j < vectors_per_panel; ++j) bv[j] = load(b + j * lanes);
    for (int r = 0; r < Rows; ++r) {
      const Vec av = splat(a[r * a_row]);
      for (int j = 0; j < vectors_per_panel; ++j) acc[r][j] += av * bv[j];
    }
    a += a_k;
    b += panel_width;
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

void tile(int k, const float* a, std::int64_t a_row, std::int64_t a_k, const float* b, float* c,
          std::int64_t ldc, int rows, int cols, bool accumulate) {
  switch (rows) {
    case 1: return tile_rows<1>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 2: return tile_rows<2>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 3: return tile_rows<3>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
#if defined(__AVX2__) || defined(__AVX512F__)
    case 4: return tile_rows<4>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 5: return tile_rows<5>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 6: return tile_rows<6>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
#endif
#if defined(__AVX512F__)
    case 7: return tile_rows<7>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 8: return tile_rows<8>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 9: return tile_rows<9>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 10: return tile_rows<10>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 11: return tile_rows<11>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
    case 12: return tile_rows<12>(k, a, a_row, a_k, b, c, ldc, cols, accumulate);
#endif
    default: return;
  }
}

// Several panels side by side keep enough sums in flight to hide the latency of one row's chain.
void row8(int k, const float* x, const float* b, std::int64_t panel_stride, float* y) {
  constexpr int together = 8 / vectors_per_panel > 0 ? 8 / vectors_per_panel : 1;
  for (int first = 0; first < 8; first += together) {
    Vec acc[together][vectors_per_panel] = {};
    const float* panel = b + first * panel_stride;
    for (int p = 0; p < k; ++p) {
      const Vec xv = splat(x[p]);
      for (int j = 0; j < together; ++j)
        for (int v = 0; v < vectors_per_panel; ++v)
          acc[j][v] += xv * load(panel + j * panel_stride + p * panel_width + v * lanes);
    }
    for (int j = 0; j < together; ++j)
      for (int v = 0; v < vectors_per_panel; ++v)
        store(y + (first + j) * panel_width + v * lanes, acc[j][v]);
  }
}

inline Vec load_bf16(const std::uint16_t* p) {
  using Halves = std::uint16_t __attribute__((vector_size(lanes * sizeof(std::uint16_t))));
  using Words = std::uint32_t __attribute__((vector_size(lanes * sizeof(float))));
  Halves halves;
  std::memcpy(&halves, p, sizeof(halves));
  const Words words = __builtin_convertvector(halves, Words) << 16;
  Vec v;
  std::memcpy(&v, &words, sizeof(v));
  return v;
}

void row8_bf16(int k, const float* x, const std::uint16_t* b, std::int64_t panel_stride, float* y) {
  constexpr int together = 8 / vectors_per_panel > 0 ? 8 / vectors_per_panel : 1;
  for (int first = 0; first < 8; first += together) {
    Vec acc[together][vectors_per_panel] = {};
    const std::uint16_t* panel = b + first * panel_stride;
    for (int p = 0; p < k; ++p) {
      const Vec xv = splat(x[p]);
      for (int j = 0; j < together; ++j)
        for (int v = 0; v < vectors_per_panel; ++v)
          acc[j][v] += xv * load_bf16(panel + j * panel_stride + p * panel_width + v * lanes);
    }
    for (int j = 0; j < together; ++j)
      for (int v = 0; v < vectors_per_panel; ++v)
        store(y + (first + j) * panel_width + v * lanes, acc[j][v]);
  }
}

void widen(const std::uint16_t* x, std::int64_t n, float* out) {
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(out + i, load_bf16(x + i));
  for (; i < n; ++i) out[i] = std::bit_cast<float>(std::uint32_t{x[i]} << 16U);
}

// Quantised panels: eight columns are one vector in every set, which the compiler maps to what the
// target has. A word holds several codes of one column, so that shifts take them apart.
using Vec8 = float __attribute__((vector_size(32)));
using Word8 = std::int32_t __attribute__((vector_size(32)));
constexpr int block_rows = 32;

template <class Vector, class T>
inline Vector load8(const T* p) {
  Vector v;
  std::memcpy(&v, p, sizeof(v));
  return v;
}

/// Code number `at` of each word as a float.
template <int Bits>
inline Vec8 codes_of(Word8 words, int at) {
  if constexpr (Bits == 4) return __builtin_convertvector((words >> 4 * at) & 15, Vec8);
  return __builtin_convertvector((words << (24 - 8 * at)) >> 24, Vec8);
}

template <int Bits>
void widen_block_rows(int k, const std::uint32_t* codes, const float* scales, float* out) {
  constexpr int per_word = 32 / Bits;
  for (int row = 0; row < k; row += per_word, codes += panel_width) {
    const float* factors = scales + row / block_rows * block_rows;
    for (int half = 0; half < 2; ++half) {
      const Word8 words = load8<Word8>(codes + 8 * half);
      const Vec8 scale = load8<Vec8>(factors + 8 * half);
      const Vec8 offset = load8<Vec8>(factors + panel_width + 8 * half);
      for (int at = 0; at < per_word; ++at) {
        const Vec8 values = codes_of<Bits>(words, at) * scale + offset;
        std::memcpy(out + (row + at) * panel_width + 8 * half, &values, sizeof(values));
      }
    }
  }
}

void widen_blocks(int bits, int k, const std::uint32_t* codes, const float* scales, float* out) {
  if (bits == 4) return widen_block_rows<4>(k, codes, scales, out);
  widen_block_rows<8>(k, codes, scales, out);
}

/// Two panels side by side: their sums, scales and offsets fill the registers.
template <int Bits>
void row_blocks(int k, const float* x, const std::uint32_t* codes, const float* scales, float* y) {
  constexpr int together = 4;  // halves of panels
  constexpr int per_word = 32 / Bits;
  const std::int64_t stride = std::int64_t{k} * Bits / 2;
  for (int first = 0; first < 16; first += together) {
    Vec8 acc[together];
    for (int j = 0; j < together; ++j) acc[j] = Vec8{};
    for (int block = 0; block < k; block += block_rows)
      for (int row = block; row < block + block_rows; row += per_word) {
        Word8 words[together];
        Vec8 scale[together];
        Vec8 offset[together];
        for (int j = 0; j < together; ++j) {
          const int panel = (first + j) / 2;
          const int half = 8 * ((first + j) % 2);
          words[j] = load8<Word8>(codes + panel * stride + row / per_word * panel_width + half);
          scale[j] = load8<Vec8>(scales + std::int64_t{panel} * k + block + half);
          offset[j] = load8<Vec8>(scales + std::int64_t{panel} * k + block + panel_width + half);
        }
        for (int at = 0; at < per_word; ++at) {
          const Vec8 xv = x[row + at] - Vec8{};
          for (int j = 0; j < together; ++j)
            acc[j] += xv * (codes_of<Bits>(words[j], at) * scale[j] + offset[j]);
        }
      }
    for (int j = 0; j < together; ++j) std::memcpy(y + (first + j) * 8, &acc[j], sizeof(acc[j]));
  }
}

void row8_blocks(int bits, int k, const float* x, const std::uint32_t* codes, const float* scales,
                 float* y) {
  if (bits == 4) return row_blocks<4>(k, x, codes, scales, y);
  row_blocks<8>(k, x, codes, scales, y);
}

float dot(const float* x, const float* y, int n) {
  Vec s0{};
  Vec s1{};
  int i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    s0 += load(x + i) * load(y + i);
    s1 += load(x + i + lanes) * load(y + i + lanes);
  }
  float rest = 0.0F;
  for (; i < n; ++i) rest += x[i] * y[i];
  return horizontal_sum(s0 + s1) + rest;
}

void axpy(float a, const float* x, int n, float* y) {
  for (int i = 0; i < n; ++i) y[i] += a * x[i];
}

void scale(float a, int n, float* x) {
  for (int i = 0; i < n; ++i) x[i] *= a;
}

double sum_squares(const float* x, std::int64_t n) {
  double s[8] = {};
  std::int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int j = 0; j < 8; ++j) s[j] += static_cast<double>(x[i + j]) * x[i + j];
  double total = 0.0;
  for (const double part : s) total += part;
  for (; i < n; ++i) total += static_cast<double>(x[i]) * x[i];
  return total;
}

float rms_norm(const float* x, const float* w, float eps, int n, float* y) {
  const float mean = dot(x, x, n) / static_cast<float>(n);
  const float inv = 1.0F / std::sqrt(mean + eps);
  for (int i = 0; i < n; ++i) y[i] = x[i] * inv * w[i];
  return inv;
}

void rms_norm_backward(const float* dy, const float* x, const float* w, float inv, int n, float* dx,
                       float* dw) {
  Vec s{};
  int i = 0;
  for (; i + lanes <= n; i += lanes) s += load(dy + i) * load(x + i) * load(w + i);
  float sum = horizontal_sum(s);
  for (; i < n; ++i) sum += dy[i] * x[i] * w[i];
  const float c = inv * inv * inv * sum / static_cast<float>(n);
  for (int j = 0; j < n; ++j) dx[j] += inv * w[j] * dy[j] - c * x[j];
  if (dw != nullptr)
    for (int j = 0; j < n; ++j) dw[j] += dy[j] * x[j] * inv;
}

void rope(float* x, const float* cosine, const float* sine, int n, float sign) {
  const int half = n / 2;
  for (int i = 0; i < half; ++i) {
    const float a = x[i];
    const float b = x[i + half];
    const float s = sign * sine[i];
    x[i] = a * cosine[i] - b * s;
    x[i + half] = b * cosine[i] + a * s;
  }
}

inline Vec sigmoid_vec(Vec x) { return splat(1.0F) / (splat(1.0F) + exp_vec(-x)); }

void swiglu(const float* gate, const float* up, int n, float* out) {
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec g = load(gate + i);
    store(out + i, g * sigmoid_vec(g) * load(up + i));
  }
  for (; i < n; ++i) out[i] = gate[i] * (1.0F / (1.0F + exp_one(-gate[i]))) * up[i];
}

void swiglu_backward(const float* gate, const float* up, const float* d_out, int n, float* d_gate,
                     float* d_up) {
  const auto one = splat(1.0F);
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec g = load(gate + i);
    const Vec s = sigmoid_vec(g);
    const Vec d = load(d_out + i);
    store(d_up + i, d * g * s);
    store(d_gate + i, d * load(up + i) * s * (one + g * (one - s)));
  }
  for (; i < n; ++i) {
    const float s = 1.0F / (1.0F + exp_one(-gate[i]));
    const float d = d_out[i];
    const float u = up[i];
    d_up[i] = d * gate[i] * s;
    d_gate[i] = d * u * s * (1.0F + gate[i] * (1.0F - s));
  }
}

inline Vec tanh_vec(Vec x) { return splat(1.0F) - splat(2.0F) / (exp_vec(x + x) + splat(1.0F)); }
inline float tanh_one(float x) { return 1.0F - 2.0F / (exp_one(2.0F * x) + 1.0F); }

constexpr float gelu_slope = 0.79788456080286536F;  // sqrt(2 / pi)
constexpr float gelu_cubic = 0.044715F;

void geglu(const float* gate, const float* up, int n, float* out) {
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec g = load(gate + i);
    const Vec t = tanh_vec(splat(gelu_slope) * (g + splat(gelu_cubic) * g * g * g));
    store(out + i, splat(0.5F) * g * (splat(1.0F) + t) * load(up + i));
  }
  for (; i < n; ++i) {
    const float g = gate[i];
    const float t = tanh_one(gelu_slope * (g + gelu_cubic * g * g * g));
    out[i] = 0.5F * g * (1.0F + t) * up[i];
  }
}

// d gelu / dg = (1 + t) / 2 + g / 2 (1 - t^2) s (1 + 3 c g^2).
void geglu_backward(const float* gate, const float* up, const float* d_out, int n, float* d_gate,
                    float* d_up) {
  const Vec one = splat(1.0F);
  const Vec half = splat(0.5F);
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec g = load(gate + i);
    const Vec d = load(d_out + i);
    const Vec t = tanh_vec(splat(gelu_slope) * (g + splat(gelu_cubic) * g * g * g));
    const Vec inner = splat(gelu_slope) * (one + splat(3.0F * gelu_cubic) * g * g);
    store(d_up + i, d * half * g * (one + t));
    store(d_gate + i, d * load(up + i) * half * (one + t + g * (one - t * t) * inner));
  }
  for (; i < n; ++i) {
    const float g = gate[i];
    const float d = d_out[i];
    const float u = up[i];
    const float t = tanh_one(gelu_slope * (g + gelu_cubic * g * g * g));
    const float inner = gelu_slope * (1.0F + 3.0F * gelu_cubic * g * g);
    d_up[i] = d * 0.5F * g * (1.0F + t);
    d_gate[i] = d * u * 0.5F * (1.0F + t + g * (1.0F - t * t) * inner);
  }
}

void soft_cap(float* x, float factor, float cap, int n, float* slope) {
  const float inner = factor / cap;
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec t = tanh_vec(load(x + i) * splat(inner));
    store(x + i, splat(cap) * t);
    if (slope != nullptr) store(slope + i, splat(1.0F) - t * t);
  }
  for (; i < n; ++i) {
    const float t = tanh_one(x[i] * inner);
    x[i] = cap * t;
    if (slope != nullptr) slope[i] = 1.0F - t * t;
  }
}

float max_of(const float* x, int n) {
  float best = x[0];
  int i = 0;
  if (n >= lanes) {
    Vec m = load(x);
    for (i = lanes; i + lanes <= n; i += lanes) m = select_greater(m, load(x + i));
    for (int j = 0; j < lanes; ++j) best = m[j] > best ? m[j] : best;
  }
  for (; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best;
}

float exp_shift(float* x, float factor, int n, float* max) {
  const float m = max_of(x, n) * factor;  // factor > 0
  *max = m;
  const Vec f = splat(factor);
  const Vec mv = splat(m);
  Vec s{};
  int i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vec e = exp_vec(load(x + i) * f - mv);
    store(x + i, e);
    s += e;
  }
  float sum = horizontal_sum(s);
  for (; i < n; ++i) {
    x[i] = exp_one(x[i] * factor - m);
    sum += x[i];
  }
  return sum;
}

void adamw(const AdamWStep& step, const float* grad, std::int64_t n, float* value, float* m,
           float* v) {
  for (std::int64_t i = 0; i < n; ++i) {
    const float g = grad[i] * step.grad_scale;
    const float mi = step.beta1 * m[i] + (1.0F - step.beta1) * g;
    const float vi = step.beta2 * v[i] + (1.0F - step.beta2) * g * g;
    m[i] = mi;
    v[i] = vi;
    const float denominator = std::sqrt(vi) * step.inv_sqrt_bias2 + step.eps;
    value[i] = value[i] * step.decay - step.step_size * mi / denominator;
  }
}

}  // namespace

extern const Kernels table;
const Kernels table = {XFER_KERNEL_NAME,
                       strip,
                       tile,
                       row8,
                       row8_bf16,
                       widen,
                       tile_pairs,
                       row8_pairs,
                       narrow,
                       row8_blocks,
                       widen_blocks,
                       rms_norm,
                       rms_norm_backward,
                       rope,
                       swiglu,
                       swiglu_backward,
                       geglu,
                       geglu_backward,
                       soft_cap,
                       exp_shift,
                       max_of,
                       dot,
                       axpy,
                       scale,
                       sum_squares,
                       adamw};

}  // namespace xfer::engine::XFER_KERNEL_SET
