// SPDX-License-Identifier: Apache-2.0
#include "report/findings/reading.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include <algorithm>

namespace xfer::report {
namespace {

bool exactly_zero(const ConditionSummary& c) {
  return c.accuracy.defined() && c.accuracy.estimate()->value == 0.0;
}

std::string percent(double share) { return number(share, Style::percent) + "%"; }

std::string lower_name(Condition condition) {
  std::string name(display_name(condition));
  name[0] = static_cast<char>(name[0] - 'A' + 'a');
  return name;
}

/// "baseline 12.0%, transfer 7.3%" for the conditions whose share is above the limit.
std::string above_limit(const CellReport& cell, double ConditionSummary::*share) {
  std::string list;
  for (const ConditionSummary& c : cell.conditions) {
    if (!(c.*share > failure_share_max)) continue;
    if (!list.empty()) list += ", ";
    list += lower_name(c.condition) + " " + percent(c.*share);
  }
  return list;
}

void warn_of_evaluations(const CellReport& cell, const study::StudySpec& spec, int planned_seeds,
                         std::vector<std::string>& warnings) {
  std::vector<std::string> missing;
  for (const Condition c : spec.conditions)
    if (exists(c, cell.method) && !cell.find(c)) missing.push_back(lower_name(c));
  if (!missing.empty())
    warnings.push_back("Unfinished: no complete evaluation of " + joined(missing) + " yet.");

  std::vector<std::string> fewer;
  for (const ConditionSummary& c : cell.conditions) {
    if (c.condition == Condition::baseline || c.condition == Condition::zero_step) continue;
    if (c.seeds < planned_seeds)
      fewer.push_back(lower_name(c.condition) + " has " + std::to_string(c.seeds));
  }
  if (!fewer.empty())
    warnings.push_back("Unfinished: " + joined(fewer) + " of " +
                       counted(planned_seeds, "planned seed") + ".");
  const ConditionSummary* transfer = cell.find(Condition::transfer);
  if (transfer && transfer->seeds == 1)
    warnings.push_back(
        "Single seed: one training run stands for each condition, so the intervals cover the "
        "choice of test items but not the spread between training runs, and are too narrow.");
}

void warn_of_range(const CellReport& cell, std::vector<std::string>& warnings) {
  const ConditionSummary* base = cell.find(Condition::baseline);
  const auto accuracy = [](const ConditionSummary* c) {
    return c && c->accuracy.defined() ? c->accuracy.estimate()->value : 0.5;
  };
  if (base && !exactly_zero(*base) && accuracy(base) < floor_accuracy)
    warnings.push_back("Floor: the baseline scores " + percent(accuracy(base)) +
                       ", so a loss could hardly show in accuracy. Bits per byte has no such "
                       "floor.");
  for (const Condition c : {Condition::baseline, Condition::direct}) {
    if (accuracy(cell.find(c)) <= 1.0 - floor_accuracy) continue;
    warnings.push_back("Ceiling: " + lower_name(c) + " scores " + percent(accuracy(cell.find(c))) +
                       ", so differences between conditions are squeezed together at the top.");
  }
}

bool same(const Metric& a, const Metric& b) {
  return a.defined() && b.defined() && a.estimate()->value == b.estimate()->value;
}

void warn_of_zero_step(const CellReport& cell, std::vector<std::string>& warnings) {
  const ConditionSummary* base = cell.find(Condition::baseline);
  const ConditionSummary* zero = cell.find(Condition::zero_step);
  if (!base || !zero) return;
  const bool bits_differ =
      base->bits_per_byte.defined() && !same(base->bits_per_byte, zero->bits_per_byte);
  const bool items_differ = cell.zero_step_differences > 0;
  if (!same(base->accuracy, zero->accuracy) || bits_differ || items_differ)
    warnings.push_back(
        "The zero-step adapter does not score exactly as the baseline" +
        (items_differ ? " (on " + counted(cell.zero_step_differences, "item") + ")" : "") +
        ": base and tuned models are not run in the same way, and every difference below is in "
        "doubt.");
}

/// Rewards that know nothing of the answers may still teach a model what it almost does already.
void warn_of_random_reward(const CellReport& cell, std::vector<std::string>& warnings) {
  const ConditionSummary* base = cell.find(Condition::baseline);
  const ConditionSummary* coin = cell.find(Condition::random_reward);
  if (!base || !coin || !base->accuracy.defined() || !coin->accuracy.defined() ||
      sign(cell.accuracy.gain) != Sign::up)
    return;
  const double gain = cell.accuracy.gain.estimate()->value;
  const double by_coin = coin->accuracy.estimate()->value - base->accuracy.estimate()->value;
  if (by_coin > habit_share * gain)
    warnings.push_back("Random rewards alone gain " + number(by_coin, Style::points) +
                       " points, more than half of the Transfer Gain: what was rewarded may "
                       "matter little here.");
}

}  // namespace

std::vector<std::string> accuracy_doubts(const CellReport& cell,
                                         const std::vector<Condition>& compared) {
  std::vector<std::string> doubts;
  std::vector<std::string> failing;
  for (const Condition condition : compared) {
    const ConditionSummary* c = cell.find(condition);
    if (!c) continue;
    if (condition == Condition::baseline && exactly_zero(*c))
      doubts.push_back(
          "the baseline scores exactly 0, which points to the prompt or the grader "
          "as often as to the model");
    if (c->extraction_failure_rate > failure_share_max)
      failing.push_back(percent(c->extraction_failure_rate) + " of the " + lower_name(condition) +
                        " answers");
  }
  if (!failing.empty()) doubts.push_back("no final answer could be found in " + joined(failing));
  return doubts;
}

std::vector<std::string> find_warnings(const CellReport& cell, const study::StudySpec& spec,
                                       int planned_seeds) {
  std::vector<std::string> warnings;
  const ConditionSummary* base = cell.find(Condition::baseline);
  if (base && exactly_zero(*base))
    warnings.push_back(
        "The baseline scores exactly 0: often a sign that prompt, stop text or grader do not fit "
        "the model. The verdict on accuracy is held back; look at the baseline's answers first.");
  warn_of_zero_step(cell, warnings);
  warn_of_random_reward(cell, warnings);
  const std::string failures = above_limit(cell, &ConditionSummary::extraction_failure_rate);
  if (!failures.empty())
    warnings.push_back("No final answer could be found in more than 5% of the answers (" +
                       failures +
                       "): part of any change in accuracy may be a change in how "
                       "answers are written.");
  const std::string cut = above_limit(cell, &ConditionSummary::truncated_rate);
  if (!cut.empty())
    warnings.push_back("The token limit cut more than 5% of the answers (" + cut +
                       "): raise max_answer_tokens to see whether the scores change.");
  if (cell.robustness && cell.robustness->accuracy.sign == stats::SignSurvival::flips)
    warnings.push_back(
        "The sign of the gain flips between wordings of the prompt: what is said of this pair "
        "holds for the wording of the study alone.");
  warn_of_evaluations(cell, spec, planned_seeds, warnings);
  warn_of_range(cell, warnings);
  return warnings;
}

}  // namespace xfer::report
