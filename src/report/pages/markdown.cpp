// SPDX-License-Identifier: Apache-2.0
#include "report/pages/markup.hpp"
#include "report/scores/curve_mean.hpp"
#include "report/scores/extraction.hpp"
#include "report/tables/format.hpp"
#include "report/tables/method.hpp"
#include "report/tables/tables.hpp"

#include <algorithm>

namespace xfer::report {
namespace {

std::string table_text(const Table& table) {
  if (table.rows.empty()) return "";
  std::string out = "**" + escape_markdown(table.caption) + "**\n\n|";
  for (const std::string& head : table.head) out += " " + escape_markdown(head) + " |";
  out += "\n|";
  for (std::size_t c = 0; c < table.head.size(); ++c) out += c == 0 ? " :-- |" : " --: |";
  out += "\n";
  for (const auto& row : table.rows) {
    out += "|";
    for (const std::string& value : row) out += " " + escape_markdown(value) + " |";
    out += "\n";
  }
  for (const std::string& note : table.notes) out += "\n" + escape_markdown(note) + "\n";
  return out + "\n";
}

/// Values of settings are words, not numbers: both columns to the left.
std::string list_text(const Table& table) {
  std::string out = "**" + escape_markdown(table.caption) + "**\n\n";
  for (const auto& row : table.rows)
    out += "- " + escape_markdown(row[0]) + ": " + escape_markdown(row[1]) + "\n";
  return out + "\n";
}

std::string curve_text(const study::CellResult& cell) {
  Table table;
  table.caption = "Learning curves on validation items, means over seeds";
  table.head = {"Condition", "Step", "Accuracy (%)", "Bits per byte", "Training loss per token"};
  for (const auto& [condition, seeds] : curves_by_condition(cell))
    for (const study::CurvePoint& p : curve_mean(seeds))
      table.rows.push_back({std::string(display_name(condition)), grouped(p.step),
                            number(p.accuracy, Style::percent),
                            number(p.bits_per_byte, Style::bits),
                            number(p.train_loss_per_token, Style::bits)});
  return table_text(table);
}

std::string answer_text(const char* who, const study::ItemResult& item) {
  std::string verdict = item.score >= 1.0 ? "right" : "wrong";
  if (!item.failure.empty()) verdict += ": " + escape_markdown(clip_text(item.failure, 200));
  return std::string(who) + ", " + verdict + "\n\n" +
         markdown_fence(clip_text(item.completion, 600)) + "\n";
}

std::string example_text(const study::CellResult& cell) {
  const auto pairs = example_pairs(cell);
  if (pairs.empty()) return "";
  std::string out = "### Answers side by side\n\nChosen by item id, not by look.\n\n";
  for (const ExamplePair& pair : pairs) {
    out += "#### " + escape_markdown(clip_text(pair.baseline->item_id, 100)) + ": " + pair.change +
           "\n\n";
    out += answer_text("Baseline", *pair.baseline);
    out += answer_text("Transfer", *pair.transfer);
  }
  return out;
}

std::string cell_text(const CellReport& cell, const study::CellResult& result) {
  std::string out = "## " + escape_markdown(cell_title(cell)) + "\n\n";
  out += "**" + escape_markdown(cell.headline) + "**\n\n";
  out += table_text(metrics_table(cell)) + table_text(more_metrics_table(cell));
  out += "### Reading\n\n" + escape_markdown(cell.reading) + "\n\n";
  if (!cell.warnings.empty()) {
    out += "### Warnings\n\n";
    for (const std::string& warning : cell.warnings) out += "- " + escape_markdown(warning) + "\n";
    out += "\n";
  }
  out += "### Conditions\n\n" + table_text(conditions_table(cell));
  out += table_text(kinds_table(cell)) + table_text(robustness_table(cell));
  out += curve_text(result) + table_text(learning_table(cell));
  out += "### How the answers were read\n\n" + table_text(extraction_table(result));
  out += table_text(task_metrics_table(result)) + table_text(pass_at_k_table(cell));
  out += table_text(overlap_table(cell));
  out += table_text(changes_table(cell)) + table_text(change_groups_table(cell));
  out += example_text(result);
  return out;
}

std::string study_text(const Report& report) {
  std::string out = "## Results\n\n**" + escape_markdown(report.headline) + "**\n\n";
  for (const MatrixReport& matrix : report.matrices)
    out += table_text(matrix_table(matrix, false)) + table_text(matrix_table(matrix, true));
  for (const FindingParagraph& p : report.findings)
    out += "### " + p.title + "\n\n" + escape_markdown(p.text) + "\n\n";
  if (!report.recommendations.empty()) {
    out += "### Recommendations\n\n";
    for (const Recommendation& r : report.recommendations)
      out += "- " + escape_markdown(r.text) + "\n";
    out += "\n";
  }
  out += "### Hypotheses\n\n" + table_text(hypotheses_table(report));
  for (const HypothesisAnswer& h : report.hypotheses) {
    out += "**" + h.id + "** " + escape_markdown(h.rule) + "\n\n";
    for (const std::string* text : {&h.reason, &h.check, &h.needed})
      if (!text->empty()) out += escape_markdown(*text) + "\n\n";
  }
  out += table_text(looks_table(report.result)) + table_text(similarities_table(report));
  out += table_text(wordings_table(report));
  for (const MatrixReport& matrix : report.matrices)
    out += table_text(effects_of_domains_table(matrix)) + table_text(index_table(matrix));
  return out;
}

}  // namespace

std::string to_markdown(const Report& report) {
  const study::StudyResult& result = report.result;
  std::string out = "# Transfer study: " + escape_markdown(result.spec.name) + "\n\n";
  if (report.cells.size() > 1) out += table_text(overview_table(report));
  out += table_text(effects_table(report)) + study_text(report);
  if (report.cells.empty()) out += "Nothing has been evaluated yet.\n\n";
  for (std::size_t i = 0; i < report.cells.size(); ++i)
    out += cell_text(report.cells[i], result.cells[i]);
  out += "## Method\n\n";
  for (const auto& [term, meaning] : definitions(result.spec))
    out += "- **" + term + "**: " + escape_markdown(meaning) + "\n";
  out += "\n" + list_text(settings_table(result)) + list_text(hashes_table(report));
  out += table_text(overlap_checks_table(result));
  out += table_text(reinforcement_table(result)) + table_text(legs_table(result));
  const Reproduction again = reproduction(report);
  out += "## How to reproduce\n\n";
  if (imported(result)) return out + escape_markdown(again.command) + "\n";
  out += "Save as `study.toml` and run `" + again.command + "` with xfer " +
         escape_markdown(result.xfer_version) + ":\n\n" + markdown_fence(again.file, "toml");
  return out;
}

}  // namespace xfer::report
