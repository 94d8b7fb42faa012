// SPDX-License-Identifier: Apache-2.0
#include "report/findings/findings.hpp"
#include "report/findings/hypotheses.hpp"
#include "report/findings/matrix.hpp"
#include "report/findings/reading.hpp"
#include "report/pages/markup.hpp"
#include "report/scores/analysis.hpp"
#include "report/scores/changes.hpp"
#include "report/scores/context.hpp"
#include "report/scores/overlap.hpp"
#include "report/scores/pass_at_k.hpp"
#include "report/scores/scores.hpp"

#include "xfer/error.hpp"
#include "xfer/report/report.hpp"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <optional>
#include <thread>
#include <vector>

namespace xfer::report {
namespace {

using study::ItemResult;

double rate(const Arm& arm, bool (*counts)(const ItemResult&)) {
  std::size_t hits = 0;
  std::size_t all = 0;
  for (const auto& row : arm.items) {
    all += row.size();
    for (const ItemResult* item : row) hits += counts(*item) ? 1 : 0;
  }
  return all == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(all);
}

double mean_score(const Arm& arm, const std::vector<std::size_t>& chosen) {
  double sum = 0.0;
  for (const auto& row : arm.items)
    for (const std::size_t i : chosen) sum += row[i]->score;
  return sum / static_cast<double>(arm.items.size() * chosen.size());
}

std::vector<KindSummary> summarise_kinds(const AlignedCell& aligned, double level) {
  std::map<std::string, std::vector<std::size_t>> by_kind;
  for (std::size_t i = 0; i < aligned.items.size(); ++i)
    by_kind[aligned.items[i]->kind].push_back(i);
  std::vector<const Arm*> pair;
  for (const Condition c : {Condition::baseline, Condition::transfer})
    if (const Arm* arm = aligned.find(c)) pair.push_back(arm);
  std::vector<KindSummary> kinds;
  for (const auto& [name, chosen] : by_kind) {
    KindSummary& kind = kinds.emplace_back();
    kind.kind = name;
    kind.items = static_cast<int>(chosen.size());
    for (const Arm& arm : aligned.arms) kind.accuracy.push_back(mean_score(arm, chosen));
    kind.gain = analyse(aligned, pair, accuracy_score(), chosen, {level}).metrics.gain;
  }
  return kinds;
}

int zero_step_differences(const AlignedCell& cell) {
  const Arm* base = cell.find(Condition::baseline);
  const Arm* zero = cell.find(Condition::zero_step);
  if (!base || !zero) return 0;
  int differences = 0;
  for (std::size_t i = 0; i < cell.items.size(); ++i) {
    const ItemResult& expected = *base->items[0][i];
    differences += std::any_of(zero->items.begin(), zero->items.end(), [&](const auto& row) {
      return row[i]->score != expected.score || row[i]->completion != expected.completion ||
             row[i]->reference_bits != expected.reference_bits;
    });
  }
  return differences;
}

/// Seeds that the study wanted of the cell; an adaptive one wants no more than its looks asked for.
int planned_seeds(const study::StudyResult& result, const CellReport& cell) {
  if (!result.spec.adaptive) return static_cast<int>(result.spec.seeds.size());
  int seeds = result.spec.looks.first_seeds;
  for (const study::Look& look : result.looks)
    if (look.source == cell.source && look.target == cell.target && look.method == cell.method)
      seeds = look.seeds + (look.goes_on ? 1 : 0);
  return seeds;
}

CellReport summarise(const AlignedStudy& study, std::size_t place) {
  const AlignedCell& aligned = study.cells[place];
  const study::CellResult& cell = study.result->cells[place];
  const study::StudySpec& spec = study.result->spec;
  const std::vector<const Arm*> arms = every_arm(aligned);
  const std::vector<std::size_t> every = every_item(aligned);

  CellReport report;
  report.source = cell.source;
  report.target = cell.target;
  report.method = cell.method;
  report.method_named = spec.methods.size() > 1 || cell.method != Method::sl;
  report.zero_step_differences = zero_step_differences(aligned);
  const Setting setting{interval_level(spec), report.style_control()};
  Analysis by_accuracy = analyse(aligned, arms, accuracy_score(), every, setting,
                                 cell_context(study, place, accuracy_score()));
  Analysis by_bits = analyse(aligned, arms, bits_score(), every, setting,
                             cell_context(study, place, bits_score()));
  Analysis by_rest = analyse(aligned, arms, rest_score(), every, setting);
  report.protocol_hash = aligned.protocol_hash;
  report.items_hash = aligned.items_hash;
  for (const Arm& arm : aligned.arms) {
    ConditionSummary& c = report.conditions.emplace_back();
    c.condition = arm.condition;
    c.seeds = static_cast<int>(arm.seeds.size());
    c.items = static_cast<int>(aligned.items.size());
    c.accuracy = by_accuracy.means[arm.condition];
    c.bits_per_byte = by_bits.means[arm.condition];
    c.bits_per_byte_after_first = by_rest.means[arm.condition];
    c.extraction_failure_rate = rate(arm, [](const ItemResult& i) { return !i.extracted; });
    c.truncated_rate = rate(arm, [](const ItemResult& i) { return i.truncated; });
  }
  for (const Analysis* analysis : {&by_accuracy, &by_bits, &by_rest})
    for (const std::string& note : analysis->notes)
      if (std::find(report.notes.begin(), report.notes.end(), note) == report.notes.end())
        report.notes.push_back(note);
  report.accuracy = std::move(by_accuracy.metrics);
  report.bits_per_byte = std::move(by_bits.metrics);
  report.bits_per_byte_after_first = std::move(by_rest.metrics);
  report.pass_at_k = pass_at_k(aligned, setting);
  report.kinds = summarise_kinds(aligned, setting.level);
  report.learning = learning_summaries(cell);
  report.changes = condition_changes(aligned);
  report.robustness = prompt_robustness(cell, aligned, accuracy_score(), setting.level);
  std::string why;
  report.spending = transfer_spending(*study.result, aligned, why);
  report.finding = find_finding(report);
  report.headline = write_headline(report);
  report.reading = write_reading(report);
  report.warnings = find_warnings(report, spec, planned_seeds(*study.result, report));
  return report;
}

/// What `condition` does under the method of `cell` beyond what it does under that of `reference`:
/// the difference of two arms that were tested on the same items, next to their baseline.
std::optional<MethodEffect> method_effect(const CellReport& cell, const AlignedCell& aligned,
                                          const AlignedCell& reference, Condition condition,
                                          double level) {
  const Arm* base = reference.find(Condition::baseline);
  const Arm* first = aligned.find(condition);
  const Arm* second = reference.find(condition);
  if (!base || !first || !second) return std::nullopt;
  if (aligned.items_hash != reference.items_hash ||
      aligned.protocol_hash != reference.protocol_hash)
    throw Error(Errc::run_mismatch, "report: " + clean_text(cell.source) + " -> " +
                                        clean_text(cell.target) +
                                        ": its methods were not tested on the same items under "
                                        "one protocol");
  AlignedCell both;
  both.items = reference.items;
  both.arms = {*base, *first, *second};
  both.arms[1].condition = Condition::transfer;
  both.arms[2].condition = Condition::format_control;
  const std::vector<const Arm*> arms = every_arm(both);
  const std::vector<std::size_t> every = every_item(both);
  return MethodEffect{
      cell.source,
      cell.target,
      condition,
      cell.method,
      analyse(both, arms, accuracy_score(), every, {level}).metrics.gain_above_control,
      analyse(both, arms, bits_score(), every, {level}).metrics.gain_above_control};
}

std::vector<MethodEffect> method_effects(const Report& report,
                                         const std::vector<AlignedCell>& aligned) {
  std::vector<MethodEffect> effects;
  for (std::size_t i = 0; i < report.cells.size(); ++i) {
    const CellReport& cell = report.cells[i];
    if (cell.method == Method::sl) continue;
    const auto same_pair = [&](const CellReport& other) {
      return other.method == Method::sl && other.source == cell.source &&
             other.target == cell.target;
    };
    const auto found = std::find_if(report.cells.begin(), report.cells.end(), same_pair);
    if (found == report.cells.end()) continue;
    const auto reference = static_cast<std::size_t>(found - report.cells.begin());
    for (const Condition condition :
         {Condition::transfer, Condition::direct, Condition::sequential, Condition::joint})
      if (auto effect = method_effect(cell, aligned[i], aligned[reference], condition,
                                      interval_level(report.result.spec)))
        effects.push_back(std::move(*effect));
  }
  return effects;
}

}  // namespace

namespace {

/// Calls `work(i)` for every i below `count` on all cores, in no order; throws what the smallest i
/// threw. Every cell is worked out from the study alone, so that the order decides nothing.
template <class Work>
void for_each(std::size_t count, const Work& work) {
  std::atomic<std::size_t> next = 0;
  std::vector<std::exception_ptr> failures(count);
  const auto take = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      try {
        work(i);
      } catch (...) {
        failures[i] = std::current_exception();
      }
    }
  };
  {
    const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::jthread> others;
    for (std::size_t t = 1; t < std::min(cores, count); ++t) others.emplace_back(take);
    take();
  }
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
}

/// The budget is why evaluations are missing, where they are.
void explain_what_is_missing(Report& report) {
  if (report.result.stopped.empty()) return;
  for (CellReport& cell : report.cells)
    for (std::string& warning : cell.warnings)
      if (warning.starts_with("Unfinished"))
        warning += " The study was stopped by its " + clean_text(report.result.stopped) + ".";
}

}  // namespace

Report make_report(study::StudyResult result, stats::SimilarityTable similarity) {
  Report report;
  report.result = std::move(result);
  report.similarity = std::move(similarity);
  const std::vector<OverlapSummary> overlap = overlap_summaries(report.result);
  if (report.result.spec.exclude_overlap) leave_out_overlap(report.result);
  AlignedStudy aligned;
  aligned.result = &report.result;
  for (const study::CellResult& cell : report.result.cells) aligned.cells.push_back(align(cell));
  report.cells.resize(aligned.cells.size());
  for_each(aligned.cells.size(), [&](std::size_t i) { report.cells[i] = summarise(aligned, i); });
  for (std::size_t i = 0; i < report.cells.size(); ++i) report.cells[i].overlap = overlap[i];
  explain_what_is_missing(report);
  report.effects = method_effects(report, aligned.cells);
  for (const Method method : report.result.spec.methods) {
    MatrixReport matrix = make_matrix(aligned, report.cells, method);
    if (!matrix.accuracy.empty()) report.matrices.push_back(std::move(matrix));
  }
  report.hypotheses = answer_hypotheses(aligned, report);
  report.headline = study_headline(report);
  report.findings = write_findings(report);
  report.recommendations = recommend(report);
  return report;
}

}  // namespace xfer::report
