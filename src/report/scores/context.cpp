// SPDX-License-Identifier: Apache-2.0
#include "report/scores/context.hpp"

#include "report/pages/markup.hpp"

#include "xfer/error.hpp"
#include "xfer/stats/learning_curve.hpp"
#include "xfer/study/forecast.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <span>

namespace xfer::report {
namespace {

constexpr Condition transfer_alone[] = {Condition::transfer};

/// Items of several targets put together into one set.
class Pool {
public:
  explicit Pool(const Score& score) : score_(score) {}

  bool empty() const { return rows_.empty(); }

  /// The arms must be those of the pool so far, with as many seeds.
  bool add(const AlignedCell& cell, const std::string& name,
           const std::vector<std::pair<Condition, const Arm*>>& arms) {
    const std::vector<std::size_t> chosen = weighing(cell, score_);
    if (chosen.empty()) return false;
    for (const auto& [condition, arm] : arms) {
      const auto known = rows_.find(condition);
      if (known == rows_.end() ? !rows_.empty() : known->second.size() != arm->items.size())
        return false;
    }
    if (!rows_.empty() && rows_.size() != arms.size()) return false;
    for (const auto& [condition, arm] : arms) {
      auto& all = rows_[condition];
      const auto more = score_rows(*arm, score_, chosen);
      all.resize(more.size());
      for (std::size_t s = 0; s < more.size(); ++s)
        all[s].insert(all[s].end(), more[s].begin(), more[s].end());
    }
    const ItemWeights weights = item_weights(cell, score_, chosen);
    weights_.insert(weights_.end(), weights.weights.begin(), weights.weights.end());
    for (std::size_t i = 0; i < chosen.size(); ++i)
      clusters_.push_back(
          name + ": " +
          (weights.clusters.empty() ? "item " + std::to_string(i) : weights.clusters[i]));
    clustered_ = clustered_ || !weights.clusters.empty();
    return true;
  }

  stats::ScoredItems take() {
    stats::ScoredItems items;
    for (auto& [condition, rows] : rows_) items.conditions.push_back({condition, std::move(rows)});
    items.item_weights = std::move(weights_);
    if (clustered_) items.item_clusters = std::move(clusters_);
    return items;
  }

private:
  const Score& score_;
  std::map<Condition, std::vector<std::vector<double>>> rows_;
  std::vector<double> weights_;
  std::vector<std::string> clusters_;
  bool clustered_ = false;
};

/// The arm where it holds the training runs of `own`, the cell's arm of these runs (which it need
/// not have).
const Arm* same_runs(const Arm* arm, const Arm* own) {
  return arm && (!own || arm->seeds == own->seeds) ? arm : nullptr;
}

/// The evaluations of a cell on other items than its target's, side by side.
struct Elsewhere {
  Elsewhere(const study::CellResult& own, const std::string& where,
            const std::vector<study::EvaluationResult>& evaluations) {
    cell.source = own.source;
    cell.target = where;
    cell.evaluations = evaluations;
    aligned = align(cell);
  }
  Elsewhere(const Elsewhere&) = delete;
  Elsewhere& operator=(const Elsewhere&) = delete;

  study::CellResult cell;  ///< `aligned` points into it
  AlignedCell aligned;
};

/// Baseline and those of the cell's training runs that `elsewhere` has, of the conditions asked
/// for.
std::vector<std::pair<Condition, const Arm*>> arms_elsewhere(
    const AlignedCell& elsewhere, const AlignedCell& own, std::span<const Condition> conditions) {
  std::vector<std::pair<Condition, const Arm*>> arms;
  const Arm* base = elsewhere.find(Condition::baseline);
  if (!base) return arms;
  arms.emplace_back(Condition::baseline, base);
  for (const Condition condition : conditions)
    if (const Arm* arm = same_runs(elsewhere.find(condition), own.find(condition)))
      arms.emplace_back(condition, arm);
  if (arms.size() < 2) arms.clear();
  return arms;
}

/// Where the cell's own models were tested on the source.
stats::ScoredItems tested_on_source(const study::CellResult& cell, const AlignedCell& own,
                                    const Score& score) {
  constexpr Condition conditions[] = {Condition::transfer, Condition::direct,
                                      Condition::sequential};
  Pool pool(score);
  for (const study::OtherDomainResult& other : cell.other_domains) {
    if (other.domain != cell.source) continue;
    const Elsewhere tested(cell, other.domain, other.evaluations);
    const AlignedCell& aligned = tested.aligned;
    const auto arms = arms_elsewhere(aligned, own, conditions);
    if (!arms.empty()) pool.add(aligned, other.domain, arms);
  }
  return pool.take();
}

stats::ScoredItems source_items(const AlignedStudy& study, std::size_t cell, const Score& score) {
  const study::CellResult& own = study.result->cells[cell];
  const AlignedCell& mine = study.cells[cell];
  stats::ScoredItems tested = tested_on_source(own, mine, score);
  if (!tested.conditions.empty()) return tested;
  const AlignedCell* items = nullptr;  // any cell whose target is the source
  const Arm* trained = nullptr;        // on the source
  const Arm* other = nullptr;          // on the target
  for (std::size_t i = 0; i < study.cells.size(); ++i) {
    const study::CellResult& candidate = study.result->cells[i];
    if (candidate.target != own.source || candidate.method != own.method ||
        !study.cells[i].find(Condition::baseline))
      continue;
    if (items && study.cells[i].items_hash != items->items_hash) continue;
    if (!items) items = &study.cells[i];
    if (!trained)
      trained = same_runs(study.cells[i].find(Condition::direct), mine.find(Condition::transfer));
    if (candidate.source == own.target)
      other = same_runs(study.cells[i].find(Condition::transfer), mine.find(Condition::direct));
  }
  if (!items) return {};
  std::vector<std::pair<Condition, const Arm*>> arms = {
      {Condition::baseline, items->find(Condition::baseline)}};
  if (trained) arms.emplace_back(Condition::transfer, trained);
  if (other) arms.emplace_back(Condition::direct, other);
  if (arms.size() < 2) return {};
  Pool pool(score);
  pool.add(*items, own.source, arms);
  return pool.take();
}

stats::ScoredItems retained_items(const AlignedStudy& study, std::size_t cell, const Score& score) {
  const study::CellResult& own = study.result->cells[cell];
  const Arm* mine = study.cells[cell].find(Condition::transfer);
  Pool pool(score);
  for (std::size_t i = 0; i < study.cells.size(); ++i) {
    const study::CellResult& other = study.result->cells[i];
    if (other.source != own.source || other.method != own.method || other.target == own.target)
      continue;
    const Arm* base = study.cells[i].find(Condition::baseline);
    const Arm* trained = same_runs(study.cells[i].find(Condition::transfer), mine);
    if (base && trained)
      pool.add(study.cells[i], other.target,
               {{Condition::baseline, base}, {Condition::transfer, trained}});
  }
  for (const study::OtherDomainResult& other : own.other_domains) {
    if (other.domain == own.source) continue;
    const Elsewhere tested(own, other.domain, other.evaluations);
    const AlignedCell& aligned = tested.aligned;
    const auto arms = arms_elsewhere(aligned, study.cells[cell], transfer_alone);
    if (!arms.empty()) pool.add(aligned, other.domain, arms);
  }
  return pool.take();
}

stats::ScoredItems held_out_items(const study::CellResult& cell, const AlignedCell& own,
                                  const Score& score) {
  if (cell.held_out.empty()) return {};
  const std::string where = cell.target + " (held out)";
  const Elsewhere tested(cell, where, cell.held_out);
  const AlignedCell& aligned = tested.aligned;
  Pool pool(score);
  const auto arms = arms_elsewhere(aligned, own, transfer_alone);
  if (!arms.empty()) pool.add(aligned, where, arms);
  return pool.take();
}

double tokens_of(const study::LegSummary& leg) {
  return static_cast<double>(leg.train_tokens + leg.sampled_tokens + leg.prefill_tokens);
}

/// Gains of each seed's curve at the steps that all share.
bool curve_gains(const std::vector<const study::Curve*>& curves, double study::CurvePoint::*score,
                 double direction, std::vector<double>& steps,
                 std::vector<std::vector<double>>& gains) {
  steps.clear();
  gains.clear();
  for (const study::CurvePoint& p : curves.front()->points) steps.push_back(p.step);
  if (steps.size() < 2) return false;
  for (const study::Curve* curve : curves) {
    if (curve->points.size() != steps.size()) return false;
    auto& row = gains.emplace_back();
    for (std::size_t k = 0; k < steps.size(); ++k) {
      if (curve->points[k].step != static_cast<int>(steps[k])) return false;
      row.push_back(direction * (curve->points[k].*score - curve->points[0].*score));
    }
  }
  return std::adjacent_find(steps.begin(), steps.end(), std::greater_equal<>()) == steps.end();
}

}  // namespace

std::optional<std::size_t> AlignedStudy::find(const std::string& source, const std::string& target,
                                              Method method) const {
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const study::CellResult& cell = result->cells[i];
    if (cell.source == source && cell.target == target && cell.method == method) return i;
  }
  return std::nullopt;
}

std::optional<stats::Spending> transfer_spending(const study::StudyResult& result,
                                                 const AlignedCell& cell, std::string& why) {
  const Arm* arm = cell.find(Condition::transfer);
  if (!arm) {
    why = "the transfer condition was not evaluated";
    return std::nullopt;
  }
  study::Price price;
  try {
    price = price_of(prices_of(result.spec), result.spec);
  } catch (const Error& error) {
    why = clean_text(error.what());
    return std::nullopt;
  }
  stats::Spending spending;
  std::set<std::string> keys(arm->legs.begin(), arm->legs.end());
  std::size_t found = 0;
  for (const study::LegSummary& leg : result.legs) {
    if (keys.count(leg.key) == 0) continue;
    ++found;
    spending.tokens += tokens_of(leg);
    spending.train_usd += static_cast<double>(leg.train_tokens) * price.train / 1e6;
    spending.sample_usd += (static_cast<double>(leg.sampled_tokens) * price.sample +
                            static_cast<double>(leg.prefill_tokens) * price.prefill) /
                           1e6;
    if (price.per_1000_steps)
      spending.train_usd += static_cast<double>(leg.steps) / 1000.0 * *price.per_1000_steps;
  }
  if (keys.empty() || found != keys.size()) {
    why = "its training runs are not recorded";
    return std::nullopt;
  }
  for (const auto& row : arm->items)
    for (const study::ItemResult* item : row) {
      const auto read = static_cast<double>(item->prompt_tokens + item->scored_tokens);
      const auto drawn = static_cast<double>(item->sampled_tokens);
      spending.tokens += read + drawn;
      spending.evaluation_usd += (read * price.prefill + drawn * price.sample) / 1e6;
    }
  return spending;
}

stats::CellContext cell_context(const AlignedStudy& study, std::size_t cell, const Score& score) {
  stats::CellContext context;
  context.source = source_items(study, cell, score);
  context.retained = retained_items(study, cell, score);
  context.held_out = held_out_items(study.result->cells[cell], study.cells[cell], score);
  std::string why;
  context.spending = transfer_spending(*study.result, study.cells[cell], why);
  return context;
}

std::vector<LearningSummary> learning_summaries(const study::CellResult& cell) {
  std::map<Condition, std::vector<const study::Curve*>> by_condition;
  for (const study::Curve& curve : cell.curves)
    if (!curve.points.empty()) by_condition[curve.condition].push_back(&curve);
  std::vector<LearningSummary> all;
  for (auto& [condition, curves] : by_condition) {
    std::sort(curves.begin(), curves.end(),
              [](const auto* a, const auto* b) { return a->seed < b->seed; });
    std::vector<double> steps;
    std::vector<std::vector<double>> gains;
    if (!curve_gains(curves, &study::CurvePoint::accuracy, 1.0, steps, gains)) continue;
    LearningSummary summary;
    summary.condition = condition;
    stats::LearningCurve curve = stats::learning_curve(steps, gains);
    summary.accuracy_area = curve.area;
    summary.accuracy_steps = curve.steps_to_share;
    curve_gains(curves, &study::CurvePoint::bits_per_byte, -1.0, steps, gains);
    curve = stats::learning_curve(steps, gains);
    summary.bits_area = curve.area;
    summary.bits_steps = curve.steps_to_share;
    all.push_back(std::move(summary));
  }
  return all;
}

std::optional<PromptRobustness> prompt_robustness(const study::CellResult& cell,
                                                  const AlignedCell& aligned, const Score& score,
                                                  double level) {
  if (cell.variants.empty()) return std::nullopt;
  PromptRobustness result;
  std::vector<stats::PromptVariant> variants;
  const std::vector<std::size_t> chosen = weighing(aligned, score);
  const auto add = [&](const std::string& name, const AlignedCell& under) {
    const Arm* base = under.find(Condition::baseline);
    const Arm* trained =
        same_runs(under.find(Condition::transfer), aligned.find(Condition::transfer));
    if (!base || !trained || under.items_hash != aligned.items_hash) return;
    result.names.push_back(name);
    variants.push_back(
        {name, score_rows(*base, score, chosen), score_rows(*trained, score, chosen)});
  };
  add("the study's own", aligned);
  for (const study::PromptVariantResult& variant : cell.variants) {
    const std::string where = cell.target + " (" + variant.name + ")";
    add(variant.name, Elsewhere(cell, where, variant.evaluations).aligned);
  }
  if (variants.size() < 2) return std::nullopt;
  stats::TransferOptions options;
  options.kind = score.kind;
  options.level = level;
  options.seed = bootstrap_seed();
  ItemWeights weights = item_weights(aligned, score, chosen);
  options.item_weights = std::move(weights.weights);
  options.item_clusters = std::move(weights.clusters);
  result.accuracy = stats::prompt_robustness(variants, options);
  return result;
}

}  // namespace xfer::report
