// Matrix products: the one place that knows how they are done.
//
// C[m x n] (+)= A[m x k] * B[k x n]. Every element is one sum over k in ascending order, whatever
// the shape, the blocking and the number of threads: a row's bits do not depend on its neighbours.
#pragma once

#include "engine/kernels/kernels.hpp"
#include "engine/kernels/thread_pool.hpp"

#include <cstdint>
#include <memory>
#include <new>
#include <span>
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
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t{64}));
  }
  void deallocate(T* p, std::size_t) noexcept { ::operator delete(p, std::align_val_t{64}); }
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

/// How a matrix is kept. Everything is widened to float32 as it is read, so every product is that
/// of the stored values in float32. bf16 halves the memory; blocks of 4 or 8 bits are those of GGUF,
/// 32 inputs with one scale and one offset.
enum class Storage { f32, bf16, blocks4, blocks8 };

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
  std::int64_t panel_stride() const noexcept { return std::int64_t{k_} * panel_width; }
  /// Only for float32 storage.
  const float* panel(int j) const noexcept { return data_.data() + j * panel_stride(); }
  float* panel(int j) noexcept { return data_.data() + j * panel_stride(); }
  /// Only for bf16 storage: the upper halves of the float32 values.
  const std::uint16_t* halves(int j) const noexcept { return halves_.data() + j * panel_stride(); }
  std::uint16_t* halves(int j) noexcept { return halves_.data() + j * panel_stride(); }

  /// Only for blocks: bits of a code, and the codes of a panel in words. A word has 32 / bits rows of
  /// one column, the first in its lowest bits; 16 words are all columns of these rows.
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
  /// Overwrites column `col`; bf16 storage rounds to nearest, ties to even. Not for blocks.
  void set_column(int col, const float* values) noexcept;

private:
  int k_ = 0;
  int n_ = 0;
  Storage storage_ = Storage::f32;
  Floats data_;
  std::vector<std::uint16_t, LineAllocator<std::uint16_t>> halves_;
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
/// weight. `out` becomes [cols x k].
void pack_transposed(ThreadPool& pool, const PackedMatrix& b, int first_col, int cols,
                     PackedMatrix& out);

/// The left-hand matrix: element (row, p) at data[row * row_stride + p * k_stride].
struct Left {
  const float* data;
  std::int64_t row_stride;
  std::int64_t k_stride = 1;
};

/// C[m x n] (+)= A * B over columns [first_col, first_col + n) of B. C has row stride `ldc`;
/// first_col must be a multiple of 16. Runs on all threads of the pool.
void gemm(ThreadPool& pool, int m, Left a, const PackedMatrix& b, float* c, std::int64_t ldc,
          bool accumulate, int first_col = 0, int n = -1);

/// Floating-point operations per second that products can reach at most: the inner loop on all
/// threads with everything in the nearest cache, the best of several runs; takes about 0.2 s.
double measure_peak(ThreadPool& pool);

/// C[m x n] = A^T B, summed over the k rows of A [k x m] and B [k x n], both row-major with row
/// strides lda and ldb. For few columns of A: it is packed at once, B panel by panel where it is
/// used.
void gemm_over_rows(ThreadPool& pool, int m, int n, int k, const float* a, std::int64_t lda,
                    const float* b, std::int64_t ldb, float* c, std::int64_t ldc);

/// The same as `gemm` for small matrices inside one piece of parallel work. `b` is row-major [k x n] with row
/// stride ldb, or [n x k] when `b_transposed`; `scratch` keeps its memory between calls.
void gemm_serial(int m, int n, int k, Left a, const float* b, std::int64_t ldb, bool b_transposed,
                 float* c, std::int64_t ldc, bool accumulate, Floats& scratch);

}  // namespace xfer::engine
