// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"
#include "report/tables/table_notes.hpp"
#include "report/tables/tables.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace xfer::report {
namespace {

const OwnGain* own_gain(const MatrixReport& matrix, const std::string& domain) {
  for (const OwnGain& own : matrix.own)
    if (own.domain == domain) return &own;
  return nullptr;
}

std::string count_text(double value) {
  return value == static_cast<double>(static_cast<long long>(value))
             ? grouped(static_cast<long long>(value))
             : fmt::format("{:.1f}", value);
}

std::string method_suffix(const MatrixReport& matrix) {
  return matrix.method == Method::sl ? std::string()
                                     : ", " + std::string(display_name(matrix.method));
}

std::string words(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

std::string sign_words(stats::SignSurvival sign) {
  switch (sign) {
    case stats::SignSurvival::survives: return "survives every wording";
    case stats::SignSurvival::flips: return "flips between wordings";
    case stats::SignSurvival::unclear: return "is not clear under every wording";
  }
  return "";
}

}  // namespace

Table more_metrics_table(const CellReport& cell) {
  Table table;
  table.caption = "Further metrics, " + cell_title(cell) + ", with 95% intervals";
  table.head = {"Metric", "Accuracy", "Bits per byte (fewer)"};
  TableNotes notes(table);
  const auto row = [&](const char* name, Metric TransferMetrics::*metric, Style accuracy,
                       Style bits) {
    table.rows.push_back({name, notes.show(cell.accuracy.*metric, accuracy),
                          notes.show(cell.bits_per_byte.*metric, bits)});
  };
  row("Headroom-normalised gain, %", &TransferMetrics::headroom_gain, Style::share_change,
      Style::share_change);
  row("Source-normalised transfer, %", &TransferMetrics::source_normalised, Style::share_change,
      Style::share_change);
  row("Change on other domains (forgetting)", &TransferMetrics::forgetting, Style::points,
      Style::bits_change);
  row("Change on the source by the second stage", &TransferMetrics::sequential_forgetting,
      Style::points, Style::bits_change);
  row("Asymmetry: this direction − the reverse", &TransferMetrics::asymmetry, Style::points,
      Style::bits_change);
  row("Asymmetry in shares of the ceilings", &TransferMetrics::standardised_asymmetry,
      Style::ratio_change, Style::ratio_change);
  row("Gain on held-out items", &TransferMetrics::held_out_gain, Style::points, Style::bits_change);
  row("Held-out gain − gain", &TransferMetrics::generalisation, Style::points, Style::bits_change);
  row("Gain per dollar", &TransferMetrics::gain_per_dollar, Style::plain_change,
      Style::bits_change);
  row("Gain per million tokens", &TransferMetrics::gain_per_million_tokens, Style::plain_change,
      Style::bits_change);
  if (cell.spending)
    table.notes.push_back(fmt::format(
        "Spent on the transfer condition over all seeds, at list prices: ${:.2f} training, ${:.2f} "
        "sampling in training, ${:.2f} evaluation; {} tokens.",
        cell.spending->train_usd, cell.spending->sample_usd, cell.spending->evaluation_usd,
        grouped(static_cast<long long>(cell.spending->tokens))));
  return table;
}

Table matrix_table(const MatrixReport& matrix, bool bits) {
  Table table;
  const Style style = bits ? Style::bits_change : Style::points;
  table.caption = std::string("Transfer Gain in ") +
                  (bits ? "bits per byte (fewer)" : "accuracy (points)") +
                  ", sources down, targets across" + method_suffix(matrix) +
                  ", with simultaneous 95% intervals";
  table.head = {"Trained on \\ tested on"};
  for (const std::string& target : matrix.targets) table.head.push_back(clean_text(target));
  TableNotes notes(table);
  for (const std::string& source : matrix.sources) {
    auto& row = table.rows.emplace_back();
    row.push_back(clean_text(source));
    for (const std::string& target : matrix.targets) {
      if (source == target) {
        const OwnGain* own = own_gain(matrix, source);
        row.push_back(own ? "own " + notes.show(bits ? own->bits_per_byte : own->accuracy, style)
                          : "–");
        continue;
      }
      const stats::MatrixVerdict* cell = matrix.find(source, target, bits);
      row.push_back(cell ? std::string(verdict_mark(cell->verdict)) + " " +
                               notes.show(cell->gain, style)
                         : "–");
    }
  }
  table.notes.insert(
      table.notes.begin(),
      "▲ gain, ▼ loss, ≈ within the margin on both sides of 0, ? inconclusive, × refused. The "
      "verdicts hold together: the chance that any of them is false is at most 5%. “own” is direct "
      "training, with an interval of its own. – not in the study.");
  return table;
}

Table effects_of_domains_table(const MatrixReport& matrix) {
  Table table;
  const stats::MainEffects& e = matrix.accuracy_effects;
  if (e.sources.size() < 2 || e.targets.size() < 2 || !e.interaction_share.defined()) return table;
  table.caption = "Main effects in accuracy (points)" + method_suffix(matrix);
  table.head = {"Domain", "As source", "As target"};
  std::vector<std::string> names;
  for (const auto* side : {&e.sources, &e.targets})
    for (const stats::MainEffect& effect : *side)
      if (std::find(names.begin(), names.end(), effect.name) == names.end())
        names.push_back(effect.name);
  const auto shown = [](const std::vector<stats::MainEffect>& side, const std::string& name) {
    for (const stats::MainEffect& effect : side)
      if (effect.name == name) return number(effect.effect, Style::points);
    return std::string("–");
  };
  for (const std::string& name : names)
    table.rows.push_back({clean_text(name), shown(e.sources, name), shown(e.targets, name)});
  table.notes.push_back("Added to the mean gain of " + number(e.mean, Style::points) +
                        " points; least squares over the cells off the diagonal.");
  return table;
}

Table index_table(const MatrixReport& matrix) {
  Table table;
  if (matrix.indices.empty()) return table;
  table.caption = "Transferability Index" + method_suffix(matrix);
  table.head = {"Source", "Own domain (denominator)", "Other targets", "Index"};
  TableNotes notes(table);
  for (const SourceIndex& index : matrix.indices)
    table.rows.push_back({clean_text(index.source), fmt::format("{:.2f}", index.trained),
                          fmt::format("{:.2f}", index.other),
                          index.index.defined()
                              ? fmt::format("{:.1f}", *index.index.number())
                              : notes.show(Undefined{index.index.reason()}, Style::share)});
  table.notes.push_back(
      "As in Huan et al. 2025 (arXiv 2507.00432), for comparison with it only: it has no interval, "
      "a small denominator makes it large, and its scale is the spread over the sources of this "
      "study, so that indices of other studies are not comparable.");
  return table;
}

Table hypotheses_table(const Report& report) {
  Table table;
  table.caption = "Hypotheses, with the rules that were fixed before the study ran";
  table.head = {"Hypothesis", "Estimate", "p (Holm)", "Verdict", "Pairs", "Training runs"};
  TableNotes notes(table);
  const bool bits = report.result.spec.hypotheses.score == "bits_per_byte";
  for (const HypothesisAnswer& h : report.hypotheses) {
    const Style style = h.is_correlation ? Style::ratio_change
                        : bits           ? Style::bits_change
                                         : Style::points;
    const bool tested = h.estimate.defined();
    table.rows.push_back({h.id + ". " + clean_text(h.question),
                          tested ? with_interval(*h.estimate.estimate(), style) : "–",
                          tested ? p_text(h.p_adjusted) : "–", words(to_string(h.verdict)),
                          tested ? grouped(h.cells) : "–", tested ? grouped(h.runs) : "–"});
  }
  return table;
}

Table looks_table(const study::StudyResult& result) {
  Table table;
  if (result.looks.empty()) return table;
  table.caption = "Adaptive looks: what was decided when";
  table.head = {"Round",        "Pair",        "Method",  "Seeds", "Gain",
                "Bound on |Z|", "Error spent", "Verdict", "Then"};
  const bool bits = result.spec.hypotheses.score == "bits_per_byte";
  for (const study::Look& look : result.looks) {
    const bool last = look.seeds == static_cast<int>(result.spec.seeds.size());
    table.rows.push_back({std::to_string(look.round),
                          clean_text(look.source) + " → " + clean_text(look.target),
                          std::string(display_name(look.method)), std::to_string(look.seeds),
                          with_interval({look.gain, look.lower, look.upper},
                                        bits ? Style::bits_change : Style::points),
                          fmt::format("{:.3f}", look.bound), fmt::format("{:.2g}", look.spent),
                          clean_text(look.verdict),
                          look.goes_on             ? "another seed"
                          : look.verdict != "open" ? "stopped: decided"
                          : last                   ? "stopped: no seed left"
                                                   : "passed over"});
  }
  const study::LooksSpec& rules = result.spec.looks;
  table.notes.push_back(fmt::format(
      "Intervals are repeated confidence intervals (Jennison and Turnbull 1989): all of this table "
      "hold together with probability {:.3g}. Declared before the first look: error rate {:.3g}, "
      "shared evenly by {} and spent by the {} function of Lan and DeMets (1983) over at most {}.",
      1.0 - rules.error_rate, rules.error_rate,
      counted(static_cast<long long>(result.cells.size()), "cell"),
      rules.spending == "pocock" ? "Pocock-type" : "O'Brien-Fleming-type",
      counted(static_cast<long long>(result.spec.seeds.size()) - rules.first_seeds + 1, "look")));
  return table;
}

Table similarities_table(const Report& report) {
  Table table;
  if (report.similarities.empty()) return table;
  table.caption = "Similarity against transfer: rank correlation within targets";
  table.head = {"Measure", "Correlation", "p", "q", "Corrected for noise", "Cells"};
  TableNotes notes(table);
  for (const SimilarityFinding& s : report.similarities) {
    const auto shown = [&](const stats::Value& v) {
      return v.defined() ? number(*v.number(), Style::ratio_change)
                         : notes.show(Undefined{v.reason()}, Style::share);
    };
    std::string rho = shown(s.found.coefficient);
    if (s.found.interval.defined())
      rho += " " + interval(*s.found.interval.estimate(), Style::ratio_change);
    table.rows.push_back({clean_text(s.title) + (s.declared ? " (declared)" : ""), rho,
                          p_text(s.found.p), s.declared ? "–" : p_text(s.q),
                          shown(s.found.attenuated), grouped(s.found.cells)});
  }
  table.notes.push_back(
      "Distances count with the sign turned. Only the declared measure decides "
      "H2; q is Benjamini and Hochberg's over the others.");
  return table;
}

Table learning_table(const CellReport& cell) {
  Table table;
  if (cell.learning.empty()) return table;
  table.caption = "How fast it came, on validation items";
  table.head = {"Condition", "Mean gain during training (points)", "Steps to 90% of the last gain",
                "Mean gain during training (bits per byte)", "Steps to 90% (bits per byte)"};
  TableNotes notes(table);
  const auto steps = [&](const Metric& m) {
    if (!m.defined()) return notes.show(m, Style::bits);
    const Estimate& e = *m.estimate();
    return fmt::format("{:.0f} [{:.0f}, {:.0f}]", e.value, e.lower, e.upper);
  };
  for (const LearningSummary& s : cell.learning)
    table.rows.push_back({condition_title(s.condition, cell.source, cell.target),
                          notes.show(s.accuracy_area, Style::points), steps(s.accuracy_steps),
                          notes.show(s.bits_area, Style::bits_change), steps(s.bits_steps)});
  table.notes.push_back(
      "Mean gain during training is the area under the learning curve over its "
      "steps; intervals are Student's t over seeds.");
  return table;
}

Table changes_table(const CellReport& cell) {
  Table table;
  if (cell.changes.empty()) return table;
  table.caption = "Items fixed and broken by each condition, against the baseline";
  table.head = {"Condition", "Fixed", "Broken", "Net", "Items"};
  for (const ConditionChanges& c : cell.changes)
    table.rows.push_back({condition_title(c.condition, cell.source, cell.target),
                          count_text(c.fixed), count_text(c.broken),
                          number((c.fixed - c.broken) / 1.0, Style::plain_change),
                          grouped(c.items)});
  table.notes.push_back(
      "Means over seeds. Fixed: wrong under the baseline, right under the "
      "condition; broken: the reverse; right means a score of 1.");
  return table;
}

Table change_groups_table(const CellReport& cell) {
  Table table;
  for (const ConditionChanges& c : cell.changes) {
    if (c.condition != Condition::transfer || c.groups.empty()) continue;
    table.caption = "What transfer fixed and broke";
    table.head = {"Group", "Items", "Fixed", "Broken"};
    for (const ChangeGroup& g : c.groups)
      table.rows.push_back({g.by + ": " + clip_text(g.group, 60), count_text(g.items),
                            count_text(g.fixed), count_text(g.broken)});
    table.notes.push_back(
        "Difficulty is the base model's bits per byte of the reference answer, answer length the "
        "reference's. A failure is that of the baseline for what was fixed, that of the transfer "
        "model for what was broken.");
  }
  return table;
}

Table wordings_table(const Report& report) {
  Table table;
  table.caption = "Transfer Gain over the wordings of the prompt (points)";
  table.head = {"Pair", "Wordings", "Worst", "Median", "Best", "Sign"};
  for (const CellReport& cell : report.cells) {
    if (!cell.robustness) continue;
    const stats::Robustness& r = cell.robustness->accuracy;
    table.rows.push_back({cell_title(cell), std::to_string(r.gains.size()),
                          with_interval(r.gains[r.worst], Style::points),
                          with_interval(r.median, Style::points),
                          with_interval(r.gains[r.best], Style::points), sign_words(r.sign)});
  }
  table.notes.push_back(
      "The intervals of a pair hold together. The sign survives where all of them lie on the same "
      "side of 0.");
  return table;
}

Table robustness_table(const CellReport& cell) {
  Table table;
  if (!cell.robustness) return table;
  const stats::Robustness& r = cell.robustness->accuracy;
  table.caption = "Transfer Gain under other wordings of the prompt (points)";
  table.head = {"Prompt", "Transfer Gain"};
  for (std::size_t i = 0; i < r.gains.size(); ++i) {
    std::string name = clip_text(cell.robustness->names[i], 60);
    if (i == r.worst) name += " (worst)";
    if (i == r.best) name += " (best)";
    table.rows.push_back({name, with_interval(r.gains[i], Style::points)});
  }
  table.rows.push_back({"Median", with_interval(r.median, Style::points)});
  table.notes.push_back("The intervals hold together. The sign of the gain " + sign_words(r.sign) +
                        ".");
  return table;
}

}  // namespace xfer::report
