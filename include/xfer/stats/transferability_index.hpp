// SPDX-License-Identifier: Apache-2.0
// The Transferability Index of Huan et al. 2025, arXiv 2507.00432v2, for comparison with it.
#pragma once

#include "xfer/stats/value.hpp"

#include <span>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// A group of benchmarks: scores in per cent (0 to 100) before and after training, one each.
struct BenchmarkGroup {
  std::span<const double> base;
  std::span<const double> tuned;
  /// Standard deviation of score changes by which changes of this group are divided, above 0. To
  /// reproduce the published table it must be taken over the changes of all models compared, on
  /// all benchmarks of the group; taken over one model's benchmarks, as the text reads, it does
  /// not. Unrelated studies therefore have unrelated indices.
  double sigma = 1.0;
};

struct TransferabilityIndex {
  /// The domain indices of the trained group and of the other: the mean of
  /// sign(delta) sqrt(|delta|), delta = change / sigma, weighted by 100 - base.
  double trained = 0.0;
  double other = 0.0;
  /// 100 * other / trained. Undefined when `trained` is not above 0: there is nothing to transfer.
  /// Large when `trained` is small: never show it without that denominator, and never as a
  /// headline. It has no interval.
  Value index = Undefined{"not computed"};
};

/// Throws `invalid_argument` for an empty group, unlike lengths, scores outside [0, 100], a sigma
/// that is not above 0, or a group whose bases are all 100.
TransferabilityIndex transferability_index(const BenchmarkGroup& trained,
                                           const BenchmarkGroup& other);

}  // namespace xfer::stats
#pragma GCC visibility pop
