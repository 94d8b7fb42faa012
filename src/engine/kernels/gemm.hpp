// SPDX-License-Identifier: Apache-2.0
// Matrix products: the one place that knows how they are done.
//
// C[m x n] (+)= A[m x k] * B[k x n]. Every element is one sum over k in ascending order, whatever
// the shape, the blocking and the number of threads: a row's bits do not depend on its neighbours.
#pragma once

#include "engine/kernels/packed_matrix.hpp"

#include <cstdint>

namespace xfer::engine {

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

/// The same as `gemm` for small matrices inside one piece of parallel work. `b` is row-major [k x
/// n] with row stride ldb, or [n x k] when `b_transposed`; `scratch` keeps its memory between
/// calls.
void gemm_serial(int m, int n, int k, Left a, const float* b, std::int64_t ldb, bool b_transposed,
                 float* c, std::int64_t ldc, bool accumulate, Floats& scratch);

}  // namespace xfer::engine
