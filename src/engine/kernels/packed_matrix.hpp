// SPDX-License-Identifier: Apache-2.0
// Right-hand sides of matrix products, in the order in which the inner loops read them.
#pragma once

#include "engine/kernels/kernels.hpp"
#include "engine/kernels/thread_pool.hpp"

#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace xfer::engine {

/// Allocates on cache lines and does not fill with zeros.
template <class T>
struct LineAllocator {
  using value_type = T;
  LineAllocator() = default;
  template <class U>
  LineAllocator(const LineAllocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new (n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete (p, std::align_val_t{64}); }
  template <class U>
  void construct(U* p) noexcept {
    ::new (static_cast<void*>(p)) U;
  }
  template <class U, class... Args>
  void construct(U* p, Args&&... args) {
    ::new (static_cast<void*>(p)) U(std::forward<Args>(args)...);
  }
  friend bool operator==(const LineAllocator&, const LineAllocator&) noexcept { return true; }
};
using Floats = std::vector<float, LineAllocator<float>>;
using Halves = std::vector<std::uint16_t, LineAllocator<std::uint16_t>>;

/// How a matrix is kept. All but the last are widened to float32 as they are read, so every product
/// is that of the stored values in float32. bf16 halves the memory; blocks of 4 or 8 bits are those
/// of GGUF, 32 inputs with one scale and one offset. `bf16_pairs` is bf16 whose products round the
/// left side to bf16 too, and add up in float32.
enum class Storage { f32, bf16, blocks4, blocks8, bf16_pairs };

constexpr bool is_blocks(Storage storage) noexcept {
  return storage == Storage::blocks4 || storage == Storage::blocks8;
}
/// Inputs that share a scale.
inline constexpr int block_size = 32;

/// The right-hand matrix in panels of 16 columns: element (p, col) stands at
/// panel(col / 16)[p * 16 + col % 16]; missing columns of the last panel are 0.
class PackedMatrix {
public:
  PackedMatrix() = default;
  PackedMatrix(int k, int n, Storage storage = Storage::f32) { resize(k, n, storage); }
  /// Blocks need a `k` that is a multiple of `block_size`, and start as 0.
  void resize(int k, int n, Storage storage = Storage::f32);

  int k() const noexcept { return k_; }
  int n() const noexcept { return n_; }
  Storage storage() const noexcept { return storage_; }
  int panels() const noexcept { return (n_ + panel_width - 1) / panel_width; }
  /// Values in a panel; pairs fill up an odd `k` with zeros.
  std::int64_t panel_stride() const noexcept {
    return std::int64_t{storage_ == Storage::bf16_pairs ? k_ + k_ % 2 : k_} * panel_width;
  }
  /// Only for float32 storage.
  const float* panel(int j) const noexcept { return data_.data() + j * panel_stride(); }
  float* panel(int j) noexcept { return data_.data() + j * panel_stride(); }
  /// Only for bf16 storage: the upper halves of the float32 values. Pairs have element (p, col) at
  /// (p / 2 * 16 + col % 16) * 2 + p % 2 of the panel.
  const std::uint16_t* halves(int j) const noexcept { return halves_.data() + j * panel_stride(); }
  std::uint16_t* halves(int j) noexcept { return halves_.data() + j * panel_stride(); }

  /// Only for blocks: bits of a code, and the codes of a panel in words. A word has 32 / bits rows
  /// of one column, the first in its lowest bits; 16 words are all columns of these rows.
  int code_bits() const noexcept { return storage_ == Storage::blocks4 ? 4 : 8; }
  const std::uint32_t* codes(int j) const noexcept {
    return codes_.data() + j * std::int64_t{k_} * code_bits() / 2;
  }
  /// Only for blocks: k floats a panel, for each block 16 scales, then 16 offsets.
  const float* scales(int j) const noexcept { return data_.data() + std::int64_t{j} * k_; }
  /// Only for blocks: the inputs [32 * block, 32 * block + 32) of a column.
  void set_block(int col, int block, std::span<const std::int8_t, block_size> values, float scale,
                 float offset) noexcept;

  /// One element, in any storage.
  float at(int p, int col) const noexcept;
  /// Copies column `col` (k values) out, i.e. one row of the weight matrix it was packed from.
  void column(int col, float* out) const noexcept;
  /// Overwrites column `col`; bf16 rounds to nearest, ties to even. Not for blocks.
  void set_column(int col, const float* values) noexcept;

private:
  /// Of an element within its panel, for bf16 storage.
  std::int64_t half_place(int p, int col) const noexcept {
    const int c = col % panel_width;
    if (storage_ == Storage::bf16) return std::int64_t{p} * panel_width + c;
    return (std::int64_t{p / 2} * panel_width + c) * 2 + p % 2;
  }

  int k_ = 0;
  int n_ = 0;
  Storage storage_ = Storage::f32;
  Floats data_;
  Halves halves_;
  std::vector<std::uint32_t, LineAllocator<std::uint32_t>> codes_;
};

/// The nearest bf16, ties to even; NaN stays NaN.
std::uint16_t to_bf16(float value) noexcept;

/// B = W^T for a weight W[rows x k] (row-major, row stride k): fills columns
/// [first_col, first_col + rows) of `out`, whose k must match.
void pack_weight(ThreadPool& pool, const float* w, int rows, int first_col, PackedMatrix& out);
/// B[k x n] given row-major with row stride `ld`.
void pack_right(ThreadPool& pool, const float* b, std::int64_t ld, int k, int n, PackedMatrix& out);
/// B' = B^T of columns [first_col, first_col + cols) of a packed matrix: for gradients through a
/// weight. `out` becomes [cols x k], of pairs when `b` is, else of float32.
void pack_transposed(ThreadPool& pool, const PackedMatrix& b, int first_col, int cols,
                     PackedMatrix& out);

/// dst[p * 16 + r] = w[r * ld + p] for r < rows <= 16 and p < k; the other columns become 0.
void pack_panel_of_rows(const float* w, std::int64_t ld, int rows, int k, float* dst);
/// dst[p * 16 + j] = b[p * ld + j] for j < cols <= 16 and p < k; the other columns become 0.
void pack_panel_of_columns(const float* b, std::int64_t ld, int cols, int k, float* dst);

}  // namespace xfer::engine
