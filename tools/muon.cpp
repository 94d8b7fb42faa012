// SPDX-License-Identifier: Apache-2.0
#include "muon.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::tools {
namespace {

using engine::Floats;
using engine::PackedMatrix;

// X <- the semi-orthogonal matrix nearest to X [m x n], m <= n, roughly: singular values near 1.
void orthogonalise(engine::ThreadPool& pool, Floats& x, int m, int n) {
  constexpr float a = 3.4445F;
  constexpr float b = -4.7750F;
  constexpr float c = 2.0315F;
  const double norm = std::sqrt(engine::kernels().sum_squares(x.data(), std::int64_t{m} * n));
  for (float& value : x) value = static_cast<float>(static_cast<double>(value) / (norm + 1e-7));
  PackedMatrix packed;
  Floats gram(static_cast<std::size_t>(m) * static_cast<std::size_t>(m));
  Floats square(gram.size());
  for (int round = 0; round < 5; ++round) {
    packed.resize(n, m);
    engine::pack_weight(pool, x.data(), m, 0, packed);
    engine::gemm(pool, m, {x.data(), n}, packed, gram.data(), m, false);  // X X^T
    engine::pack_right(pool, gram.data(), m, m, m, packed);
    engine::gemm(pool, m, {gram.data(), m}, packed, square.data(), m, false);
    for (std::size_t i = 0; i < gram.size(); ++i) gram[i] = b * gram[i] + c * square[i];
    for (int i = 0; i < m; ++i)
      gram[static_cast<std::size_t>(i) * static_cast<std::size_t>(m + 1)] += a;
    engine::pack_right(pool, x.data(), n, m, n, packed);
    engine::gemm(pool, m, {gram.data(), m}, packed, x.data(), n, false);
  }
}

}  // namespace

void muon_step(engine::ThreadPool& pool, const MuonParams& params, float grad_scale,
               engine::Parameter& p) {
  const auto momentum = static_cast<float>(params.momentum);
  const bool wide = p.rows <= p.cols;
  const int m = wide ? p.rows : p.cols;
  const int n = wide ? p.cols : p.rows;
  Floats update(p.value.size());
  for (int row = 0; row < p.rows; ++row)
    for (int col = 0; col < p.cols; ++col) {
      const auto at = static_cast<std::size_t>(std::int64_t{row} * p.cols + col);
      const float g = p.grad[at] * grad_scale;
      p.m[at] = momentum * p.m[at] + g;
      const auto to = static_cast<std::size_t>(wide ? std::int64_t{row} * n + col
                                                    : std::int64_t{col} * n + row);
      update[to] = g + momentum * p.m[at];  // Nesterov
      p.grad[at] = 0.0F;
    }
  orthogonalise(pool, update, m, n);
  const auto step = static_cast<float>(params.learning_rate * 0.2 *
                                       std::sqrt(static_cast<double>(std::max(m, n))));
  const auto decay = static_cast<float>(1.0 - params.learning_rate * params.weight_decay);
  for (int row = 0; row < p.rows; ++row)
    for (int col = 0; col < p.cols; ++col) {
      const auto at = static_cast<std::size_t>(std::int64_t{row} * p.cols + col);
      const auto from = static_cast<std::size_t>(wide ? std::int64_t{row} * n + col
                                                      : std::int64_t{col} * n + row);
      p.value[at] = p.value[at] * decay - step * update[from];
    }
}

}  // namespace xfer::tools
