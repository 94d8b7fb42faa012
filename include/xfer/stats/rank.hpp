// SPDX-License-Identifier: Apache-2.0
// Rank correlations and rank tests, and the permutations that suit the cells of one matrix.
#pragma once

#include "xfer/stats/value.hpp"

#include <cstdint>
#include <span>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// Ranks from 1, tied values sharing the mean of theirs. Throws `invalid_argument` for values that
/// are not finite.
std::vector<double> ranks(std::span<const double> values);

/// Spearman's rho (1904): the correlation of the ranks, ties sharing their mean rank, in [-1, 1].
/// Undefined for fewer than 2 pairs or a list without variation. Throws `invalid_argument` for
/// unlike lengths or values that are not finite.
Value spearman(std::span<const double> x, std::span<const double> y);

/// Kendall's tau-b (1945), corrected for ties, in [-1, 1]; O(n^2). Same reasons and errors.
Value kendall(std::span<const double> x, std::span<const double> y);

enum class RankMeasure { spearman, kendall };

/// One cell of a matrix: a similarity of source and target, and the transfer between them.
struct PairValue {
  std::int64_t source = 0;
  std::int64_t target = 0;
  double similarity = 0.0;
  double transfer = 0.0;
};

struct PermutationOptions {
  RankMeasure measure = RankMeasure::spearman;
  /// 100 to 10000000.
  int permutations = 10000;
  std::uint64_t seed = 0;
};

struct PermutationTest {
  /// The coefficient; for a test within targets, its mean over them.
  Value coefficient = Undefined{"not computed"};
  /// Two-sided; 1 when the coefficient is undefined.
  double p = 1.0;
  /// Whether all permutations were counted; else `p` is (hits + 1) / (permutations + 1) (Phipson
  /// and Smyth 2010).
  bool exact = false;
  /// Targets whose coefficient is defined, or domains of a Mantel test.
  int groups = 0;
};

/// Whether similarity goes with transfer among the sources of each target: the rank correlation
/// within a target, averaged over targets, tested by relabelling the sources within each target
/// independently. It asks about targets that stand alone: where sources are good or bad for all
/// targets alike, remove that main effect first, or use `mantel`, which keeps it. Targets with
/// fewer than 3 cells or without variation are left out. Throws `invalid_argument` for a cell given
/// twice, values that are not finite, or permutations out of range.
PermutationTest within_target(std::span<const PairValue> cells,
                              const PermutationOptions& options = {});

/// Mantel's test (1967) of two square matrices (row-major, `size` x `size`, row the source), over
/// the cells off the diagonal: rows and columns of one are relabelled together. All permutations
/// are counted up to 8 domains. Undefined for fewer than 3 domains or a matrix without variation
/// off the diagonal. Throws `invalid_argument` for lists that are not size x size or hold values
/// that are not finite off the diagonal, or permutations out of range.
PermutationTest mantel(std::span<const double> x, std::span<const double> y, std::size_t size,
                       const PermutationOptions& options = {});

/// Mann and Whitney's rank test (1947) of two independent lists.
struct MannWhitney {
  /// Pairs in which the first list's value is larger, ties counting half.
  double u = 0.0;
  /// u over the number of pairs: the chance that a value of the first list is the larger.
  double probability = 0.5;
  /// Two-sided.
  double p = 1.0;
  /// Whether `p` is exact (no ties and at most 2500 pairs); else it is the normal approximation
  /// with the corrections for ties and continuity.
  bool exact = false;
};

/// Throws `invalid_argument` for an empty list or values that are not finite.
MannWhitney mann_whitney(std::span<const double> x, std::span<const double> y);

}  // namespace xfer::stats
#pragma GCC visibility pop
