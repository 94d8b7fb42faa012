// SPDX-License-Identifier: Apache-2.0
// Simulated cells with known truth: items of varying difficulty, training runs of varying luck.
#pragma once

#include "xfer/rng.hpp"
#include "xfer/stats/transfer.hpp"

#include <cmath>
#include <cstddef>
#include <vector>

namespace xfer::stats {

struct Simulation {
  std::size_t items = 200;
  std::size_t seeds = 3;
  /// Logit shift of the trained arms, and its spread between training runs.
  double transfer_shift = 0.5;
  double direct_shift = 1.2;
  double seed_spread = 0.15;
  double item_spread = 1.5;
};

inline double logistic(double x) { return 1.0 / (1.0 + std::exp(-x)); }

/// One row of right and wrong answers.
inline std::vector<double> answer(const std::vector<double>& difficulty, double shift, Rng& rng) {
  std::vector<double> row;
  row.reserve(difficulty.size());
  for (const double d : difficulty) row.push_back(rng.uniform() < logistic(shift - d) ? 1.0 : 0.0);
  return row;
}

/// The baseline answers once; transfer and direct once per seed.
inline std::vector<ConditionScores> simulate(const Simulation& s, Rng& rng) {
  std::vector<double> difficulty(s.items);
  for (double& d : difficulty) d = s.item_spread * rng.normal();
  std::vector<ConditionScores> cell(3);
  cell[0] = {Condition::baseline, {answer(difficulty, 0.0, rng)}};
  cell[1].condition = Condition::transfer;
  cell[2].condition = Condition::direct;
  for (std::size_t k = 0; k < s.seeds; ++k) {
    cell[1].scores.push_back(
        answer(difficulty, s.transfer_shift + s.seed_spread * rng.normal(), rng));
    cell[2].scores.push_back(
        answer(difficulty, s.direct_shift + s.seed_spread * rng.normal(), rng));
  }
  return cell;
}

/// Expected score of an arm with that shift, over items and training runs.
inline double true_score(const Simulation& s, double shift, double seed_spread) {
  const double sd = std::sqrt(s.item_spread * s.item_spread + seed_spread * seed_spread);
  double sum = 0.0;
  double total = 0.0;
  for (int i = -800; i <= 800; ++i) {
    const double z = i / 100.0;
    const double density = std::exp(-z * z / 2.0);
    sum += density * logistic(shift + sd * z);
    total += density;
  }
  return sum / total;
}

}  // namespace xfer::stats
