// SPDX-License-Identifier: Apache-2.0
#include "xfer/report/data_tables.hpp"

#include "report/pages/markup.hpp"
#include "report/tables/format.hpp"

#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"

#include <fmt/format.h>

#include <cmath>
#include <system_error>
#include <utility>

namespace xfer::report {
namespace {

using Row = std::vector<DataValue>;

DataValue text(std::string_view value) { return clean_text(value); }

DataValue real(double value) {
  if (!std::isfinite(value)) return std::monostate{};
  return value;
}

DataValue whole(long long value) { return static_cast<std::int64_t>(value); }

DataValue value_of(const stats::Value& value) {
  return value.defined() ? real(*value.number()) : DataValue{};
}

/// value, lower, upper, undefined.
void add(Row& row, const Metric& metric) {
  const Estimate* e = metric.estimate();
  if (!e) {
    row.insert(row.end(), {DataValue{}, DataValue{}, DataValue{}, text(metric.reason())});
    return;
  }
  row.insert(row.end(), {real(e->value), real(e->lower), real(e->upper), text("")});
}

/// The columns that `add` fills.
std::vector<std::string> with_metric(std::vector<std::string> columns) {
  columns.insert(columns.end(), {"value", "lower", "upper", "undefined"});
  return columns;
}

Row place(const CellReport& cell) {
  return {text(cell.source), text(cell.target), text(to_string(cell.method))};
}

constexpr std::pair<const char*, Metric TransferMetrics::*> metric_names[] = {
    {"gain", &TransferMetrics::gain},
    {"gain_above_control", &TransferMetrics::gain_above_control},
    {"ceiling", &TransferMetrics::ceiling},
    {"efficiency", &TransferMetrics::efficiency},
    {"relative_transfer", &TransferMetrics::relative_transfer},
    {"sequential_over_direct", &TransferMetrics::sequential_over_direct},
    {"joint_over_direct", &TransferMetrics::joint_over_direct},
    {"headroom_gain", &TransferMetrics::headroom_gain},
    {"source_normalised", &TransferMetrics::source_normalised},
    {"forgetting", &TransferMetrics::forgetting},
    {"sequential_forgetting", &TransferMetrics::sequential_forgetting},
    {"asymmetry", &TransferMetrics::asymmetry},
    {"standardised_asymmetry", &TransferMetrics::standardised_asymmetry},
    {"held_out_gain", &TransferMetrics::held_out_gain},
    {"generalisation", &TransferMetrics::generalisation},
    {"gain_per_dollar", &TransferMetrics::gain_per_dollar},
    {"gain_per_million_tokens", &TransferMetrics::gain_per_million_tokens},
};

constexpr std::pair<const char*, TransferMetrics CellReport::*> score_names[] = {
    {"accuracy", &CellReport::accuracy},
    {"bits_per_byte", &CellReport::bits_per_byte},
    {"bits_per_byte_after_first", &CellReport::bits_per_byte_after_first},
};

DataTable metrics_data(const Report& report) {
  DataTable table{"metrics", with_metric({"source", "target", "method", "score", "metric"}), {}};
  for (const CellReport& cell : report.cells)
    for (const auto& [score, metrics] : score_names)
      for (const auto& [name, member] : metric_names) {
        Row& row = table.rows.emplace_back(place(cell));
        row.insert(row.end(), {text(score), text(name)});
        add(row, cell.*metrics.*member);
      }
  return table;
}

DataTable cells_data(const Report& report) {
  DataTable table{"cells",
                  {"source", "target", "method", "finding", "headline", "reading", "protocol_hash",
                   "items_hash", "train_usd", "sample_usd", "evaluation_usd", "tokens"},
                  {}};
  for (const CellReport& cell : report.cells) {
    Row& row = table.rows.emplace_back(place(cell));
    row.insert(row.end(), {text(to_string(cell.finding)), text(cell.headline), text(cell.reading),
                           text(cell.protocol_hash), text(cell.items_hash)});
    if (cell.spending)
      row.insert(row.end(), {real(cell.spending->train_usd), real(cell.spending->sample_usd),
                             real(cell.spending->evaluation_usd), real(cell.spending->tokens)});
    else
      row.resize(table.columns.size());
  }
  return table;
}

DataTable conditions_data(const Report& report) {
  DataTable table{"conditions",
                  with_metric({"source", "target", "method", "condition", "seeds", "items",
                               "extraction_failure_rate", "truncated_rate", "score"}),
                  {}};
  for (const CellReport& cell : report.cells)
    for (const ConditionSummary& c : cell.conditions)
      for (const auto& [score, mean] :
           {std::pair("accuracy", &c.accuracy), std::pair("bits_per_byte", &c.bits_per_byte),
            std::pair("bits_per_byte_after_first", &c.bits_per_byte_after_first)}) {
        Row& row = table.rows.emplace_back(place(cell));
        row.insert(row.end(),
                   {text(to_string(c.condition)), whole(c.seeds), whole(c.items),
                    real(c.extraction_failure_rate), real(c.truncated_rate), text(score)});
        add(row, *mean);
      }
  return table;
}

DataTable verdicts_data(const Report& report) {
  DataTable table{"verdicts",
                  with_metric({"source", "target", "method", "score", "verdict", "within_margin",
                               "p", "p_adjusted", "q"}),
                  {}};
  for (const MatrixReport& matrix : report.matrices)
    for (const auto& [score, cells] : {std::pair("accuracy", &matrix.accuracy),
                                       std::pair("bits_per_byte", &matrix.bits_per_byte)})
      for (const stats::MatrixVerdict& cell : *cells) {
        Row& row = table.rows.emplace_back();
        row = {text(cell.source),
               text(cell.target),
               text(to_string(matrix.method)),
               text(score),
               text(to_string(cell.verdict)),
               whole(cell.within_margin ? 1 : 0),
               real(cell.p),
               real(cell.p_adjusted),
               real(cell.q)};
        add(row, cell.gain);
      }
  return table;
}

DataTable hypotheses_data(const Report& report) {
  DataTable table{"hypotheses",
                  with_metric({"id", "question", "rule", "verdict", "reason", "test", "unit", "p",
                               "p_adjusted", "cells", "runs", "check", "needed"}),
                  {}};
  for (const HypothesisAnswer& h : report.hypotheses) {
    Row& row = table.rows.emplace_back();
    row = {text(h.id),
           text(h.question),
           text(h.rule),
           text(to_string(h.verdict)),
           text(h.reason),
           text(h.test),
           text(h.is_correlation ? "correlation" : report.result.spec.hypotheses.score),
           real(h.p),
           real(h.p_adjusted),
           whole(h.cells),
           whole(h.runs),
           text(h.check),
           text(h.needed)};
    add(row, h.estimate);
  }
  return table;
}

DataTable similarities_data(const Report& report) {
  DataTable table{"similarities",
                  {"measure", "title", "declared", "coefficient", "lower", "upper", "p", "q",
                   "attenuated", "targets", "cells"},
                  {}};
  for (const SimilarityFinding& s : report.similarities) {
    const Estimate* e = s.found.interval.estimate();
    table.rows.push_back(
        {text(s.measure), text(s.title), whole(s.declared ? 1 : 0), value_of(s.found.coefficient),
         e ? real(e->lower) : DataValue{}, e ? real(e->upper) : DataValue{}, real(s.found.p),
         real(s.q), value_of(s.found.attenuated), whole(s.found.targets), whole(s.found.cells)});
  }
  return table;
}

DataTable main_effects_data(const Report& report) {
  DataTable table{"main_effects", {"method", "score", "side", "domain", "effect"}, {}};
  for (const MatrixReport& matrix : report.matrices)
    for (const auto& [score, effects] : {std::pair("accuracy", &matrix.accuracy_effects),
                                         std::pair("bits_per_byte", &matrix.bits_effects)})
      for (const auto& [side, list] :
           {std::pair("source", &effects->sources), std::pair("target", &effects->targets)})
        for (const stats::MainEffect& effect : *list)
          table.rows.push_back({text(to_string(matrix.method)), text(score), text(side),
                                text(effect.name), real(effect.effect)});
  return table;
}

DataTable methods_data(const Report& report) {
  DataTable table{
      "method_effects", with_metric({"source", "target", "condition", "method", "score"}), {}};
  for (const MethodEffect& e : report.effects)
    for (const auto& [score, metric] :
         {std::pair("accuracy", &e.accuracy), std::pair("bits_per_byte", &e.bits_per_byte)}) {
      Row& row = table.rows.emplace_back();
      row = {text(e.source), text(e.target), text(to_string(e.condition)),
             text(to_string(e.method)), text(score)};
      add(row, *metric);
    }
  return table;
}

DataTable curves_data(const Report& report) {
  DataTable table{"curves",
                  {"source", "target", "method", "condition", "seed", "step", "accuracy",
                   "bits_per_byte", "train_loss_per_token"},
                  {}};
  for (const study::CellResult& cell : report.result.cells)
    for (const study::Curve& curve : cell.curves)
      for (const study::CurvePoint& p : curve.points)
        table.rows.push_back(
            {text(cell.source), text(cell.target), text(to_string(cell.method)),
             text(to_string(curve.condition)), static_cast<std::int64_t>(curve.seed), whole(p.step),
             real(p.accuracy), real(p.bits_per_byte), real(p.train_loss_per_token)});
  return table;
}

DataTable learning_data(const Report& report) {
  DataTable table{
      "learning", with_metric({"source", "target", "method", "condition", "metric"}), {}};
  for (const CellReport& cell : report.cells)
    for (const LearningSummary& s : cell.learning)
      for (const auto& [name, metric] :
           {std::pair("accuracy_area", &s.accuracy_area),
            std::pair("accuracy_steps_to_90_percent", &s.accuracy_steps),
            std::pair("bits_per_byte_area", &s.bits_area),
            std::pair("bits_per_byte_steps_to_90_percent", &s.bits_steps)}) {
        Row& row = table.rows.emplace_back(place(cell));
        row.insert(row.end(), {text(to_string(s.condition)), text(name)});
        add(row, *metric);
      }
  return table;
}

DataTable changes_data(const Report& report) {
  DataTable table{
      "changes",
      {"source", "target", "method", "condition", "by", "group", "items", "fixed", "broken"},
      {}};
  for (const CellReport& cell : report.cells)
    for (const ConditionChanges& c : cell.changes) {
      const auto line = [&](const std::string& by, const std::string& group, double items,
                            double fixed, double broken) {
        Row& row = table.rows.emplace_back(place(cell));
        row.insert(row.end(), {text(to_string(c.condition)), text(by), text(group), real(items),
                               real(fixed), real(broken)});
      };
      line("all", "", c.items, c.fixed, c.broken);
      for (const ChangeGroup& g : c.groups) line(g.by, g.group, g.items, g.fixed, g.broken);
    }
  return table;
}

DataTable robustness_data(const Report& report) {
  DataTable table{
      "robustness", {"source", "target", "method", "prompt", "value", "lower", "upper"}, {}};
  for (const CellReport& cell : report.cells) {
    if (!cell.robustness) continue;
    for (std::size_t i = 0; i < cell.robustness->names.size(); ++i) {
      const Estimate& e = cell.robustness->accuracy.gains[i];
      Row& row = table.rows.emplace_back(place(cell));
      row.insert(row.end(),
                 {text(cell.robustness->names[i]), real(e.value), real(e.lower), real(e.upper)});
    }
  }
  return table;
}

std::string field(const DataValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return fmt::format("{}", *number);
  if (const auto* count = std::get_if<std::int64_t>(&value)) return std::to_string(*count);
  const auto* words = std::get_if<std::string>(&value);
  if (!words) return "";
  if (words->find_first_of(",\"\n\r") == std::string::npos) return *words;
  std::string quoted = "\"";
  for (const char c : *words) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::vector<DataTable> data_tables(const Report& report) {
  return {cells_data(report),        metrics_data(report),    conditions_data(report),
          verdicts_data(report),     hypotheses_data(report), similarities_data(report),
          main_effects_data(report), methods_data(report),    curves_data(report),
          learning_data(report),     changes_data(report),    robustness_data(report)};
}

std::string to_csv(const DataTable& table) {
  std::string out;
  for (std::size_t c = 0; c < table.columns.size(); ++c)
    out += (c > 0 ? "," : "") + table.columns[c];
  out += "\n";
  for (const Row& row : table.rows) {
    for (std::size_t c = 0; c < row.size(); ++c) out += (c > 0 ? "," : "") + field(row[c]);
    out += "\n";
  }
  return out;
}

void write_tables(const Report& report, const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error)
    throw Error(Errc::io,
                "report: cannot make the folder " + folder.string() + ": " + error.message());
  for (const DataTable& table : data_tables(report))
    files::write_atomically(folder / (table.name + ".csv"), std::string_view(to_csv(table)));
}

}  // namespace xfer::report
