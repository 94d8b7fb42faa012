// SPDX-License-Identifier: Apache-2.0
// What a whole study found, its tables, and scores from elsewhere.
#include "findings.hpp"

#include "xfer/error.hpp"
#include "xfer/report/data_tables.hpp"
#include "xfer/report/import.hpp"
#include "xfer/stats/score_table.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <map>
#include <tuple>
#include <utility>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

py::object to_python(const report::DataValue& value) {
  if (const auto* number = std::get_if<double>(&value)) return py::float_(*number);
  if (const auto* count = std::get_if<std::int64_t>(&value)) return py::int_(*count);
  if (const auto* text = std::get_if<std::string>(&value)) return py::str(*text);
  return py::none();
}

/// name -> (columns, rows).
py::dict tables_of(const report::Report& report) {
  std::vector<report::DataTable> tables;
  {
    const py::gil_scoped_release nogil;
    tables = report::data_tables(report);
  }
  py::dict all;
  for (const report::DataTable& table : tables) {
    py::list rows;
    for (const auto& row : table.rows) {
      py::tuple values(row.size());
      for (std::size_t i = 0; i < row.size(); ++i) values[i] = to_python(row[i]);
      rows.append(std::move(values));
    }
    all[py::str(table.name)] = py::make_tuple(table.columns, std::move(rows));
  }
  return all;
}

void bind_changes(py::module_& module) {
  using report::ChangeGroup;
  using report::ConditionChanges;
  using report::LearningSummary;
  using report::PromptRobustness;
  py::class_<ChangeGroup>(module, "ChangeGroup", "Items of one group that a condition changed.")
      .def_readonly("by", &ChangeGroup::by, "topic, difficulty, answer length or failure")
      .def_readonly("group", &ChangeGroup::group)
      .def_readonly("items", &ChangeGroup::items)
      .def_readonly("fixed", &ChangeGroup::fixed)
      .def_readonly("broken", &ChangeGroup::broken);
  py::class_<ConditionChanges>(module, "ConditionChanges",
                               "Items that one condition fixed and broke, means over seeds.")
      .def_property_readonly(
          "condition",
          [](const ConditionChanges& self) { return std::string(to_string(self.condition)); })
      .def_readonly("items", &ConditionChanges::items)
      .def_readonly("fixed", &ConditionChanges::fixed)
      .def_readonly("broken", &ConditionChanges::broken)
      .def_readonly("groups", &ConditionChanges::groups);
  py::class_<LearningSummary>(module, "LearningSummary", "How fast one condition learned.")
      .def_property_readonly(
          "condition",
          [](const LearningSummary& self) { return std::string(to_string(self.condition)); })
      .def_readonly("accuracy_area", &LearningSummary::accuracy_area,
                    "Mean gain during training on validation items.")
      .def_readonly("bits_area", &LearningSummary::bits_area)
      .def_readonly("accuracy_steps", &LearningSummary::accuracy_steps,
                    "Steps until 90 % of the last gain is there.")
      .def_readonly("bits_steps", &LearningSummary::bits_steps);
  py::class_<PromptRobustness>(module, "PromptRobustness", "The gain under several wordings.")
      .def_readonly("names", &PromptRobustness::names)
      .def_property_readonly("gains",
                             [](const PromptRobustness& self) { return self.accuracy.gains; })
      .def_property_readonly(
          "worst", [](const PromptRobustness& self) { return self.names[self.accuracy.worst]; })
      .def_property_readonly(
          "best", [](const PromptRobustness& self) { return self.names[self.accuracy.best]; })
      .def_property_readonly("median",
                             [](const PromptRobustness& self) { return self.accuracy.median; })
      .def_property_readonly("sign", [](const PromptRobustness& self) {
        switch (self.accuracy.sign) {
          case stats::SignSurvival::survives: return "survives";
          case stats::SignSurvival::flips: return "flips";
          default: return "unclear";
        }
      });
}

void bind_matrix(py::module_& module) {
  using report::FindingParagraph;
  using report::HypothesisAnswer;
  using report::MatrixReport;
  using report::Recommendation;
  py::class_<MatrixReport>(module, "MatrixReport", "All cells of a study under one method.")
      .def_property_readonly("method", &method_name<MatrixReport>)
      .def_readonly("sources", &MatrixReport::sources)
      .def_readonly("targets", &MatrixReport::targets)
      .def_readonly("accuracy", &MatrixReport::accuracy, "Verdicts that hold together.")
      .def_readonly("bits_per_byte", &MatrixReport::bits_per_byte)
      .def_property_readonly(
          "own",
          [](const MatrixReport& self) {
            py::dict own;
            for (const report::OwnGain& gain : self.own)
              own[py::str(gain.domain)] = py::make_tuple(gain.accuracy, gain.bits_per_byte);
            return own;
          },
          "What each domain gains from its own training: accuracy, bits per byte.")
      .def_property_readonly(
          "reliability", [](const MatrixReport& self) { return self.accuracy_reliability.full; },
          "Split-half reliability over seeds of the mean gains in accuracy.")
      .def("__repr__", [](const MatrixReport& self) {
        return "<xfer.MatrixReport " + std::to_string(self.sources.size()) + " x " +
               std::to_string(self.targets.size()) + ", " + method_name(self) + ">";
      });
  py::class_<HypothesisAnswer>(module, "HypothesisAnswer",
                               "A hypothesis, the rule fixed before the study, and its answer.")
      .def_readonly("id", &HypothesisAnswer::id)
      .def_readonly("question", &HypothesisAnswer::question)
      .def_readonly("rule", &HypothesisAnswer::rule)
      .def_readonly("estimate", &HypothesisAnswer::estimate)
      .def_readonly("test", &HypothesisAnswer::test)
      .def_readonly("p", &HypothesisAnswer::p)
      .def_readonly("p_adjusted", &HypothesisAnswer::p_adjusted)
      .def_property_readonly(
          "verdict",
          [](const HypothesisAnswer& self) { return std::string(to_string(self.verdict)); })
      .def_readonly("reason", &HypothesisAnswer::reason)
      .def_readonly("cells", &HypothesisAnswer::cells)
      .def_readonly("runs", &HypothesisAnswer::runs)
      .def_readonly("check", &HypothesisAnswer::check)
      .def_readonly("needed", &HypothesisAnswer::needed)
      .def("__repr__", [](const HypothesisAnswer& self) {
        return "<xfer.HypothesisAnswer " + self.id + ": " + std::string(to_string(self.verdict)) +
               ">";
      });
  py::class_<FindingParagraph>(module, "FindingParagraph", "A paragraph of the results section.")
      .def_readonly("id", &FindingParagraph::id)
      .def_readonly("title", &FindingParagraph::title)
      .def_readonly("text", &FindingParagraph::text);
  py::class_<Recommendation>(module, "Recommendation", "Advice for one target.")
      .def_readonly("target", &Recommendation::target)
      .def_readonly("text", &Recommendation::text);
}

void bind_import(py::module_& module) {
  using report::ScoreRow;
  py::class_<ScoreRow>(module, "ScoreRow", "One answer's score, measured by anyone.")
      .def(py::init<>())
      .def_readwrite("trained_on", &ScoreRow::trained_on)
      .def_readwrite("tested_on", &ScoreRow::tested_on)
      .def_readwrite("condition", &ScoreRow::condition)
      .def_readwrite("method", &ScoreRow::method)
      .def_readwrite("seed", &ScoreRow::seed)
      .def_readwrite("item", &ScoreRow::item)
      .def_readwrite("score", &ScoreRow::score)
      .def_readwrite("kind", &ScoreRow::kind)
      .def_readwrite("cluster", &ScoreRow::cluster)
      .def_readwrite("protocol", &ScoreRow::protocol)
      .def_readwrite("prompt", &ScoreRow::prompt)
      .def_readwrite("held_out", &ScoreRow::held_out)
      .def_readwrite("question", &ScoreRow::question)
      .def_readwrite("reference", &ScoreRow::reference)
      .def_readwrite("completion", &ScoreRow::completion)
      .def_readwrite("answer", &ScoreRow::answer)
      .def_readwrite("failure", &ScoreRow::failure)
      .def_readwrite("extracted", &ScoreRow::extracted)
      .def_readwrite("truncated", &ScoreRow::truncated)
      .def_readwrite("reference_bits", &ScoreRow::reference_bits)
      .def_readwrite("reference_bytes", &ScoreRow::reference_bytes);
  module.def(
      "report_of_scores",
      [](const std::vector<ScoreRow>& rows, std::string name, std::string model) {
        return report::make_report(
            report::result_of_scores(rows, {std::move(name), std::move(model)}));
      },
      "rows"_a, "name"_a = "imported", "model"_a = "not named",
      py::call_guard<py::gil_scoped_release>(), "The report of scores measured elsewhere.");
}

void bind_score_table(py::module_& module) {
  using stats::ScoreCell;
  using stats::ScoreVerdict;
  py::class_<ScoreVerdict>(module, "ScoreVerdict",
                           "What the mean scores of whole runs allow to be said of one cell.")
      .def_readonly("source", &ScoreVerdict::source)
      .def_readonly("target", &ScoreVerdict::target)
      .def_readonly("mean", &ScoreVerdict::mean)
      .def_readonly("gain", &ScoreVerdict::gain, "With an interval that holds for all cells.")
      .def_readonly("relative_change", &ScoreVerdict::relative_change)
      .def_readonly("share_above", &ScoreVerdict::share_above, "Ties are not above.")
      .def_readonly("paired_t", &ScoreVerdict::paired_t)
      .def_readonly("paired_p", &ScoreVerdict::paired_p)
      .def_readonly("p", &ScoreVerdict::p)
      .def_readonly("p_holm", &ScoreVerdict::p_holm)
      .def_readonly("q", &ScoreVerdict::q)
      .def_property_readonly(
          "verdict", [](const ScoreVerdict& v) { return std::string(to_string(v.verdict)); })
      .def_readonly("reason", &ScoreVerdict::reason)
      .def("__repr__", [](const ScoreVerdict& v) {
        return "<xfer.ScoreVerdict " + v.source + " -> " + v.target + ": " +
               std::string(to_string(v.verdict)) + ">";
      });
  module.def(
      "score_verdicts",
      [](const std::vector<std::tuple<std::string, std::string, std::vector<double>,
                                      std::vector<double>, int>>& cells,
         double level, double margin) {
        std::vector<ScoreCell> all;
        for (const auto& [source, target, baseline, trained, items] : cells)
          all.push_back({source, target, baseline, trained, items});
        return stats::score_verdicts(all, {level, margin});
      },
      "cells"_a, py::kw_only(), "level"_a = 0.95, "margin"_a = 0.02,
      "Verdicts from mean scores of whole runs: (source, target, baseline, trained, items) each; "
      "items is 0 where not known.");
}

}  // namespace

void bind_findings(py::module_& module) {
  bind_changes(module);
  bind_matrix(module);
  bind_import(module);
  bind_score_table(module);
}

void bind_report_tables(py::class_<report::Report>& type) {
  using report::Report;
  type.def_readonly("headline", &Report::headline)
      .def_readonly("matrices", &Report::matrices)
      .def_readonly("hypotheses", &Report::hypotheses)
      .def_readonly("findings", &Report::findings)
      .def_readonly("recommendations", &Report::recommendations)
      .def(
          "with_similarity",
          [](const Report& self, const stats::SimilarityTable& table) {
            return report::make_report(self.result, table);
          },
          "table"_a, py::call_guard<py::gil_scoped_release>(),
          "The same results beside similarities of the domains.")
      .def("tables", &tables_of, "name -> (columns, rows), described in docs/report-tables.md.")
      .def(
          "table_csv",
          [](const Report& self, const std::string& name) {
            for (const report::DataTable& table : report::data_tables(self))
              if (table.name == name) return report::to_csv(table);
            throw Error(Errc::invalid_argument, "report: no table '" + name + "'");
          },
          "name"_a, py::call_guard<py::gil_scoped_release>())
      .def(
          "declared_similarity",
          [](const Report& self) {
            std::map<std::pair<std::string, std::string>, double> all;
            for (const stats::SimilarityRow& row : self.similarity.rows)
              if (row.measure == self.result.spec.hypotheses.similarity && row.value.defined())
                all[{row.source, row.target}] = *row.value.number();
            return all;
          },
          "The declared similarity of each (source, target).")
      .def("to_latex", &report::to_latex, py::call_guard<py::gil_scoped_release>())
      .def("write_tables", &report::write_tables, "folder"_a,
           py::call_guard<py::gil_scoped_release>(), "Writes each table as NAME.csv.");
}

}  // namespace xfer::bindings
