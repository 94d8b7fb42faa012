// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/transfer.hpp"

#include "stats/arms.hpp"
#include "stats/check.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/intervals.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>

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

std::string in_percent(double value, ScoreKind kind) {
  if (kind != ScoreKind::accuracy) return in_units(value, kind);
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %%", 100.0 * value);
  return text;
}

/// A metric, cut to the range that scores allow.
Metric within(const Metric& metric, double low, double high) {
  const Estimate* e = metric.estimate();
  if (!e) return metric;
  return Estimate{e->value, std::clamp(e->lower, low, high), std::clamp(e->upper, low, high)};
}

enum class Items { target, source, retained, held_out };

/// The name of a set in reasons and messages.
std::string name_of(Items items) {
  switch (items) {
    case Items::target: return "the target";
    case Items::source: return "the source's items";
    case Items::retained: return "retained tasks";
    case Items::held_out: return "a held-out set";
  }
  return "";
}

/// Which arm of `Arms` is which condition on which set of items.
class Index {
public:
  void add(Items items, Condition condition) {
    if (!arms_.emplace(std::pair(items, condition), arms_.size()).second)
      refuse("transfer_metrics: condition " + std::string(to_string(condition)) +
             " is given twice on " + name_of(items));
  }
  std::optional<std::size_t> find(Items items, Condition condition) const {
    const auto found = arms_.find({items, condition});
    return found == arms_.end() ? std::nullopt : std::optional(found->second);
  }
  std::size_t at(Items items, Condition condition) const { return arms_.at({items, condition}); }

private:
  std::map<std::pair<Items, Condition>, std::size_t> arms_;
};

Arms make_arms(std::span<const ConditionScores> conditions, const TransferOptions& options,
               const CellContext& context, Index& index) {
  std::vector<ItemSetInput> sets;
  const auto add = [&](Items items, std::span<const ConditionScores> given,
                       std::span<const double> weights, std::span<const std::string> clusters) {
    if (given.empty()) return;
    ItemSetInput set;
    // 0 for the target: its intervals do not depend on what else is known.
    set.id = items == Items::target ? 0 : stream_id(name_of(items));
    set.weights = weights;
    set.clusters = clusters;
    for (const ConditionScores& c : given) {
      index.add(items, c.condition);
      const std::string name(to_string(c.condition));
      set.arms.push_back({static_cast<std::uint64_t>(c.condition),
                          items == Items::target ? name : name + " on " + name_of(items),
                          &c.scores});
    }
    if (!index.find(items, Condition::baseline))
      refuse("transfer_metrics: the baseline condition is missing" +
             (items == Items::target ? std::string() : " on " + name_of(items)));
    sets.push_back(std::move(set));
  };
  if (conditions.empty()) refuse("transfer_metrics: no conditions");
  add(Items::target, conditions, options.item_weights, options.item_clusters);
  for (const auto& [items, scored] :
       {std::pair(Items::source, &context.source), std::pair(Items::retained, &context.retained),
        std::pair(Items::held_out, &context.held_out)})
    add(items, scored->conditions, scored->item_weights, scored->item_clusters);
  return Arms(sets,
              {options.kind, options.level, options.resamples, options.seed, "transfer_metrics"});
}

class Analysis {
public:
  Analysis(std::span<const ConditionScores> conditions, const TransferOptions& options,
           const CellContext& context)
      : options_(options), context_(context), given_(conditions),
        arms_(make_arms(conditions, options, context, index_)) {}

  TransferAnalysis run() {
    TransferAnalysis result;
    for (std::size_t a = 0; a < given_.size(); ++a)
      result.means.push_back({given_[a].condition, mean_of(a)});
    TransferMetrics& m = result.metrics;
    m.gain = difference(Items::target, Condition::transfer, Condition::baseline);
    m.ceiling = difference(Items::target, Condition::direct, Condition::baseline);
    m.gain_above_control =
        difference(Items::target, Condition::transfer, Condition::format_control);
    m.sequential_over_direct = difference(Items::target, Condition::sequential, Condition::direct);
    m.joint_over_direct = difference(Items::target, Condition::joint, Condition::direct);
    m.efficiency =
        share_of(m.gain, m.ceiling, "direct gain", gain_of(Items::target, Condition::direct));
    m.relative_transfer = relative(m.gain);
    m.headroom_gain = headroom(m.gain);
    add_source_metrics(m);
    m.forgetting = difference(Items::retained, Condition::transfer, Condition::baseline);
    m.held_out_gain = difference(Items::held_out, Condition::transfer, Condition::baseline);
    m.generalisation = generalisation(m);
    add_costs(m);
    add_notes();
    result.notes = std::move(notes_);
    return result;
  }

private:
  Metric mean_of(std::size_t arm) {
    if (const auto successes = arms_.successes(arm))
      return wilson(*successes, static_cast<std::int64_t>(arms_.units(arm)), options_.level);
    bool flat = false;
    const Metric mean = arms_.combine({{arm, arms_.direction()}}, flat);
    return within(mean, 0.0, options_.kind == ScoreKind::accuracy ? 1.0 : 1e308);
  }

  Metric difference(Items items, Condition first, Condition second) {
    if (!index_.find(items, Condition::baseline))
      return Undefined{"no scores on " + name_of(items)};
    const auto a = index_.find(items, first);
    const auto b = index_.find(items, second);
    const std::string where = items == Items::target ? "" : " on " + name_of(items);
    if (!a || !b)
      return Undefined{"no " + std::string(to_string(a ? second : first)) + " condition" + where};
    bool flat = false;
    const Metric metric = arms_.combine({{*a, 1.0}, {*b, -1.0}}, flat);
    if (flat)
      notes_.push_back(std::string(to_string(first)) + " and " + std::string(to_string(second)) +
                       " do not differ on any item" + where +
                       " in a way that resampling can vary; " +
                       (options_.kind == ScoreKind::accuracy
                            ? "their interval is what the number of items can rule out"
                            : "their interval has no width"));
    return options_.kind == ScoreKind::accuracy ? within(metric, -1.0, 1.0) : metric;
  }

  /// gain / whole, where the whole must be clearly there.
  Metric share_of(const Metric& gain, const Metric& whole, const std::string& name,
                  const Combination& denominator) {
    if (!gain.defined()) return Undefined{gain.reason()};
    if (Metric doubt = clearly_there(whole, name); !doubt.defined()) return doubt;
    return arms_.ratio(gain_of(Items::target, Condition::transfer), denominator);
  }

  /// The gain itself, or why nothing may be divided by it.
  Metric clearly_there(const Metric& gain, const std::string& name) const {
    if (!gain.defined()) return gain;
    const double least =
        options_.ceiling_min.value_or(options_.kind == ScoreKind::accuracy ? 0.02 : 0.01);
    const double lower = gain.estimate()->lower;
    if (lower <= 0.0) return Undefined{name + " not distinguishable from 0"};
    if (lower <= least)
      return Undefined{name + " not clearly above " + in_units(least, options_.kind)};
    return gain;
  }

  Metric relative(const Metric& gain) {
    if (!gain.defined()) return Undefined{gain.reason()};
    const std::size_t base = index_.at(Items::target, Condition::baseline);
    const double score = arms_.direction() * arms_.mean(base);
    const double least = options_.baseline_min.value_or(0.05);
    if (score < least || score == 0.0)
      return Undefined{"baseline below " + in_percent(least, options_.kind)};
    return arms_.ratio(gain_of(Items::target, Condition::transfer), {{base, arms_.direction()}});
  }

  Metric headroom(const Metric& gain) {
    if (!gain.defined()) return Undefined{gain.reason()};
    const std::size_t base = index_.at(Items::target, Condition::baseline);
    // The best score is an accuracy of 1, or no bits at all.
    const double best = options_.kind == ScoreKind::accuracy ? 1.0 : 0.0;
    const double room = best - arms_.mean(base);
    if (room < options_.headroom_min || room <= 0.0)
      return Undefined{"the baseline leaves less than " +
                       in_percent(options_.headroom_min, options_.kind) + " of room"};
    return arms_.ratio(gain_of(Items::target, Condition::transfer), {{base, -1.0}}, best);
  }

  void add_source_metrics(TransferMetrics& m) {
    const Metric own = difference(Items::source, Condition::transfer, Condition::baseline);
    const Metric back = difference(Items::source, Condition::direct, Condition::baseline);
    m.source_normalised = share_of(m.gain, own, "gain on the source's own items",
                                   gain_of(Items::source, Condition::transfer));
    m.sequential_forgetting = difference(Items::source, Condition::sequential, Condition::transfer);
    const Undefined missing{!m.gain.defined() ? m.gain.reason() : back.reason()};
    if (!m.gain.defined() || !back.defined()) {
      m.asymmetry = missing;
      m.standardised_asymmetry = missing;
      return;
    }
    const Combination there = gain_of(Items::target, Condition::transfer);
    const Combination home = gain_of(Items::source, Condition::direct);
    m.asymmetry = minus(there, home);
    m.standardised_asymmetry = clearly_there(m.ceiling, "direct gain");
    if (m.standardised_asymmetry.defined())
      m.standardised_asymmetry = clearly_there(own, "gain on the source's own items");
    if (m.standardised_asymmetry.defined())
      m.standardised_asymmetry =
          arms_.ratio_difference(there, gain_of(Items::target, Condition::direct), home,
                                 gain_of(Items::source, Condition::transfer));
  }

  Metric generalisation(const TransferMetrics& m) {
    if (!m.held_out_gain.defined()) return Undefined{m.held_out_gain.reason()};
    if (!m.gain.defined()) return Undefined{m.gain.reason()};
    return minus(gain_of(Items::held_out, Condition::transfer),
                 gain_of(Items::target, Condition::transfer));
  }

  /// Two gains on different items.
  Metric minus(const Combination& first, const Combination& second) {
    Combination all = first;
    for (const Term& term : second) all.push_back({term.arm, -term.factor});
    bool flat = false;
    const Metric metric = arms_.combine(all, flat);
    return options_.kind == ScoreKind::accuracy ? within(metric, -2.0, 2.0) : metric;
  }

  void add_costs(TransferMetrics& m) const {
    if (!context_.spending) {
      m.gain_per_dollar = m.gain_per_million_tokens = Undefined{"what was spent is not known"};
      return;
    }
    const Spending& s = *context_.spending;
    for (const double part : {s.train_usd, s.sample_usd, s.evaluation_usd, s.tokens})
      if (!(part >= 0.0) || !std::isfinite(part))
        refuse("transfer_metrics: spending must be 0 or more (got " + std::to_string(part) + ")");
    m.gain_per_dollar =
        per(m.gain, s.train_usd + s.sample_usd + s.evaluation_usd, "no money was spent");
    m.gain_per_million_tokens = per(m.gain, s.tokens / 1e6, "no tokens were metered");
  }

  Metric per(const Metric& gain, double amount, const char* none) const {
    if (!gain.defined()) return Undefined{gain.reason()};
    const double factor = (options_.kind == ScoreKind::accuracy ? 100.0 : 1.0) / amount;
    if (!(amount > 0.0) || !std::isfinite(factor)) return Undefined{none};
    const Estimate& e = *gain.estimate();
    return Estimate{factor * e.value, factor * e.lower, factor * e.upper};
  }

  /// Empty where an arm is missing; metrics ask only after their gains are known to be defined.
  Combination gain_of(Items items, Condition condition) const {
    const auto arm = index_.find(items, condition);
    const auto base = index_.find(items, Condition::baseline);
    if (!arm || !base) return {};
    return {{*arm, 1.0}, {*base, -1.0}};
  }

  void add_notes() {
    std::string single;
    for (std::size_t a = 0; a < given_.size(); ++a)
      if (given_[a].condition != Condition::baseline && arms_.seeds(a) == 1)
        single += (single.empty() ? "" : ", ") + std::string(to_string(given_[a].condition));
    if (!single.empty())
      notes_.push_back("one seed only (" + single +
                       "): intervals cover the choice of items, not the spread between training "
                       "runs");
    const std::size_t base = index_.at(Items::target, Condition::baseline);
    if (arms_.units(base) < few_items)
      notes_.push_back("only " + std::to_string(arms_.units(base)) +
                       " items stand alone; intervals from resampling are too narrow below " +
                       std::to_string(few_items));
    if (options_.kind == ScoreKind::accuracy && arms_.mean(base) == 0.0)
      notes_.push_back("the baseline is exactly 0: check that its answers can be graded at all");
  }

  const TransferOptions& options_;
  const CellContext& context_;
  std::span<const ConditionScores> given_;
  Index index_;
  Arms arms_;
  std::vector<std::string> notes_;
};

}  // namespace

TransferAnalysis transfer_metrics(std::span<const ConditionScores> conditions,
                                  const TransferOptions& options, const CellContext& context) {
  return Analysis(conditions, options, context).run();
}

}  // namespace xfer::stats
