// SPDX-License-Identifier: Apache-2.0
#include "report/tables/tables.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/method.hpp"
#include "report/tables/table_notes.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace xfer::report {
namespace {

std::string share(double rate) { return number(rate, Style::percent); }

bool several_methods(const study::StudySpec& spec) { return spec.methods.size() > 1; }

/// "; the best of 3 on validation items: 0.003 (61.2%, 0.412 bits per byte), 0.01 (...)"
std::string tried_rates_text(const study::StudyResult& result, Learning learning) {
  std::vector<std::string> tried;
  for (const study::TriedRate& one : result.tried_rates)
    if (one.learning == learning)
      tried.push_back(plain(one.rate) + " (" + number(one.accuracy, Style::percent) + "%, " +
                      number(one.bits_per_byte, Style::bits) + " bits per byte)");
  if (tried.empty()) return "";
  return "; the best of " + std::to_string(tried.size()) + " on validation items: " + joined(tried);
}

std::string hash_or_none(const std::string& hash) {
  return hash.empty() ? "none recorded" : clean_text(hash);
}

}  // namespace

std::string cell_title(const CellReport& cell) {
  std::string title = clean_text(cell.source) + " → " + clean_text(cell.target);
  if (cell.method_named) title += ", " + std::string(display_name(cell.method));
  return title;
}

std::string condition_title(Condition condition, const std::string& source,
                            const std::string& target) {
  const std::string name(display_name(condition));
  switch (condition) {
    case Condition::transfer: return name + " (" + clean_text(source) + ")";
    case Condition::direct: return name + " (" + clean_text(target) + ")";
    case Condition::sequential:
      return name + " (" + clean_text(source) + ", then " + clean_text(target) + ")";
    case Condition::joint:
      return name + " (" + clean_text(source) + " + " + clean_text(target) + ")";
    default: return name;
  }
}

Table metrics_table(const CellReport& cell) {
  Table table;
  table.caption = "Transfer metrics, " + cell_title(cell) + ", with 95% intervals";
  table.head = {"Metric", "Accuracy (points)", "Bits per byte (fewer)",
                "Bits per byte after the first token (fewer)"};
  TableNotes notes(table);
  const auto row = [&](const std::string& name, Metric TransferMetrics::*metric,
                       Style accuracy_style, Style bits_style) {
    table.rows.push_back({name, notes.show(cell.accuracy.*metric, accuracy_style),
                          notes.show(cell.bits_per_byte.*metric, bits_style),
                          notes.show(cell.bits_per_byte_after_first.*metric, bits_style)});
  };
  row("Transfer Gain", &TransferMetrics::gain, Style::points, Style::bits_change);
  row(cell.method == Method::sl ? "Gain above format control" : "Gain above format reward",
      &TransferMetrics::gain_above_control, Style::points, Style::bits_change);
  row("Direct gain (ceiling)", &TransferMetrics::ceiling, Style::points, Style::bits_change);
  row("Transfer Efficiency, %", &TransferMetrics::efficiency, Style::share, Style::share);
  row("Relative Transfer, %", &TransferMetrics::relative_transfer, Style::share_change,
      Style::share_change);
  row("Sequential − direct", &TransferMetrics::sequential_over_direct, Style::points,
      Style::bits_change);
  row("Joint − direct", &TransferMetrics::joint_over_direct, Style::points, Style::bits_change);
  table.notes.insert(table.notes.begin(),
                     "Bits per byte are shown as reductions: positive is better in every column.");
  for (const std::string& note : cell.notes)
    table.notes.push_back("Note: " + clean_text(note) + ".");
  return table;
}

Table conditions_table(const CellReport& cell) {
  Table table;
  table.caption =
      "Scores of each condition on " + clean_text(cell.target) +
      (cell.conditions.empty() ? std::string()
                               : " (" + counted(cell.conditions[0].items, "test item") + ")") +
      ", with 95% intervals";
  table.head = {"Condition",
                "Seeds",
                "Accuracy (%)",
                "Bits per byte",
                "Bits per byte after the first token",
                "No answer found (%)",
                "Cut off (%)"};
  TableNotes notes(table);
  for (const ConditionSummary& c : cell.conditions)
    table.rows.push_back({condition_title(c.condition, cell.source, cell.target),
                          c.condition == Condition::baseline ? "–" : std::to_string(c.seeds),
                          notes.show(c.accuracy, Style::percent),
                          notes.show(c.bits_per_byte, Style::bits),
                          notes.show(c.bits_per_byte_after_first, Style::bits),
                          share(c.extraction_failure_rate), share(c.truncated_rate)});
  return table;
}

Table kinds_table(const CellReport& cell) {
  Table table;
  if (cell.kinds.empty() || (cell.kinds.size() == 1 && cell.kinds[0].kind.empty())) return table;
  table.caption = "Accuracy (%) by kind of problem in " + clean_text(cell.target);
  table.head = {"Kind", "Items"};
  for (const ConditionSummary& c : cell.conditions)
    table.head.emplace_back(display_name(c.condition));
  table.head.emplace_back("Transfer Gain (points)");
  TableNotes notes(table);
  for (const KindSummary& kind : cell.kinds) {
    std::vector<std::string> row = {kind.kind.empty() ? "(no kind)" : clip_text(kind.kind, 60),
                                    grouped(kind.items)};
    for (const double accuracy : kind.accuracy) row.push_back(number(accuracy, Style::percent));
    row.push_back(notes.show(kind.gain, Style::points));
    table.rows.push_back(std::move(row));
  }
  table.notes.insert(table.notes.begin(),
                     "Exploratory: the intervals are not corrected for the number of kinds.");
  return table;
}

Table overview_table(const Report& report) {
  Table table;
  const bool methods = several_methods(report.result.spec);
  table.caption = std::string(methods ? "All pairs and methods" : "All pairs") +
                  ": accuracy in points with 95% intervals";
  table.head = {"Source → target", "Transfer Gain",
                methods ? "Gain above the format's control" : "Gain above format control",
                "Direct gain (ceiling)", "Finding"};
  if (methods) table.head.insert(table.head.begin() + 1, "Method");
  TableNotes notes(table);
  for (const CellReport& cell : report.cells) {
    std::string finding(to_string(cell.finding));
    std::replace(finding.begin(), finding.end(), '_', ' ');
    auto& row = table.rows.emplace_back();
    row = {clean_text(cell.source) + " → " + clean_text(cell.target),
           notes.show(cell.accuracy.gain, Style::points),
           notes.show(cell.accuracy.gain_above_control, Style::points),
           notes.show(cell.accuracy.ceiling, Style::points), finding};
    if (methods) row.insert(row.begin() + 1, std::string(display_name(cell.method)));
  }
  table.notes.insert(table.notes.begin(),
                     "Each pair is judged alone: the intervals are not corrected for the number "
                     "of pairs.");
  return table;
}

Table effects_table(const Report& report) {
  Table table;
  if (report.effects.empty()) return table;
  table.caption =
      "Methods compared: score under the method minus score under SL, with 95% "
      "intervals";
  table.head = {"Source → target", "Condition", "Method", "Accuracy (points)",
                "Bits per byte (fewer)"};
  TableNotes notes(table);
  for (const MethodEffect& effect : report.effects)
    table.rows.push_back({clean_text(effect.source) + " → " + clean_text(effect.target),
                          std::string(display_name(effect.condition)),
                          std::string(display_name(effect.method)) + " − SL",
                          notes.show(effect.accuracy, Style::points),
                          notes.show(effect.bits_per_byte, Style::bits_change)});
  table.notes.insert(table.notes.begin(),
                     "Each method has its own number of steps and learning rate: this compares "
                     "what was run, not the methods at equal cost.");
  return table;
}

Table settings_table(const study::StudyResult& result) {
  const study::StudySpec& s = result.spec;
  std::vector<std::string> seeds;
  for (const std::uint64_t seed : s.seeds) seeds.push_back(std::to_string(seed));
  std::vector<std::string> conditions;
  for (const Condition c : s.conditions) conditions.emplace_back(to_string(c));
  std::vector<std::string> parts;
  if (s.lora.train_attn) parts.emplace_back("attention");
  if (s.lora.train_mlp) parts.emplace_back("MLP");
  if (s.lora.train_unembed) parts.emplace_back("unembedding");
  const bool lora = s.lora.rank > 0;

  Table table;
  table.caption = "Settings";
  table.head = {"Setting", "Value"};
  const auto row = [&](const char* name, std::string value) {
    table.rows.push_back({name, std::move(value)});
  };
  row("Study", clean_text(s.name));
  if (imported(result)) {
    row("Model", clean_text(result.model_name));
    row("Conditions", joined(conditions));
    row("Seeds", joined(seeds));
    row("Training and testing", "done elsewhere: not known here");
    return table;
  }
  row("Model", clean_text(result.model_name) + " (" + clean_text(s.model) + ")" +
                   and_parameters(result.model_parameters));
  row("Renderer", clean_text(s.renderer));
  row("Conditions", joined(conditions));
  row("Seeds", joined(seeds));
  row("Training", lora ? "LoRA, rank " + std::to_string(s.lora.rank) + ", alpha " +
                             plain(s.lora.alpha) + ", on " + joined(parts)
                       : "every weight of the model");
  const auto uses = [&](Learning learning) {
    return std::any_of(s.methods.begin(), s.methods.end(), [&](Method m) {
      return m != (learning == Learning::supervised ? Method::rl : Method::sl);
    });
  };
  const auto optimizer = [&](double rate, double end_share) {
    return "AdamW, learning rate " + plain(rate) +
           (end_share == 1.0 ? std::string(", constant")
                             : " falling linearly to " + plain(end_share) + " of it") +
           ", gradient norm clipped at " + plain(s.grad_clip_norm);
  };
  if (several_methods(s) || s.methods.front() != Method::sl) {
    std::vector<std::string> methods;
    for (const Method m : s.methods) methods.emplace_back(display_name(m));
    row("Methods", joined(methods));
  }
  if (uses(Learning::supervised)) {
    row("Steps for each domain", grouped(s.steps) + ", batches of " + grouped(s.batch_size));
    row("Optimizer", optimizer(s.learning_rate, s.learning_rate_end_share) +
                         tried_rates_text(result, Learning::supervised));
    if (s.examples > 0) row("Training examples", "the first " + grouped(s.examples));
  }
  if (uses(Learning::reinforcement)) {
    row("Steps of reinforcement for each domain",
        grouped(s.rl.steps) + ", each on " + counted(s.rl.group_size, "answer") + " to " +
            counted(s.rl.problems, "problem") + ", sampled at temperature " +
            plain(s.rl.temperature) + ", at most " + counted(s.rl.max_staleness, "update") +
            " before use");
    row("Loss of reinforcement", s.rl.loss + ", advantage " + s.rl.advantage);
    row("Optimizer of reinforcement", optimizer(s.rl.learning_rate, s.rl.learning_rate_end_share) +
                                          tried_rates_text(result, Learning::reinforcement));
  }
  row("Longest training sequence", counted(s.max_sequence_tokens, "token"));
  row("Test items asked for", grouped(s.items));
  row("Validation items", s.validation_items > 0 ? grouped(s.validation_items) + ", every " +
                                                       counted(s.eval_every, "step")
                                                 : "no learning curve");
  row("Held-out items", s.held_out_items > 0 ? grouped(s.held_out_items) : "none");
  row("Other wordings of the prompt", s.prompt_variants > 0 ? grouped(s.prompt_variants) : "none");
  row("Items of other domains",
      s.forgetting_items > 0 ? grouped(s.forgetting_items) + " of each" : "none");
  row("Few-shot examples", grouped(s.shots));
  row("Longest answer",
      s.max_answer_tokens > 0 ? counted(s.max_answer_tokens, "token") : "the domain's own limit");
  if (s.scoring != "generate") row("Items with options", "chosen by " + clean_text(s.scoring));
  if (s.samples > 0)
    row("Answers drawn for pass@k",
        grouped(s.samples) + " to each test item, at temperature " + plain(s.sample_temperature));
  if (s.exclude_overlap) row("Test items among training text", "left out");
  return table;
}

Table hashes_table(const Report& report) {
  Table table;
  table.caption = "Versions and hashes";
  table.head = {"What", "Value"};
  table.rows.push_back({"xfer version", clean_text(report.result.xfer_version)});
  table.rows.push_back({"Model weights", hash_or_none(report.result.model_hash)});
  for (const CellReport& cell : report.cells) {
    table.rows.push_back({"Protocol, " + cell_title(cell), hash_or_none(cell.protocol_hash)});
    table.rows.push_back({"Test items, " + cell_title(cell), hash_or_none(cell.items_hash)});
  }
  return table;
}

Table reinforcement_table(const study::StudyResult& result) {
  Table table;
  table.caption = "Reinforcement learning: mean reward of the answers sampled in training";
  table.head = {"Run",
                "First tenth of the steps (%)",
                "Last tenth (%)",
                "Divergence from the base, last (nats per token)",
                "Groups without signal (%)",
                "Answer length, first (tokens)",
                "Answer length, last (tokens)"};
  for (const study::LegSummary& leg : result.legs) {
    if (leg.rewards.empty()) continue;
    const std::size_t tenth = std::max<std::size_t>(1, leg.rewards.size() / 10);
    const std::span<const study::RewardPoint> all(leg.rewards);
    const auto average = [](std::span<const study::RewardPoint> points,
                            double study::RewardPoint::*value) {
      double sum = 0.0;
      for (const study::RewardPoint& p : points) sum += p.*value;
      return sum / static_cast<double>(points.size());
    };
    double groups = 0.0;
    double silent = 0.0;
    std::optional<double> divergence;
    for (const study::RewardPoint& p : all) {
      groups += p.groups;
      silent += p.silent_groups;
      if (p.kl_to_base) divergence = p.kl_to_base;
    }
    const auto tokens = [](double value) { return number(value / 100.0, Style::percent); };
    table.rows.push_back(
        {clip_text(leg.description, 120),
         number(average(all.first(tenth), &study::RewardPoint::reward), Style::percent),
         number(average(all.last(tenth), &study::RewardPoint::reward), Style::percent),
         divergence ? number(*divergence, Style::bits) : "not measured",
         groups > 0.0 ? number(silent / groups, Style::percent) : "–",
         tokens(average(all.first(tenth), &study::RewardPoint::answer_tokens)),
         tokens(average(all.last(tenth), &study::RewardPoint::answer_tokens))});
  }
  if (!table.rows.empty())
    table.notes.push_back(
        "The reward is the grader's score, also where a control reinforced something else. A group "
        "whose answers were all rewarded alike teaches nothing.");
  return table;
}

Table legs_table(const study::StudyResult& result) {
  Table table;
  if (result.legs.empty()) return table;
  table.caption = "Training runs";
  table.head = {"Run", "Steps", "Training tokens", "Examples skipped", "Key"};
  for (const study::LegSummary& leg : result.legs)
    table.rows.push_back({clip_text(leg.description, 120), grouped(leg.steps),
                          grouped(leg.train_tokens), grouped(leg.skipped_examples),
                          clip_text(short_hash(leg.key), 12)});
  table.notes.push_back(
      "A run that several conditions share was made once. Examples longer than the longest "
      "training sequence were skipped.");
  return table;
}

}  // namespace xfer::report
