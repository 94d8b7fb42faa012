// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/hypotheses.hpp"

#include "stats/arms.hpp"
#include "stats/check.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/effects.hpp"
#include "xfer/stats/intervals.hpp"
#include "xfer/stats/multiplicity.hpp"
#include "xfer/stats/paired.hpp"
#include "xfer/stats/power.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace xfer::stats {
namespace {

/// Every arm of the cells once: a run on a target's items may be in several comparisons.
class CellArms {
public:
  explicit CellArms(std::span<const ComparedCell> cells) {
    for (const ComparedCell& cell : cells) {
      Target& target = targets_[cell.target];
      if (target.runs.empty()) target.cell = &cell;
      target.runs.emplace(cell.first.run, &cell.first);
      target.runs.emplace(cell.second.run, &cell.second);
    }
    for (auto& [name, target] : targets_) {
      ItemSetInput& set = sets_.emplace_back();
      set.id = stream_id(name);
      set.weights = target.cell->item_weights;
      set.clusters = target.cell->item_clusters;
      for (const auto& [run, scores] : target.runs) {
        index_[{name, run}] = count_++;
        set.arms.push_back({stream_id(run), run + " on " + name, &scores->scores});
        runs_[run] = scores->scores.size();
      }
    }
  }

  std::span<const ItemSetInput> sets() const { return sets_; }
  std::size_t at(const std::string& target, const std::string& run) const {
    return index_.at({target, run});
  }
  int runs() const {
    std::size_t sum = 0;
    for (const auto& [run, seeds] : runs_) sum += seeds;
    return static_cast<int>(sum);
  }

private:
  struct Target {
    const ComparedCell* cell = nullptr;
    std::map<std::string, const RunScores*> runs;
  };
  std::map<std::string, Target> targets_;
  std::vector<ItemSetInput> sets_;
  std::map<std::pair<std::string, std::string>, std::size_t> index_;
  std::map<std::string, std::size_t> runs_;
  std::size_t count_ = 0;
};

void add_signs(PooledDifference& result) {
  for (const double d : result.cells) {
    result.positive += d > 0.0 ? 1 : 0;
    result.negative += d < 0.0 ? 1 : 0;
  }
  if (result.positive + result.negative > 0)
    result.sign_p = mcnemar_exact(result.positive, result.negative);
}

void add_like_cells(PooledDifference& result, double level) {
  if (result.cells.size() < 3) {
    result.like_cells = Undefined{"needs at least 3 cells"};
    return;
  }
  const std::vector<double> zero(result.cells.size());
  const PairedT t = paired_t(result.cells, zero, level);
  result.like_cells = t.difference;
  result.like_cells_p = t.p;
}

/// Similarities or gains without what belongs to their sources.
void take_out_sources(std::vector<PairValue>& cells, double PairValue::*member) {
  std::vector<PairGain> gains;
  for (const PairValue& cell : cells)
    gains.push_back({std::to_string(cell.source), std::to_string(cell.target), cell.*member});
  const MainEffects effects = main_effects(gains);
  double scale = 0.0;
  for (const PairValue& cell : cells) scale = std::max(scale, std::abs(cell.*member));
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const auto at = std::find_if(effects.sources.begin(), effects.sources.end(),
                                 [&](const MainEffect& e) { return e.name == gains[i].source; });
    double left = cells[i].*member - at->effect;
    // Ties must stay ties: what the fit leaves of rounding is no order. Within a target the
    // comparison is of interactions, a few digits short of the numbers they come from.
    left = std::round(left / (scale * 1e-9 + 1e-300)) * (scale * 1e-9 + 1e-300);
    cells[i].*member = left;
  }
}

/// The coefficient of each target that has one.
std::vector<double> by_target(const std::vector<PairValue>& cells) {
  std::map<std::int64_t, std::pair<std::vector<double>, std::vector<double>>> targets;
  for (const PairValue& cell : cells) {
    targets[cell.target].first.push_back(cell.similarity);
    targets[cell.target].second.push_back(cell.transfer);
  }
  std::vector<double> all;
  for (const auto& [target, lists] : targets) {
    if (lists.first.size() < 3) continue;
    const Value rho = spearman(lists.first, lists.second);
    if (rho.defined()) all.push_back(*rho.number());
  }
  return all;
}

}  // namespace

PooledDifference pooled_difference(std::span<const ComparedCell> cells,
                                   const TransferOptions& options) {
  if (cells.empty()) refuse("pooled_difference: no cells");
  const CellArms index(cells);
  const Arms arms(index.sets(), {options.kind, options.level, options.resamples, options.seed,
                                 "pooled_difference"});
  PooledDifference result;
  result.runs = index.runs();
  Combination mean;
  const double share = 1.0 / static_cast<double>(cells.size());
  for (const ComparedCell& cell : cells) {
    const std::size_t first = index.at(cell.target, cell.first.run);
    const std::size_t second = index.at(cell.target, cell.second.run);
    result.cells.push_back(arms.mean(first) - arms.mean(second));
    mean.push_back({first, share});
    mean.push_back({second, -share});
  }
  bool flat = false;
  result.these_cells = arms.combine(mean, flat);
  if (result.these_cells.defined() && !flat) {
    const Resampled r = arms.resample(mean);
    result.standard_error = std::sqrt(r.variance);
    const BandInput row{r.estimate, r.draws, r.df};
    result.these_cells_p = simultaneous_bands(std::span(&row, 1), options.level)[0].p;
  }
  add_like_cells(result, options.level);
  add_signs(result);
  return result;
}

SimilarityTransfer similarity_transfer(std::span<const PairValue> given, const Value& reliability,
                                       bool without_source_effects,
                                       const PermutationOptions& options) {
  std::vector<PairValue> cells(given.begin(), given.end());
  SimilarityTransfer result;
  result.cells = static_cast<int>(cells.size());
  if (cells.empty()) {
    result.coefficient = Undefined{"no cells"};
    return result;
  }
  if (without_source_effects) {
    take_out_sources(cells, &PairValue::transfer);
    take_out_sources(cells, &PairValue::similarity);
  }
  const PermutationTest test = within_target(cells, options);
  result.coefficient = test.coefficient;
  result.p = test.p;
  result.targets = test.groups;
  if (cells.size() > 3)
    result.smallest = smallest_correlation(static_cast<double>(cells.size()));
  else
    result.smallest = Undefined{"needs more than 3 cells"};
  if (!test.coefficient.defined()) {
    const Undefined why{test.coefficient.reason()};
    result.interval = why;
    result.attenuated = why;
    result.cells_needed = why;
    return result;
  }
  const double rho = *test.coefficient.number();
  if (const std::vector<double> all = by_target(cells); all.size() >= 3) {
    const std::vector<double> zero(all.size());
    Estimate e = paired_t(all, zero).difference;
    result.interval = Estimate{rho, std::max(-1.0, e.lower), std::min(1.0, e.upper)};
  } else {
    result.interval = Undefined{"needs at least 3 targets with 3 sources each"};
  }
  if (!reliability.defined())
    result.attenuated = Undefined{reliability.reason()};
  else if (*reliability.number() <= 0.0)
    result.attenuated = Undefined{"the matrix does not repeat itself between halves of the seeds"};
  else
    result.attenuated = std::clamp(rho / std::sqrt(*reliability.number()), -1.0, 1.0);
  if (std::abs(rho) > 1e-3 && std::abs(rho) < 1.0)
    result.cells_needed = pairs_needed(rho);
  else
    result.cells_needed = Undefined{"the coefficient is 0 or 1"};
  return result;
}

}  // namespace xfer::stats
