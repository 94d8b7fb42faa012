// SPDX-License-Identifier: Apache-2.0
#include "report/scores/analysis.hpp"

#include <numeric>
#include <utility>

namespace xfer::report {
namespace {

TransferMetrics all_undefined(const std::string& reason) {
  const Metric m = Undefined{reason};
  return {m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m, m};
}

/// The statistics know one control by name; here it stands for another.
std::string with_control_named(std::string text, Condition control) {
  const std::string known(to_string(Condition::format_control));
  for (std::size_t at = 0; (at = text.find(known, at)) != std::string::npos;)
    text.replace(at, known.size(), to_string(control));
  return text;
}

}  // namespace

Analysis analyse(const AlignedCell& cell, const std::vector<const Arm*>& arms, const Score& score,
                 std::vector<std::size_t> chosen, const Setting& setting,
                 const stats::CellContext& context) {
  const Condition control = setting.control;
  // An item that weighs nothing has nothing to say about this score.
  std::erase_if(chosen, [&](std::size_t i) { return !(score.weight(*cell.items[i]) > 0.0); });
  const auto undefined = [&](const std::string& reason) {
    Analysis analysis{all_undefined(reason), {}, {}};
    for (const Arm* arm : arms) analysis.means[arm->condition] = Undefined{reason};
    return analysis;
  };
  if (!cell.find(Condition::baseline)) return undefined("the baseline was not evaluated");
  if (chosen.empty()) return undefined("the reference answers have no text to score");
  stats::TransferOptions options;
  options.kind = score.kind;
  options.level = setting.level;
  options.seed = bootstrap_seed();
  ItemWeights weights = item_weights(cell, score, chosen);
  options.item_weights = std::move(weights.weights);
  options.item_clusters = std::move(weights.clusters);

  std::vector<stats::ConditionScores> conditions;
  for (const Arm* arm : arms)
    conditions.push_back({arm->condition == control ? Condition::format_control : arm->condition,
                          score_rows(*arm, score, chosen)});
  stats::TransferAnalysis found = stats::transfer_metrics(conditions, options, context);
  Analysis analysis{std::move(found.metrics), {}, std::move(found.notes)};
  for (std::size_t a = 0; a < arms.size(); ++a)
    analysis.means[arms[a]->condition] = std::move(found.means[a].mean);
  if (control == Condition::format_control) return analysis;
  Metric& above = analysis.metrics.gain_above_control;
  if (!above.defined()) above = Undefined{with_control_named(above.reason(), control)};
  for (std::string& note : analysis.notes) note = with_control_named(std::move(note), control);
  return analysis;
}

std::vector<const Arm*> every_arm(const AlignedCell& cell) {
  std::vector<const Arm*> arms;
  for (const Arm& arm : cell.arms) arms.push_back(&arm);
  return arms;
}

std::vector<std::size_t> every_item(const AlignedCell& cell) {
  std::vector<std::size_t> every(cell.items.size());
  std::iota(every.begin(), every.end(), std::size_t{0});
  return every;
}

}  // namespace xfer::report
