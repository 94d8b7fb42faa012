#include "stats/cell.hpp"

#include "stats/check.hpp"
#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace xfer::stats {
namespace {

double variance(std::span<const double> values) {
  const auto n = static_cast<double>(values.size());
  double mean = 0.0;
  for (const double v : values) mean += v / n;
  double squares = 0.0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  return squares / (n - 1.0);
}

double covariance(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<double>(a.size());
  double mean_a = 0.0;
  double mean_b = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    mean_a += a[i] / n;
    mean_b += b[i] / n;
  }
  double products = 0.0;
  for (std::size_t i = 0; i < a.size(); ++i) products += (a[i] - mean_a) * (b[i] - mean_b);
  return products / (n - 1.0);
}

std::vector<std::uint32_t> cluster_indices(const std::vector<std::string>& labels) {
  std::map<std::string_view, std::uint32_t> known;
  std::vector<std::uint32_t> indices;
  indices.reserve(labels.size());
  for (const std::string& label : labels)
    indices.push_back(
        known.emplace(label, static_cast<std::uint32_t>(known.size())).first->second);
  return indices;
}

void check_scores(const ConditionScores& given, std::size_t items, ScoreKind kind) {
  const std::string name = "transfer_metrics: " + std::string(to_string(given.condition));
  if (given.scores.empty()) refuse(name + " has no seeds");
  for (const auto& row : given.scores) {
    if (row.size() != items || items == 0)
      refuse(name + " must hold the same items as the others (got " + std::to_string(row.size()) +
             ", allowed " + (items == 0 ? "at least 1" : std::to_string(items)) + ")");
    for (const double score : row)
      if (!std::isfinite(score) || score < 0.0 || (kind == ScoreKind::accuracy && score > 1.0))
        refuse(name + " has a score outside its range (got " + std::to_string(score) +
               ", allowed " + (kind == ScoreKind::accuracy ? "0 to 1" : "0 and more") + ")");
  }
}

Estimate around(double estimate, std::span<const double> draws, double level, double widening) {
  const double tail = (1.0 - level) / 2.0;
  return {estimate, estimate - widening * (estimate - quantile(draws, tail)),
          estimate + widening * (quantile(draws, 1.0 - tail) - estimate)};
}

/// Spread below what single-precision resampling can tell from none.
bool is_flat(double variance, double scale) {
  return std::sqrt(variance) <= 1e-9 * std::max(1.0, std::abs(scale));
}

}  // namespace

Cell::Cell(std::span<const ConditionScores> conditions, const TransferOptions& options)
    : options_(options), direction_(options.kind == ScoreKind::accuracy ? 1.0 : -1.0) {
  check_level(options.level, "transfer_metrics");
  if (conditions.empty()) refuse("transfer_metrics: no conditions");
  if (!conditions.front().scores.empty()) items_ = conditions.front().scores.front().size();
  if (!options.item_clusters.empty() && options.item_clusters.size() != items_)
    refuse("transfer_metrics: one cluster label per item (got " +
           std::to_string(options.item_clusters.size()) + " for " + std::to_string(items_) + ")");
  for (const ConditionScores& given : conditions) {
    if (arm_of(given.condition))
      refuse("transfer_metrics: condition " + std::string(to_string(given.condition)) +
             " is given twice");
    check_scores(given, items_, options.kind);
    Arm arm;
    arm.condition = given.condition;
    for (const auto& row : given.scores)
      for (const double score : row) arm.scores.push_back(direction_ * score);
    arms_.push_back(std::move(arm));
  }
  const std::vector<std::uint32_t> clusters = cluster_indices(options.item_clusters);
  units_ = clusters.empty() ? items_ : *std::max_element(clusters.begin(), clusters.end()) + 1U;

  const std::span<const double> weights = options_.item_weights;
  std::vector<ArmView> views;
  for (const Arm& arm : arms_)
    views.push_back({arm.scores, arm.scores.size() / items_,
                     static_cast<std::uint64_t>(arm.condition)});
  auto draws = crossed_bootstrap(views, {options.resamples, options.seed, weights, clusters});
  for (std::size_t a = 0; a < arms_.size(); ++a) {
    Arm& arm = arms_[a];
    arm.mean = arm_mean(views[a], weights);
    arm.draws = std::move(draws[a]);
    for (std::size_t s = 0; s < views[a].seeds; ++s)
      arm.row_means.push_back(
          arm_mean({std::span<const double>(arm.scores).subspan(s * items_, items_), 1, 0},
                   weights));
  }
}

std::optional<std::size_t> Cell::arm_of(Condition condition) const {
  for (std::size_t a = 0; a < arms_.size(); ++a)
    if (arms_[a].condition == condition) return a;
  return std::nullopt;
}

std::optional<std::int64_t> Cell::successes(std::size_t arm) const {
  if (options_.kind != ScoreKind::accuracy || seeds(arm) != 1 || !options_.item_weights.empty() ||
      units_ != items_)
    return std::nullopt;
  std::int64_t count = 0;
  for (const double score : arms_[arm].scores) {
    if (score != 0.0 && score != 1.0) return std::nullopt;
    count += score == 1.0 ? 1 : 0;
  }
  return count;
}

double Cell::value(const Combination& combination) const {
  double sum = 0.0;
  for (const Term& term : combination) sum += term.factor * arms_[term.arm].mean;
  return sum;
}

std::vector<double> Cell::draws(const Combination& combination) const {
  std::vector<double> sums(static_cast<std::size_t>(options_.resamples));
  for (const Term& term : combination)
    for (std::size_t r = 0; r < sums.size(); ++r)
      sums[r] += term.factor * arms_[term.arm].draws[r];
  return sums;
}

double Cell::widening(const Combination& combination, double variance_all) const {
  std::map<std::size_t, double> factors;
  for (const Term& term : combination) factors[term.arm] += term.factor;
  double between = 0.0;
  double squares = 0.0;
  for (const auto& [arm, factor] : factors) {
    if (seeds(arm) < 2) continue;
    const auto count = static_cast<double>(seeds(arm));
    const double part = factor * factor * variance(arms_[arm].row_means) / count;
    between += part;
    squares += part * part / (count - 1.0);
  }
  const double rest = std::max(0.0, variance_all - between);
  squares += rest * rest / static_cast<double>(units_ - 1);
  if (!(squares > 0.0)) return 1.0;
  const double all = between + rest;
  const double df = std::max(1.0, all * all / squares);
  return critical_t(options_.level, df) / critical_normal(options_.level);
}

Metric Cell::combine(const Combination& combination, bool& flat) const {
  if (units_ < 2) return Undefined{"needs at least 2 items that stand alone"};
  const double estimate = value(combination);
  const std::vector<double> sums = draws(combination);
  const double spread = variance(sums);
  if (!is_flat(spread, estimate))
    return around(estimate, sums, options_.level, widening(combination, spread));
  flat = true;
  // No item told the arms apart: what n items can rule out at this level is their only bound.
  const double margin =
      options_.kind == ScoreKind::accuracy
          ? clopper_pearson(0, static_cast<std::int64_t>(units_), options_.level).upper
          : 0.0;
  return Estimate{estimate, estimate - margin, estimate + margin};
}

Metric Cell::ratio(const Combination& numerator, const Combination& denominator) const {
  if (units_ < 2) return Undefined{"needs at least 2 items that stand alone"};
  const double top = value(numerator);
  const double bottom = value(denominator);
  const double estimate = top / bottom;
  const std::vector<double> tops = draws(numerator);
  const std::vector<double> bottoms = draws(denominator);

  Combination linear;  // the ratio's first-order change
  for (const Term& term : numerator) linear.push_back({term.arm, term.factor / bottom});
  for (const Term& term : denominator)
    linear.push_back({term.arm, -estimate * term.factor / bottom});
  const double wider = widening(linear, variance(draws(linear)));
  const double bottom_variance = variance(bottoms);
  const double bottom_wider = std::max(wider, widening(denominator, bottom_variance));
  const double scale = bottom_wider * bottom_wider;
  const Fieller check = fieller({top, bottom, scale * variance(tops), scale * bottom_variance,
                                 scale * covariance(tops, bottoms)},
                                options_.level);
  if (!check.bounded)
    return Undefined{"its denominator is not distinguishable from 0 (Fieller g = " +
                     std::to_string(check.g).substr(0, 5) + ")"};
  if (std::any_of(bottoms.begin(), bottoms.end(), [](double b) { return b <= 0.0; }))
    return check.ratio;
  std::vector<double> ratios(tops.size());
  for (std::size_t r = 0; r < ratios.size(); ++r) ratios[r] = tops[r] / bottoms[r];
  return around(estimate, ratios, options_.level, wider);
}

}  // namespace xfer::stats
