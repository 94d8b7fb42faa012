#include "xfer/stats/transfer.hpp"

#include "stats/cell.hpp"
#include "stats/check.hpp"
#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <cstdio>

namespace xfer::stats {
namespace {

/// Below this, percentile intervals over items are too narrow to be taken at their word.
constexpr std::size_t few_items = 30;

std::string in_units(double value, ScoreKind kind) {
  char text[64];
  if (kind == ScoreKind::accuracy)
    std::snprintf(text, sizeof text, "%.1f points", 100.0 * value);
  else
    std::snprintf(text, sizeof text, "%.3f bits per byte", value);
  return text;
}

/// A metric, cut to the range that scores allow.
Metric within(const Metric& metric, double low, double high) {
  const Estimate* e = metric.estimate();
  if (!e) return metric;
  return Estimate{e->value, std::clamp(e->lower, low, high), std::clamp(e->upper, low, high)};
}

class Analysis {
public:
  Analysis(std::span<const ConditionScores> conditions, const TransferOptions& options)
      : options_(options), cell_(conditions, options), given_(conditions) {
    if (!cell_.arm_of(Condition::baseline))
      refuse("transfer_metrics: the baseline condition is missing");
  }

  TransferAnalysis run() {
    TransferAnalysis result;
    for (std::size_t a = 0; a < given_.size(); ++a)
      result.means.push_back({given_[a].condition, mean_of(a)});
    TransferMetrics& m = result.metrics;
    m.gain = difference(Condition::transfer, Condition::baseline);
    m.ceiling = difference(Condition::direct, Condition::baseline);
    m.gain_above_control = difference(Condition::transfer, Condition::format_control);
    m.sequential_over_direct = difference(Condition::sequential, Condition::direct);
    m.joint_over_direct = difference(Condition::joint, Condition::direct);
    m.efficiency = efficiency(m.gain, m.ceiling);
    m.relative_transfer = relative(m.gain);
    add_notes();
    result.notes = std::move(notes_);
    return result;
  }

private:
  Metric mean_of(std::size_t arm) {
    if (const auto successes = cell_.successes(arm))
      return wilson(*successes, static_cast<std::int64_t>(cell_.units()), options_.level);
    bool flat = false;
    const Metric mean = cell_.combine({{arm, cell_.direction()}}, flat);
    return within(mean, 0.0, options_.kind == ScoreKind::accuracy ? 1.0 : 1e308);
  }

  Metric difference(Condition first, Condition second) {
    const auto a = cell_.arm_of(first);
    const auto b = cell_.arm_of(second);
    if (!a || !b)
      return Undefined{"no " + std::string(to_string(a ? second : first)) + " condition"};
    bool flat = false;
    const Metric metric = cell_.combine({{*a, 1.0}, {*b, -1.0}}, flat);
    if (flat)
      notes_.push_back(
          std::string(to_string(first)) + " and " + std::string(to_string(second)) +
          " do not differ on any item in a way that resampling can vary; " +
          (options_.kind == ScoreKind::accuracy
               ? "their interval is what the number of items can rule out"
               : "their interval has no width"));
    return options_.kind == ScoreKind::accuracy ? within(metric, -1.0, 1.0) : metric;
  }

  Metric efficiency(const Metric& gain, const Metric& ceiling) {
    if (!gain.defined()) return Undefined{gain.reason()};
    if (!ceiling.defined()) return Undefined{ceiling.reason()};
    const Estimate& c = *ceiling.estimate();
    const double least = options_.ceiling_min.value_or(
        options_.kind == ScoreKind::accuracy ? 0.02 : 0.01);
    if (c.lower <= 0.0) return Undefined{"direct gain not distinguishable from 0"};
    if (c.lower <= least)
      return Undefined{"direct gain not clearly above " + in_units(least, options_.kind)};
    return cell_.ratio(above_baseline(Condition::transfer), above_baseline(Condition::direct));
  }

  Metric relative(const Metric& gain) {
    if (!gain.defined()) return Undefined{gain.reason()};
    const std::size_t base = *cell_.arm_of(Condition::baseline);
    const double score = cell_.direction() * cell_.mean(base);
    const double least = options_.baseline_min.value_or(0.05);
    if (score < least || score == 0.0)
      return Undefined{options_.kind == ScoreKind::accuracy
                           ? "baseline below " + in_units(least, options_.kind).substr(0, 3) + " %"
                           : "baseline below " + in_units(least, options_.kind)};
    return cell_.ratio(above_baseline(Condition::transfer), {{base, cell_.direction()}});
  }

  Combination above_baseline(Condition condition) const {
    return {{*cell_.arm_of(condition), 1.0}, {*cell_.arm_of(Condition::baseline), -1.0}};
  }

  void add_notes() {
    std::string single;
    for (std::size_t a = 0; a < given_.size(); ++a)
      if (given_[a].condition != Condition::baseline && cell_.seeds(a) == 1)
        single += (single.empty() ? "" : ", ") + std::string(to_string(given_[a].condition));
    if (!single.empty())
      notes_.push_back("one seed only (" + single +
                       "): intervals cover the choice of items, not the spread between training "
                       "runs");
    if (cell_.units() < few_items)
      notes_.push_back("only " + std::to_string(cell_.units()) +
                       " items stand alone; intervals from resampling are too narrow below " +
                       std::to_string(few_items));
    const std::size_t base = *cell_.arm_of(Condition::baseline);
    if (options_.kind == ScoreKind::accuracy && cell_.mean(base) == 0.0)
      notes_.push_back("the baseline is exactly 0: check that its answers can be graded at all");
  }

  const TransferOptions& options_;
  Cell cell_;
  std::span<const ConditionScores> given_;
  std::vector<std::string> notes_;
};

}  // namespace

TransferAnalysis transfer_metrics(std::span<const ConditionScores> conditions,
                                  const TransferOptions& options) {
  return Analysis(conditions, options).run();
}

}  // namespace xfer::stats
