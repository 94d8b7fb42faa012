// SPDX-License-Identifier: Apache-2.0
#include "stats/arms.hpp"

#include "stats/check.hpp"
#include "stats/spread.hpp"
#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <string_view>

namespace xfer::stats {
namespace {

std::vector<std::uint32_t> cluster_indices(std::span<const std::string> labels) {
  std::map<std::string_view, std::uint32_t> known;
  std::vector<std::uint32_t> indices;
  indices.reserve(labels.size());
  for (const std::string& label : labels)
    indices.push_back(known.emplace(label, static_cast<std::uint32_t>(known.size())).first->second);
  return indices;
}

void check_scores(const std::string& name, const std::vector<std::vector<double>>& scores,
                  std::size_t items, ScoreKind kind) {
  if (scores.empty()) refuse(name + " has no seeds");
  for (const auto& row : scores) {
    if (row.size() != items || items == 0)
      refuse(name + " must hold the same items as the others (got " + std::to_string(row.size()) +
             ", allowed " + (items == 0 ? "at least 1" : std::to_string(items)) + ")");
    for (const double score : row)
      if (!std::isfinite(score) || score < 0.0 || (kind == ScoreKind::accuracy && score > 1.0))
        refuse(name + " has a score outside its range (got " + std::to_string(score) +
               ", allowed " + (kind == ScoreKind::accuracy ? "0 to 1" : "0 and more") + ")");
  }
}

Estimate around(double estimate, std::span<const double> draws, double level, double wider) {
  const double tail = (1.0 - level) / 2.0;
  return {estimate, estimate - wider * (estimate - quantile(draws, tail)),
          estimate + wider * (quantile(draws, 1.0 - tail) - estimate)};
}

Undefined too_few_units() { return {"needs at least 2 items that stand alone"}; }

Undefined near_zero(double g) {
  return {"its denominator is not distinguishable from 0 (Fieller g = " +
          std::to_string(g).substr(0, 5) + ")"};
}

}  // namespace

Arms::Arms(std::span<const ItemSetInput> sets, ArmsOptions options)
    : options_(std::move(options)), direction_(options_.kind == ScoreKind::accuracy ? 1.0 : -1.0) {
  check_level(options_.level, options_.operation.c_str());
  for (const ItemSetInput& set : sets) add_set(set);
  check_runs();
}

void Arms::add_set(const ItemSetInput& input) {
  ItemSet set;
  if (!input.arms.empty() && !input.arms.front().scores->empty())
    set.items = input.arms.front().scores->front().size();
  if (!input.clusters.empty() && input.clusters.size() != set.items)
    refuse(options_.operation + ": one cluster label per item (got " +
           std::to_string(input.clusters.size()) + " for " + std::to_string(set.items) + ")");
  const std::vector<std::uint32_t> clusters = cluster_indices(input.clusters);
  set.units =
      clusters.empty() ? set.items : *std::max_element(clusters.begin(), clusters.end()) + 1U;
  set.weighted = !input.weights.empty();

  std::vector<Arm> added;
  std::vector<ArmView> views;
  for (const ArmInput& given : input.arms) {
    check_scores(options_.operation + ": " + given.name, *given.scores, set.items, options_.kind);
    Arm& arm = added.emplace_back();
    arm.set = sets_.size();
    arm.run = given.run;
    for (const auto& row : *given.scores)
      for (const double score : row) arm.scores.push_back(direction_ * score);
  }
  for (const Arm& arm : added)
    views.push_back({arm.scores, arm.scores.size() / set.items, arm.run});
  if (!views.empty()) {
    const BootstrapOptions resampling = {options_.resamples, options_.seed, input.weights, clusters,
                                         input.id};
    auto draws = crossed_bootstrap(views, resampling);
    for (std::size_t a = 0; a < added.size(); ++a) {
      added[a].mean = arm_mean(views[a], input.weights);
      added[a].residual = residual_variance(views[a], resampling);
      added[a].draws = std::move(draws[a]);
      for (std::size_t s = 0; s < views[a].seeds; ++s)
        added[a].row_means.push_back(
            arm_mean({views[a].scores.subspan(s * set.items, set.items), 1, 0}, input.weights));
    }
  }
  sets_.push_back(set);
  std::move(added.begin(), added.end(), std::back_inserter(arms_));
}

void Arms::check_runs() const {
  std::map<std::uint64_t, std::size_t> known;
  for (const Arm& arm : arms_) {
    const std::size_t count = known.emplace(arm.run, arm.row_means.size()).first->second;
    if (count != arm.row_means.size())
      refuse(options_.operation + ": the same training runs have " + std::to_string(count) +
             " seeds on one set of items and " + std::to_string(arm.row_means.size()) +
             " on another");
  }
}

double Arms::seed_variance(std::size_t arm) const { return variance(arms_[arm].row_means); }

std::optional<std::int64_t> Arms::successes(std::size_t arm) const {
  const ItemSet& set = sets_[arms_[arm].set];
  if (options_.kind != ScoreKind::accuracy || seeds(arm) != 1 || set.weighted ||
      set.units != set.items)
    return std::nullopt;
  std::int64_t count = 0;
  for (const double score : arms_[arm].scores) {
    if (score != 0.0 && score != 1.0) return std::nullopt;
    count += score == 1.0 ? 1 : 0;
  }
  return count;
}

double Arms::value(const Combination& combination) const {
  double sum = 0.0;
  for (const Term& term : combination) sum += term.factor * arms_[term.arm].mean;
  return sum;
}

std::vector<double> Arms::draws(const Combination& combination) const {
  std::vector<double> sums(static_cast<std::size_t>(options_.resamples));
  for (const Term& term : combination)
    for (std::size_t r = 0; r < sums.size(); ++r) sums[r] += term.factor * arms_[term.arm].draws[r];
  return sums;
}

double Arms::df(const Combination& combination, double variance_all) const {
  std::map<std::uint64_t, std::vector<double>> by_run;
  for (const Term& term : combination) {
    const std::vector<double>& rows = arms_[term.arm].row_means;
    if (rows.size() < 2) continue;
    auto& series = by_run[arms_[term.arm].run];
    series.resize(rows.size());
    for (std::size_t s = 0; s < rows.size(); ++s) series[s] += term.factor * rows[s];
  }
  std::vector<std::vector<double>> all;
  for (auto& [run, series] : by_run) all.push_back(std::move(series));
  return degrees_of_freedom(all, variance_all, least_units(combination));
}

std::size_t Arms::least_units(const Combination& combination) const {
  std::size_t least = units(combination.front().arm);
  for (const Term& term : combination) least = std::min(least, units(term.arm));
  return least;
}

double Arms::residual(const Combination& combination) const {
  std::map<std::size_t, double> factors;
  for (const Term& term : combination) factors[term.arm] += term.factor;
  double sum = 0.0;
  for (const auto& [arm, factor] : factors) sum += factor * factor * arms_[arm].residual;
  return sum;
}

double Arms::stretch(const Combination& combination) const {
  const double raw = variance(draws(combination));
  if (!(raw > 0.0)) return 1.0;
  const double corrected = corrected_variance(raw, residual(combination));
  return std::sqrt(corrected / raw) * widening(options_.level, df(combination, corrected));
}

Resampled Arms::resample(const Combination& combination) const {
  Resampled result;
  result.estimate = value(combination);
  result.draws = draws(combination);
  const double raw = variance(result.draws);
  result.flat = is_flat(raw, result.estimate);
  result.variance = corrected_variance(raw, residual(combination));
  if (!result.flat) {
    const double shrink = std::sqrt(result.variance / raw);
    for (double& draw : result.draws) draw = result.estimate + shrink * (draw - result.estimate);
  }
  result.df = df(combination, result.variance);
  return result;
}

double Arms::flat_margin(const Combination& combination, double level) const {
  if (options_.kind != ScoreKind::accuracy) return 0.0;
  return clopper_pearson(0, static_cast<std::int64_t>(least_units(combination)), level).upper;
}

Metric Arms::combine(const Combination& combination, bool& flat) const {
  if (least_units(combination) < 2) return too_few_units();
  const Resampled r = resample(combination);
  if (!r.flat) return around(r.estimate, r.draws, options_.level, widening(options_.level, r.df));
  flat = true;
  // No item told the arms apart: what n items can rule out at this level is their only bound.
  const double margin = flat_margin(combination, options_.level);
  return Estimate{r.estimate, r.estimate - margin, r.estimate + margin};
}

Metric Arms::ratio(const Combination& numerator, const Combination& denominator,
                   double offset) const {
  if (std::min(least_units(numerator), least_units(denominator)) < 2) return too_few_units();
  const double top = value(numerator);
  const double bottom = offset + value(denominator);
  if (bottom == 0.0) return Undefined{"its denominator is 0"};
  const double estimate = top / bottom;
  const std::vector<double> tops = draws(numerator);
  std::vector<double> bottoms = draws(denominator);
  for (double& b : bottoms) b += offset;

  Combination linear;  // the ratio's first-order change
  for (const Term& term : numerator) linear.push_back({term.arm, term.factor / bottom});
  for (const Term& term : denominator)
    linear.push_back({term.arm, -estimate * term.factor / bottom});
  const double wider = stretch(linear);
  const double bottom_wider = std::max(wider, stretch(denominator));
  const double scale = bottom_wider * bottom_wider;
  const Fieller check = fieller({top, bottom, scale * variance(tops), scale * variance(bottoms),
                                 scale * covariance(tops, bottoms)},
                                options_.level);
  if (!check.bounded) return near_zero(check.g);
  if (std::any_of(bottoms.begin(), bottoms.end(), [&](double b) { return b * bottom <= 0.0; }))
    return check.ratio;
  std::vector<double> ratios(tops.size());
  for (std::size_t r = 0; r < ratios.size(); ++r) ratios[r] = tops[r] / bottoms[r];
  return around(estimate, ratios, options_.level, wider);
}

Metric Arms::ratio_difference(const Combination& first, const Combination& first_denominator,
                              const Combination& second,
                              const Combination& second_denominator) const {
  const Metric one = ratio(first, first_denominator);
  if (!one.defined()) return one;
  const Metric other = ratio(second, second_denominator);
  if (!other.defined()) return other;
  const double a = one.estimate()->value;
  const double b = other.estimate()->value;
  const double bottom_a = value(first_denominator);
  const double bottom_b = value(second_denominator);
  Combination linear;
  for (const Term& t : first) linear.push_back({t.arm, t.factor / bottom_a});
  for (const Term& t : first_denominator) linear.push_back({t.arm, -a * t.factor / bottom_a});
  for (const Term& t : second) linear.push_back({t.arm, -t.factor / bottom_b});
  for (const Term& t : second_denominator) linear.push_back({t.arm, b * t.factor / bottom_b});
  const double wider = stretch(linear);
  const auto tops_a = draws(first);
  const auto bottoms_a = draws(first_denominator);
  const auto tops_b = draws(second);
  const auto bottoms_b = draws(second_denominator);
  std::vector<double> differences(tops_a.size());
  for (std::size_t r = 0; r < differences.size(); ++r) {
    if (bottoms_a[r] * bottom_a <= 0.0 || bottoms_b[r] * bottom_b <= 0.0)
      return Undefined{"a ceiling is not distinguishable from 0"};
    differences[r] = tops_a[r] / bottoms_a[r] - tops_b[r] / bottoms_b[r];
  }
  return around(a - b, differences, options_.level, wider);
}

}  // namespace xfer::stats
