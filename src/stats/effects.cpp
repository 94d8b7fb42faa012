// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/effects.hpp"

#include "stats/check.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace xfer::stats {
namespace {

std::size_t index_of(std::vector<MainEffect>& effects, const std::string& name) {
  const auto at = std::find_if(effects.begin(), effects.end(),
                               [&](const MainEffect& e) { return e.name == name; });
  if (at != effects.end()) return static_cast<std::size_t>(at - effects.begin());
  effects.push_back({name, 0.0});
  return effects.size() - 1;
}

struct Cell {
  std::size_t source = 0;
  std::size_t target = 0;
  double gain = 0.0;
};

struct Fit {
  std::vector<double> sources;
  std::vector<double> targets;
  std::vector<double> rest;
  double squares = 0.0;
};

/// One side's effects given the other's: the mean of what the other leaves.
void fit_side(std::vector<double>& effects, const std::vector<double>& others,
              const std::vector<Cell>& cells, std::size_t Cell::*mine, std::size_t Cell::*other,
              double mean) {
  std::vector<double> sums(effects.size());
  std::vector<double> counts(effects.size());
  for (const Cell& cell : cells) {
    sums[cell.*mine] += cell.gain - mean - others[cell.*other];
    counts[cell.*mine] += 1.0;
  }
  for (std::size_t i = 0; i < effects.size(); ++i) effects[i] = sums[i] / counts[i];
}

/// Least squares by alternating between the two sides, which is the Gauss-Seidel iteration on the
/// normal equations and converges for every design.
Fit fit(const std::vector<Cell>& cells, double mean, std::size_t sources, std::size_t targets,
        bool with_sources, bool with_targets) {
  constexpr int rounds_max = 10000;
  Fit result{std::vector<double>(sources), std::vector<double>(targets), {}, 0.0};
  for (int round = 0; round < rounds_max; ++round) {
    const std::vector<double> before = result.sources;
    if (with_targets)
      fit_side(result.targets, result.sources, cells, &Cell::target, &Cell::source, mean);
    if (with_sources)
      fit_side(result.sources, result.targets, cells, &Cell::source, &Cell::target, mean);
    double moved = 0.0;
    double size = 0.0;
    for (std::size_t i = 0; i < before.size(); ++i) {
      moved = std::max(moved, std::abs(result.sources[i] - before[i]));
      size = std::max(size, std::abs(result.sources[i]));
    }
    if (moved <= 1e-13 * std::max(size, 1e-300)) break;
  }
  for (const Cell& cell : cells) {
    result.rest.push_back(cell.gain - mean - result.sources[cell.source] -
                          result.targets[cell.target]);
    result.squares += result.rest.back() * result.rest.back();
  }
  return result;
}

/// Effects that sum to 0; what they lose goes to the mean.
double centre(std::vector<double>& effects) {
  double sum = 0.0;
  for (const double e : effects) sum += e;
  const double mean = sum / static_cast<double>(effects.size());
  for (double& e : effects) e -= mean;
  return mean;
}

}  // namespace

MainEffects main_effects(std::span<const PairGain> cells) {
  if (cells.empty()) refuse("main_effects: no cells");
  MainEffects result;
  std::vector<Cell> known;
  std::set<std::pair<std::size_t, std::size_t>> seen;
  double mean = 0.0;
  for (const PairGain& cell : cells) {
    check_finite(std::span(&cell.gain, 1), "main_effects");
    const std::size_t s = index_of(result.sources, cell.source);
    const std::size_t t = index_of(result.targets, cell.target);
    if (!seen.emplace(s, t).second)
      refuse("main_effects: the cell " + cell.source + " -> " + cell.target + " is given twice");
    known.push_back({s, t, cell.gain});
    mean += cell.gain;
  }
  mean /= static_cast<double>(known.size());
  double total = 0.0;
  for (const Cell& cell : known) total += (cell.gain - mean) * (cell.gain - mean);

  const std::size_t sources = result.sources.size();
  const std::size_t targets = result.targets.size();
  Fit both = fit(known, mean, sources, targets, true, true);
  result.mean = mean + centre(both.sources) + centre(both.targets);
  for (std::size_t i = 0; i < sources; ++i) result.sources[i].effect = both.sources[i];
  for (std::size_t i = 0; i < targets; ++i) result.targets[i].effect = both.targets[i];
  result.interaction = both.rest;

  if (sources < 2 || targets < 2 || known.size() < sources + targets) {
    result.source_share = result.target_share = result.interaction_share =
        Undefined{"too few cells to tell sources, targets and pairs apart"};
    return result;
  }
  if (!(total > 0.0)) {
    result.source_share = result.target_share = result.interaction_share =
        Undefined{"the cells do not differ"};
    return result;
  }
  const double targets_alone = fit(known, mean, sources, targets, false, true).squares;
  const double sources_alone = fit(known, mean, sources, targets, true, false).squares;
  const auto share = [&](double squares) { return std::clamp(squares / total, 0.0, 1.0); };
  result.source_share = share(targets_alone - both.squares);
  result.target_share = share(sources_alone - both.squares);
  result.interaction_share = share(both.squares);
  return result;
}

}  // namespace xfer::stats
