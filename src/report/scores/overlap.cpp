// SPDX-License-Identifier: Apache-2.0
#include "report/scores/overlap.hpp"

#include "report/scores/align.hpp"
#include "report/scores/analysis.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>

namespace xfer::report {
namespace {

/// Ids of the overlapping items of each target that was looked at.
std::map<std::string, std::set<std::string>> overlapping(const study::StudyResult& result) {
  std::map<std::string, std::set<std::string>> ids;
  for (const study::OverlapCheck& check : result.overlap) {
    std::set<std::string>& of_target = ids[check.test];
    for (const study::OverlappingItem& item : check.items) of_target.insert(item.item_id);
  }
  return ids;
}

OverlapSummary summarise_overlap(const study::CellResult& cell, const std::set<std::string>& ids,
                                 const Setting& setting) {
  const AlignedCell aligned = align(cell);
  OverlapSummary summary;
  summary.checked = true;
  summary.items = static_cast<int>(aligned.items.size());
  const std::vector<std::size_t> every = every_item(aligned);
  std::vector<std::size_t> kept;
  for (const std::size_t i : every)
    if (!ids.contains(aligned.items[i]->item_id)) kept.push_back(i);
  summary.overlapping = static_cast<int>(every.size() - kept.size());
  if (summary.overlapping == 0) return summary;
  const std::vector<const Arm*> arms = every_arm(aligned);
  Analysis accuracy_all = analyse(aligned, arms, accuracy_score(), every, setting);
  Analysis accuracy_kept = analyse(aligned, arms, accuracy_score(), kept, setting);
  Analysis bits_all = analyse(aligned, arms, bits_score(), every, setting);
  Analysis bits_kept = analyse(aligned, arms, bits_score(), kept, setting);
  for (const Arm& arm : aligned.arms)
    summary.conditions.push_back({arm.condition, accuracy_all.means[arm.condition],
                                  accuracy_kept.means[arm.condition], bits_all.means[arm.condition],
                                  bits_kept.means[arm.condition]});
  summary.gain = accuracy_all.metrics.gain;
  summary.gain_without = accuracy_kept.metrics.gain;
  summary.bits_gain = bits_all.metrics.gain;
  summary.bits_gain_without = bits_kept.metrics.gain;
  return summary;
}

void leave_out(std::vector<study::EvaluationResult>& evaluations,
               const std::set<std::string>& ids) {
  for (study::EvaluationResult& evaluation : evaluations)
    std::erase_if(evaluation.items,
                  [&](const study::ItemResult& item) { return ids.contains(item.item_id); });
  std::erase_if(evaluations,
                [](const study::EvaluationResult& evaluation) { return evaluation.items.empty(); });
}

}  // namespace

std::vector<OverlapSummary> overlap_summaries(const study::StudyResult& result) {
  const auto ids = overlapping(result);
  const Setting setting{interval_level(result.spec), Condition::format_control};
  std::vector<OverlapSummary> all;
  for (const study::CellResult& cell : result.cells) {
    const auto of_target = ids.find(cell.target);
    all.push_back(of_target == ids.end() ? OverlapSummary()
                                         : summarise_overlap(cell, of_target->second, setting));
    all.back().excluded = result.spec.exclude_overlap;
  }
  return all;
}

void leave_out_overlap(study::StudyResult& result) {
  for (const auto& [target, ids] : overlapping(result)) {
    if (ids.empty()) continue;
    for (study::CellResult& cell : result.cells) {
      if (cell.target != target) continue;
      leave_out(cell.evaluations, ids);
      for (study::PromptVariantResult& variant : cell.variants) leave_out(variant.evaluations, ids);
    }
  }
}

}  // namespace xfer::report
