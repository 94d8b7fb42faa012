// SPDX-License-Identifier: Apache-2.0
// Which seeds an adaptive study trains next.
#pragma once

#include "study/ledger/ledger.hpp"

#include "xfer/stats/sequential.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/spec.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

namespace xfer::study {

/// The part of a plan that is to be done now.
struct Wanted {
  std::vector<bool> legs;
  std::vector<bool> evaluations;
};

/// Everything.
Wanted all_of_plan(const Plan& plan);

/// What the first `seeds[cell]` seeds of every cell take, cells being numbered by pair and then by
/// method. A leg's learning curve is made while it is trained, for whatever cell.
Wanted wanted_of(const StudySpec& spec, const Plan& plan, const std::vector<int>& seeds);

/// The looks of one round, without decisions of earlier ones.
using Observe = std::function<stats::SequentialCell(std::size_t cell, int seeds)>;

/// The rules of the game: how many seeds each cell has, looks, and decisions. A function of the
/// scores alone, so that a run that is taken up again decides alike.
class AdaptiveDesign {
public:
  explicit AdaptiveDesign(const StudySpec& spec);

  /// Seeds that each cell has or is to get.
  const std::vector<int>& seeds() const noexcept { return seeds_; }
  /// Nothing more is to be trained.
  bool over() const noexcept { return over_; }
  /// Looks at every cell that is new or got a seed, in one round, and decides which go on. Returns
  /// the looks in the order of the cells.
  std::vector<Look> look(const Observe& observe);

private:
  struct Cell {
    bool looking = true;  ///< has scores that no look has seen
    double certainty = 0.0;
    bool decided = false;
  };
  void choose(std::vector<Look>& looks, const std::vector<std::size_t>& places);

  const StudySpec& spec_;
  double margin_ = 0.0;
  std::vector<double> bounds_;  ///< by look
  std::vector<double> spent_;
  std::vector<int> seeds_;
  std::vector<Cell> cells_;
  int round_ = 0;
  bool over_ = false;
};

/// The scores of a cell's baseline and transfer runs, as the ledger has them.
stats::SequentialCell scores_of(const StudySpec& spec, const Plan& plan, Ledger& ledger,
                                std::size_t cell, int seeds);

}  // namespace xfer::study
