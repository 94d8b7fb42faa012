// SPDX-License-Identifier: Apache-2.0
#include "study/run/adaptive.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <utility>

namespace xfer::study {
namespace {

std::size_t cell_count(const StudySpec& spec) { return spec.pairs.size() * spec.methods.size(); }

std::size_t cell_of(const StudySpec& spec, const PlannedCondition& planned) {
  const auto method = std::find(spec.methods.begin(), spec.methods.end(), planned.method);
  return planned.pair * spec.methods.size() +
         static_cast<std::size_t>(method - spec.methods.begin());
}

/// Place of a seed in the study's list.
int place_of(const StudySpec& spec, std::uint64_t seed) {
  return static_cast<int>(std::find(spec.seeds.begin(), spec.seeds.end(), seed) -
                          spec.seeds.begin());
}

bool by_bits(const StudySpec& spec) { return spec.hypotheses.score == "bits_per_byte"; }

}  // namespace

Wanted all_of_plan(const Plan& plan) {
  return {std::vector<bool>(plan.legs.size(), true),
          std::vector<bool>(plan.evaluations.size(), true)};
}

Wanted wanted_of(const StudySpec& spec, const Plan& plan, const std::vector<int>& seeds) {
  Wanted wanted{std::vector<bool>(plan.legs.size()), std::vector<bool>(plan.evaluations.size())};
  for (const PlannedCondition& c : plan.conditions) {
    const bool base = c.condition == Condition::baseline;
    if (!base && place_of(spec, c.seed) >= seeds[cell_of(spec, c)]) continue;
    wanted.evaluations[c.evaluation] = true;
    for (const PlannedPoint& point : c.curve) wanted.evaluations[point.evaluation] = true;
    for (const PlannedTest& test : c.further) wanted.evaluations[test.evaluation] = true;
    for (const PlannedStage& stage : c.stages) wanted.legs[stage.leg] = true;
  }
  for (std::size_t leg = plan.legs.size(); leg-- > 0;)
    if (wanted.legs[leg] && plan.legs[leg].parent) wanted.legs[*plan.legs[leg].parent] = true;
  for (std::size_t e = 0; e < plan.evaluations.size(); ++e) {
    const PlannedEvaluation& planned = plan.evaluations[e];
    if (planned.leg && wanted.legs[*planned.leg] && planned.step < plan.legs[*planned.leg].steps)
      wanted.evaluations[e] = true;
  }
  return wanted;
}

AdaptiveDesign::AdaptiveDesign(const StudySpec& spec)
    : spec_(spec),
      margin_(by_bits(spec) ? spec.hypotheses.margin_bits : spec.hypotheses.margin_points / 100.0),
      seeds_(cell_count(spec), spec.looks.first_seeds), cells_(cell_count(spec)) {
  const auto spending = spec.looks.spending == "pocock" ? stats::ErrorSpending::pocock
                                                        : stats::ErrorSpending::obrien_fleming;
  const double alpha = spec.looks.error_rate / static_cast<double>(cells_.size());
  std::vector<double> times;
  const auto most = static_cast<int>(spec.seeds.size());
  for (int seeds = spec.looks.first_seeds; seeds <= most; ++seeds) {
    times.push_back(static_cast<double>(seeds) / most);
    spent_.push_back(stats::spent_error(spending, alpha, times.back()));
  }
  bounds_ = stats::spending_bounds(spending, alpha, times);
}

std::vector<Look> AdaptiveDesign::look(const Observe& observe) {
  ++round_;
  std::vector<stats::SequentialCell> seen;
  std::vector<std::size_t> places;
  for (std::size_t cell = 0; cell < cells_.size(); ++cell) {
    if (!std::exchange(cells_[cell].looking, false)) continue;
    places.push_back(cell);
    seen.push_back(observe(cell, seeds_[cell]));
    seen.back().bound = bounds_[static_cast<std::size_t>(seeds_[cell] - spec_.looks.first_seeds)];
  }
  const std::vector<stats::RepeatedInterval> intervals = stats::repeated_intervals(seen);
  std::vector<Look> looks;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t cell = places[i];
    const Estimate& gain = intervals[i].gain;
    Look& look = looks.emplace_back();
    look.round = round_;
    std::tie(look.source, look.target) = spec_.pairs[cell / spec_.methods.size()];
    look.method = spec_.methods[cell % spec_.methods.size()];
    look.seeds = seeds_[cell];
    look.gain = gain.value;
    look.lower = gain.lower;
    look.upper = gain.upper;
    look.bound = seen[i].bound;
    look.spent = spent_[static_cast<std::size_t>(look.seeds - spec_.looks.first_seeds)];
    look.verdict = gain.lower > 0.0                                ? "gain"
                   : gain.upper < 0.0                              ? "loss"
                   : gain.lower > -margin_ && gain.upper < margin_ ? "equivalent"
                                                                   : "open";
    cells_[cell].decided = look.verdict != "open";
    // 1 is where a verdict falls: the interval leaves zero, or fits within the margin.
    const double half = std::max(0.5 * (gain.upper - gain.lower), 1e-12);
    cells_[cell].certainty = std::max(std::abs(gain.value), margin_ - std::abs(gain.value)) / half;
  }
  choose(looks, places);
  return looks;
}

/// The least certain first. Cells that were passed over in an earlier round stand in line again.
void AdaptiveDesign::choose(std::vector<Look>& looks, const std::vector<std::size_t>& places) {
  std::vector<std::size_t> line;
  for (std::size_t cell = 0; cell < cells_.size(); ++cell)
    if (!cells_[cell].decided && seeds_[cell] < static_cast<int>(spec_.seeds.size()))
      line.push_back(cell);
  std::stable_sort(line.begin(), line.end(), [&](std::size_t a, std::size_t b) {
    return cells_[a].certainty < cells_[b].certainty;
  });
  std::size_t most = line.size();
  if (spec_.looks.cells > 0) most = std::min(most, static_cast<std::size_t>(spec_.looks.cells));
  if (spec_.looks.cell_seeds > 0) {
    const int used = std::accumulate(seeds_.begin(), seeds_.end(), 0);
    most = std::min(most, static_cast<std::size_t>(std::max(0, spec_.looks.cell_seeds - used)));
  }
  line.resize(most);
  over_ = line.empty();
  for (const std::size_t cell : line) {
    ++seeds_[cell];
    cells_[cell].looking = true;
    const auto place = std::find(places.begin(), places.end(), cell);
    if (place != places.end())
      looks[static_cast<std::size_t>(place - places.begin())].goes_on = true;
  }
}

stats::SequentialCell scores_of(const StudySpec& spec, const Plan& plan, Ledger& ledger,
                                std::size_t cell, int seeds) {
  std::vector<std::size_t> trained(static_cast<std::size_t>(seeds));
  std::size_t base = 0;
  for (const PlannedCondition& c : plan.conditions) {
    if (cell_of(spec, c) != cell) continue;
    if (c.condition == Condition::baseline) base = c.evaluation;
    const int place = place_of(spec, c.seed);
    if (c.condition == Condition::transfer && place < seeds)
      trained[static_cast<std::size_t>(place)] = c.evaluation;
  }
  stats::SequentialCell found;
  std::map<std::string, std::uint32_t> clusters;
  const bool bits = by_bits(spec);
  const auto row_of = [&](std::size_t evaluation, bool first) {
    std::vector<double> row;
    for (const Ledger::ItemScore& item : ledger.item_scores(evaluation)) {
      if (bits && item.reference_bytes == 0) continue;  // has nothing to say
      const auto bytes = static_cast<double>(item.reference_bytes);
      // Negated bits, so that a positive gain is an improvement.
      row.push_back(bits ? -item.reference_bits / bytes : item.score);
      if (!first) continue;
      if (bits) found.item_weights.push_back(bytes);
      const std::string label =
          item.cluster.empty() ? "item " + std::to_string(row.size()) : "of " + item.cluster;
      const auto next = static_cast<std::uint32_t>(clusters.size());
      found.item_clusters.push_back(clusters.emplace(label, next).first->second);
    }
    return row;
  };
  found.baseline = row_of(base, true);
  for (const std::size_t evaluation : trained) found.scores.push_back(row_of(evaluation, false));
  return found;
}

}  // namespace xfer::study
