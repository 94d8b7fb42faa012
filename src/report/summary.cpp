#include "report/align.hpp"
#include "report/format.hpp"
#include "report/markup.hpp"
#include "report/reading.hpp"

#include "xfer/error.hpp"
#include "xfer/report/report.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/transfer.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace xfer::report {
namespace {

using study::ItemResult;

/// One of the three scores: how an item scores, and how much it weighs in a mean.
struct Score {
  stats::ScoreKind kind;
  double (*value)(const ItemResult&);
  double (*weight)(const ItemResult&);
};

double accuracy_value(const ItemResult& item) { return item.score; }
double accuracy_weight(const ItemResult&) { return 1.0; }

// Bits per byte of a set is total bits over total bytes. With an item's own bits per byte weighted
// by its bytes, the weighted mean is exactly that ratio of sums, in every bootstrap resample too.
double per_byte(double bits, std::int64_t bytes) {
  return bytes > 0 ? std::max(bits, 0.0) / static_cast<double>(bytes) : 0.0;
}
double bits_value(const ItemResult& item) {
  return per_byte(item.reference_bits, item.reference_bytes);
}
double bits_weight(const ItemResult& item) { return static_cast<double>(item.reference_bytes); }

// What follows the first token. A reference of one token has nothing left and weighs nothing.
double rest_value(const ItemResult& item) {
  return per_byte(item.reference_bits - item.first_token_bits,
                  item.reference_bytes - item.first_token_bytes);
}
double rest_weight(const ItemResult& item) {
  return static_cast<double>(item.reference_bytes - item.first_token_bytes);
}

constexpr Score accuracy{stats::ScoreKind::accuracy, accuracy_value, accuracy_weight};
constexpr Score bits{stats::ScoreKind::bits_per_byte, bits_value, bits_weight};
constexpr Score rest{stats::ScoreKind::bits_per_byte, rest_value, rest_weight};

/// Intervals depend on the data alone: every study uses the same resampling seed.
const std::uint64_t bootstrap_seed = stream_id("report/bootstrap");

TransferMetrics all_undefined(const std::string& reason) {
  const Metric m = Undefined{reason};
  return {m, m, m, m, m, m, m};
}

struct Analysis {
  TransferMetrics metrics;
  std::map<Condition, Metric> means;
  std::vector<std::string> notes;
};

/// The statistics know one control by name; here it stands for another.
std::string with_control_named(std::string text, Condition control) {
  const std::string known(to_string(Condition::format_control));
  for (std::size_t at = 0; (at = text.find(known, at)) != std::string::npos;)
    text.replace(at, known.size(), to_string(control));
  return text;
}

/// Analyses the items at `chosen` under the conditions of `arms`, of which `control` is the one
/// that the gain must stand above.
Analysis analyse(const AlignedCell& cell, const std::vector<const Arm*>& arms, const Score& score,
                 std::vector<std::size_t> chosen,
                 Condition control = Condition::format_control) {
  // An item that weighs nothing has nothing to say about this score.
  std::erase_if(chosen, [&](std::size_t i) { return !(score.weight(*cell.items[i]) > 0.0); });
  const auto undefined = [&](const std::string& reason) {
    Analysis analysis{all_undefined(reason), {}, {}};
    for (const Arm* arm : arms) analysis.means[arm->condition] = Undefined{reason};
    return analysis;
  };
  if (!cell.find(Condition::baseline)) return undefined("the baseline was not evaluated");
  stats::TransferOptions options;
  options.kind = score.kind;
  options.seed = bootstrap_seed;
  if (chosen.empty()) return undefined("the reference answers have no text to score");
  bool clusters = false;
  for (const std::size_t i : chosen) {
    const ItemResult& item = *cell.items[i];
    options.item_weights.push_back(score.weight(item));
    clusters = clusters || !item.cluster.empty();
    // An item without a cluster stands alone.
    options.item_clusters.push_back(item.cluster.empty() ? "item " + std::to_string(i)
                                                         : "cluster " + item.cluster);
  }
  if (!clusters) options.item_clusters.clear();
  if (score.kind == stats::ScoreKind::accuracy) options.item_weights.clear();

  std::vector<stats::ConditionScores> conditions;
  for (const Arm* arm : arms) {
    conditions.emplace_back();
    conditions.back().condition =
        arm->condition == control ? Condition::format_control : arm->condition;
    for (const auto& row : arm->items) {
      auto& scores = conditions.back().scores.emplace_back();
      for (const std::size_t i : chosen) scores.push_back(score.value(*row[i]));
    }
  }
  stats::TransferAnalysis found = stats::transfer_metrics(conditions, options);
  Analysis analysis{std::move(found.metrics), {}, std::move(found.notes)};
  for (std::size_t a = 0; a < arms.size(); ++a)
    analysis.means[arms[a]->condition] = std::move(found.means[a].mean);
  if (control == Condition::format_control) return analysis;
  Metric& above = analysis.metrics.gain_above_control;
  if (!above.defined()) above = Undefined{with_control_named(above.reason(), control)};
  for (std::string& note : analysis.notes) note = with_control_named(std::move(note), control);
  return analysis;
}

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

std::vector<KindSummary> summarise_kinds(const AlignedCell& aligned) {
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
    kind.gain = analyse(aligned, pair, accuracy, chosen).metrics.gain;
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

CellReport summarise(const AlignedCell& aligned, const study::CellResult& cell,
                     const study::StudySpec& spec) {
  std::vector<const Arm*> arms;
  for (const Arm& arm : aligned.arms) arms.push_back(&arm);
  std::vector<std::size_t> every(aligned.items.size());
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;

  CellReport report;
  report.source = cell.source;
  report.target = cell.target;
  report.method = cell.method;
  report.method_named = spec.methods.size() > 1 || cell.method != Method::sl;
  report.zero_step_differences = zero_step_differences(aligned);
  Analysis by_accuracy = analyse(aligned, arms, accuracy, every, report.style_control());
  Analysis by_bits = analyse(aligned, arms, bits, every, report.style_control());
  Analysis by_rest = analyse(aligned, arms, rest, every, report.style_control());
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
  report.kinds = summarise_kinds(aligned);
  report.finding = find_finding(report);
  report.headline = write_headline(report);
  report.reading = write_reading(report);
  report.warnings = find_warnings(report, spec);
  return report;
}

/// What `condition` does under the method of `cell` beyond what it does under that of `reference`:
/// the difference of two arms that were tested on the same items, next to their baseline.
std::optional<MethodEffect> method_effect(const CellReport& cell, const AlignedCell& aligned,
                                          const AlignedCell& reference, Condition condition) {
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
  std::vector<const Arm*> arms;
  for (const Arm& arm : both.arms) arms.push_back(&arm);
  std::vector<std::size_t> every(both.items.size());
  for (std::size_t i = 0; i < every.size(); ++i) every[i] = i;
  return MethodEffect{cell.source, cell.target, condition, cell.method,
                      analyse(both, arms, accuracy, every).metrics.gain_above_control,
                      analyse(both, arms, bits, every).metrics.gain_above_control};
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
    for (const Condition condition : {Condition::transfer, Condition::direct,
                                      Condition::sequential, Condition::joint})
      if (auto effect = method_effect(cell, aligned[i], aligned[reference], condition))
        effects.push_back(std::move(*effect));
  }
  return effects;
}

}  // namespace

Report make_report(study::StudyResult result) {
  Report report;
  report.result = std::move(result);
  std::vector<AlignedCell> aligned;
  for (const study::CellResult& cell : report.result.cells) {
    aligned.push_back(align(cell));
    report.cells.push_back(summarise(aligned.back(), cell, report.result.spec));
  }
  report.effects = method_effects(report, aligned);
  return report;
}

}  // namespace xfer::report
