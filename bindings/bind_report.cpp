// SPDX-License-Identifier: Apache-2.0
// Results and reports, for reading only.
#include "bindings.hpp"
#include "findings.hpp"

#include "xfer/report/report.hpp"
#include "xfer/report/similarity_file.hpp"
#include "xfer/study/regrade.hpp"
#include "xfer/study/result.hpp"
#include "xfer/transfer_metrics.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstdio>
#include <optional>
#include <string>
#include <tuple>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using report::CellReport;
using report::ConditionSummary;
using report::KindSummary;
using report::Report;

template <class T>
auto condition_name(const T& self) {
  return std::string(to_string(self.condition));
}

std::string describe(const Metric& metric) {
  const Estimate* e = metric.estimate();
  if (!e) return "<undefined: " + metric.reason() + ">";
  char text[96];
  std::snprintf(text, sizeof text, "<%.4g [%.4g, %.4g]>", e->value, e->lower, e->upper);
  return text;
}

template <double Estimate::*member>
std::optional<double> part(const Metric& metric) {
  const Estimate* e = metric.estimate();
  return e ? std::optional(e->*member) : std::nullopt;
}

void bind_metrics(py::module_& module) {
  py::class_<Metric>(module, "Metric",
                     "A number with its 95 % confidence interval, or the reason why there is none.")
      .def_property_readonly("defined", &Metric::defined)
      .def_property_readonly("value", &part<&Estimate::value>, "None when undefined.")
      .def_property_readonly("lower", &part<&Estimate::lower>)
      .def_property_readonly("upper", &part<&Estimate::upper>)
      .def_property_readonly("reason", &Metric::reason, "Empty when defined.")
      .def("__bool__", &Metric::defined)
      .def("__repr__", &describe);
  py::class_<TransferMetrics>(module, "TransferMetrics", "The metrics of one cell on one score.")
      .def_readonly("gain", &TransferMetrics::gain, "S(transfer) - S(baseline)")
      .def_readonly("ceiling", &TransferMetrics::ceiling, "S(direct) - S(baseline)")
      .def_readonly("efficiency", &TransferMetrics::efficiency, "gain / ceiling")
      .def_readonly("relative_transfer", &TransferMetrics::relative_transfer, "gain / S(baseline)")
      .def_readonly("gain_above_control", &TransferMetrics::gain_above_control,
                    "S(transfer) - S(format_control), under rl and sl_rl - S(format_reward)")
      .def_readonly("sequential_over_direct", &TransferMetrics::sequential_over_direct)
      .def_readonly("joint_over_direct", &TransferMetrics::joint_over_direct)
      .def_readonly("headroom_gain", &TransferMetrics::headroom_gain,
                    "gain / (best score - S(baseline))")
      .def_readonly("source_normalised", &TransferMetrics::source_normalised,
                    "gain / gain of the same training on the source's own items")
      .def_readonly("forgetting", &TransferMetrics::forgetting,
                    "S(transfer) - S(baseline) on the study's other domains")
      .def_readonly("sequential_forgetting", &TransferMetrics::sequential_forgetting,
                    "S(sequential) - S(transfer) on the source's items")
      .def_readonly("asymmetry", &TransferMetrics::asymmetry, "gain - gain of the reverse pair")
      .def_readonly("standardised_asymmetry", &TransferMetrics::standardised_asymmetry,
                    "The same, each gain first divided by its target's ceiling")
      .def_readonly("held_out_gain", &TransferMetrics::held_out_gain)
      .def_readonly("generalisation", &TransferMetrics::generalisation, "held_out_gain - gain")
      .def_readonly("gain_per_dollar", &TransferMetrics::gain_per_dollar)
      .def_readonly("gain_per_million_tokens", &TransferMetrics::gain_per_million_tokens);
}

void bind_cell_report(py::module_& module) {
  py::class_<ConditionSummary>(module, "ConditionSummary", "One condition of a cell.")
      .def_property_readonly("condition", &condition_name<ConditionSummary>)
      .def_readonly("seeds", &ConditionSummary::seeds)
      .def_readonly("items", &ConditionSummary::items)
      .def_readonly("accuracy", &ConditionSummary::accuracy)
      .def_readonly("bits_per_byte", &ConditionSummary::bits_per_byte)
      .def_readonly("bits_per_byte_after_first", &ConditionSummary::bits_per_byte_after_first)
      .def_readonly("extraction_failure_rate", &ConditionSummary::extraction_failure_rate)
      .def_readonly("truncated_rate", &ConditionSummary::truncated_rate);
  py::class_<KindSummary>(module, "KindSummary", "One kind of problem within the target.")
      .def_readonly("kind", &KindSummary::kind)
      .def_readonly("items", &KindSummary::items)
      .def_readonly("accuracy", &KindSummary::accuracy)
      .def_readonly("gain", &KindSummary::gain);
  py::class_<CellReport>(module, "CellReport", "What a study found for one (source, target).")
      .def_readonly("source", &CellReport::source)
      .def_readonly("target", &CellReport::target)
      .def_property_readonly("method", &method_name<CellReport>)
      .def_readonly("conditions", &CellReport::conditions)
      .def_readonly("accuracy", &CellReport::accuracy)
      .def_readonly("bits_per_byte", &CellReport::bits_per_byte,
                    "Negated: a positive gain is fewer bits.")
      .def_readonly("bits_per_byte_after_first", &CellReport::bits_per_byte_after_first)
      .def_readonly("kinds", &CellReport::kinds)
      .def_readonly("learning", &CellReport::learning)
      .def_readonly("changes", &CellReport::changes, "Items fixed and broken, by condition.")
      .def_readonly("robustness", &CellReport::robustness, "None for one wording of the prompt.")
      .def_property_readonly(
          "finding", [](const CellReport& self) { return std::string(to_string(self.finding)); })
      .def_readonly("headline", &CellReport::headline)
      .def_readonly("reading", &CellReport::reading)
      .def_readonly("warnings", &CellReport::warnings)
      .def_readonly("notes", &CellReport::notes, "What the intervals do not cover.")
      .def_readonly("protocol_hash", &CellReport::protocol_hash)
      .def_readonly("items_hash", &CellReport::items_hash)
      .def_readonly("zero_step_differences", &CellReport::zero_step_differences)
      .def("condition_chart_svg", &report::condition_chart_svg)
      .def("__repr__", [](const CellReport& self) {
        return "<xfer.CellReport " + self.source + " -> " + self.target + ", " + method_name(self) +
               ">";
      });
  py::class_<report::MethodEffect>(module, "MethodEffect",
                                   "Score under a method minus score under sl, on one pair.")
      .def_readonly("source", &report::MethodEffect::source)
      .def_readonly("target", &report::MethodEffect::target)
      .def_property_readonly("condition", &condition_name<report::MethodEffect>)
      .def_property_readonly("method", &method_name<report::MethodEffect>)
      .def_readonly("accuracy", &report::MethodEffect::accuracy)
      .def_readonly("bits_per_byte", &report::MethodEffect::bits_per_byte,
                    "Negated: positive is fewer bits.");
}

void bind_evaluations(py::module_& module) {
  using study::CellResult;
  using study::Curve;
  using study::CurvePoint;
  using study::EvaluationResult;
  using study::ItemResult;
  using study::RewardPoint;
  py::class_<ItemResult>(module, "ItemResult", "One test item answered by one model state.")
      .def_readonly("item_id", &ItemResult::item_id)
      .def_readonly("kind", &ItemResult::kind)
      .def_readonly("cluster", &ItemResult::cluster)
      .def_readonly("score", &ItemResult::score)
      .def_readonly("extracted", &ItemResult::extracted)
      .def_readonly("strict_score", &ItemResult::strict_score,
                    "The score when only the form that the dataset asks for counts.")
      .def_readonly("strict_extracted", &ItemResult::strict_extracted)
      .def_readonly("truncated", &ItemResult::truncated)
      .def_readonly("stopped_by_text", &ItemResult::stopped_by_text,
                    "Whether a stop text ended the answer.")
      .def_readonly("chosen", &ItemResult::chosen,
                    "Whether the answer is the most probable option, and nothing was written.")
      .def_readonly("option_logprobs", &ItemResult::option_logprobs,
                    "Of each option, where it was chosen.")
      .def_readonly("right_option", &ItemResult::right_option, "Its index; -1 if not chosen.")
      .def_readonly("question", &ItemResult::question)
      .def_readonly("reference", &ItemResult::reference)
      .def_readonly("gold", &ItemResult::gold)
      .def_readonly("completion", &ItemResult::completion)
      .def_readonly("answer", &ItemResult::answer)
      .def_readonly("failure", &ItemResult::failure)
      .def_readonly("reference_bits", &ItemResult::reference_bits)
      .def_readonly("first_token_bits", &ItemResult::first_token_bits)
      .def_readonly("reference_bytes", &ItemResult::reference_bytes)
      .def_readonly("first_token_bytes", &ItemResult::first_token_bytes)
      .def_readonly("prompt_tokens", &ItemResult::prompt_tokens)
      .def_readonly("sampled_tokens", &ItemResult::sampled_tokens)
      .def_readonly("scored_tokens", &ItemResult::scored_tokens)
      .def_property_readonly(
          "samples",
          [](const ItemResult& self) {
            std::vector<std::tuple<std::string, double, bool>> rows;
            for (const study::SampledAnswer& sample : self.samples)
              rows.emplace_back(sample.completion, sample.score, sample.truncated);
            return rows;
          },
          "(completion, score, truncated) of the answers drawn for pass@k.");
  py::class_<EvaluationResult>(module, "EvaluationResult", "One model state on one test set.")
      .def_property_readonly("condition", &condition_name<EvaluationResult>)
      .def_readonly("seed", &EvaluationResult::seed)
      .def_readonly("protocol_hash", &EvaluationResult::protocol_hash)
      .def_readonly("items", &EvaluationResult::items);
  py::class_<CurvePoint>(module, "CurvePoint", "One point of a learning curve.")
      .def_readonly("step", &CurvePoint::step)
      .def_readonly("train_loss_per_token", &CurvePoint::train_loss_per_token)
      .def_readonly("accuracy", &CurvePoint::accuracy)
      .def_readonly("bits_per_byte", &CurvePoint::bits_per_byte);
  py::class_<RewardPoint>(module, "RewardPoint",
                          "One step of reinforcement learning, seen on its own answers.")
      .def_readonly("step", &RewardPoint::step)
      .def_readonly("reward", &RewardPoint::reward, "Mean score of the grader.")
      .def_readonly("trained_reward", &RewardPoint::trained_reward)
      .def_readonly("kl_to_base", &RewardPoint::kl_to_base, "None in steps without a measurement.")
      .def_readonly("groups", &RewardPoint::groups)
      .def_readonly("silent_groups", &RewardPoint::silent_groups)
      .def_readonly("answer_tokens", &RewardPoint::answer_tokens);
  py::class_<Curve>(module, "Curve", "A learning curve of one condition and seed.")
      .def_property_readonly("condition", &condition_name<Curve>)
      .def_readonly("seed", &Curve::seed)
      .def_readonly("points", &Curve::points)
      .def_readonly("rewards", &Curve::rewards);
  py::class_<CellResult>(module, "CellResult", "All evaluations of one (source, target).")
      .def_readonly("source", &CellResult::source)
      .def_readonly("target", &CellResult::target)
      .def_property_readonly("method", &method_name<CellResult>)
      .def_readonly("evaluations", &CellResult::evaluations)
      .def_readonly("curves", &CellResult::curves)
      .def("learning_curve_svg", &report::learning_curve_svg)
      .def("reward_curve_svg", &report::reward_curve_svg);
}

void bind_result(py::module_& module) {
  using study::LegSummary;
  using study::StudyResult;
  py::class_<LegSummary>(module, "LegSummary", "One training run of a study.")
      .def_readonly("key", &LegSummary::key)
      .def_readonly("description", &LegSummary::description)
      .def_readonly("steps", &LegSummary::steps)
      .def_readonly("train_tokens", &LegSummary::train_tokens)
      .def_readonly("seconds", &LegSummary::seconds)
      .def_readonly("skipped_examples", &LegSummary::skipped_examples)
      .def_property_readonly(
          "learning", [](const LegSummary& self) { return std::string(to_string(self.learning)); })
      .def_readonly("sampled_tokens", &LegSummary::sampled_tokens)
      .def_readonly("prefill_tokens", &LegSummary::prefill_tokens)
      .def_readonly("rewards", &LegSummary::rewards);
  py::class_<StudyResult>(module, "StudyResult", "What a study found, item by item.")
      .def_readonly("spec", &StudyResult::spec)
      .def_readonly("model_name", &StudyResult::model_name)
      .def_readonly("model_hash", &StudyResult::model_hash)
      .def_readonly("model_parameters", &StudyResult::model_parameters)
      .def_readonly("xfer_version", &StudyResult::xfer_version)
      .def_readonly("cells", &StudyResult::cells)
      .def_readonly("legs", &StudyResult::legs)
      .def_readonly("stopped", &StudyResult::stopped,
                    "Why the budget ended it before everything was done, or \"\".")
      .def_property_readonly(
          "tried_rates",
          [](const StudyResult& self) {
            std::vector<std::tuple<std::string, double, double, double>> rows;
            for (const study::TriedRate& tried : self.tried_rates)
              rows.emplace_back(to_string(tried.learning), tried.rate, tried.accuracy,
                                tried.bits_per_byte);
            return rows;
          },
          "(learning, rate, accuracy, bits per byte) on validation items; best of each first.")
      .def_property_readonly(
          "overlap",
          [](const StudyResult& self) {
            using Item = std::tuple<std::string, std::string, std::string>;
            std::vector<std::tuple<std::string, std::string, std::vector<Item>>> rows;
            for (const study::OverlapCheck& check : self.overlap) {
              std::vector<Item> items;
              for (const study::OverlappingItem& item : check.items)
                items.emplace_back(item.item_id, item.train_id, item.kind);
              rows.emplace_back(check.train, check.test, std::move(items));
            }
            return rows;
          },
          "(trained on, tested on, [(test item, training item, kind)]) of files and own domains.")
      .def_readonly("looks", &StudyResult::looks, "Of an adaptive study, by round.")
      .def_readonly("useful_dollars", &StudyResult::useful_dollars)
      .def_readonly("lost_dollars", &StudyResult::lost_dollars,
                    "For calls that failed or had to be made again.")
      .def_readonly("seconds", &StudyResult::seconds);
  py::class_<Report> report_type(module, "Report", "Every number of a study, worked out.");
  bind_report_tables(report_type);
  report_type.def_readonly("result", &Report::result)
      .def_readonly("cells", &Report::cells)
      .def_readonly("effects", &Report::effects)
      .def("to_json", &report::to_json, py::call_guard<py::gil_scoped_release>())
      .def("to_markdown", &report::to_markdown, py::call_guard<py::gil_scoped_release>())
      .def("to_html", &report::to_html, py::call_guard<py::gil_scoped_release>())
      .def("to_text", &report::to_text, "width"_a = 100, py::call_guard<py::gil_scoped_release>())
      .def("write", &report::write_report, "folder"_a, py::call_guard<py::gil_scoped_release>(),
           "Writes report.json, report.md and report.html into the folder.");
  module.def("page_css", &report::page_css, "The style sheet of reports, for pages beside them.");
}

/// What another grading changed, as dicts.
py::list regrade_run(const std::filesystem::path& run_folder, const study::DomainSet& domains) {
  std::vector<study::RegradedDomain> found;
  {
    const py::gil_scoped_release nogil;
    found = study::regrade(run_folder, domains);
  }
  py::list all;
  for (const study::RegradedDomain& d : found) {
    py::list changes;
    for (const study::RegradedItem& c : d.changes)
      changes.append(py::dict("item"_a = c.item_id, "evaluation"_a = c.evaluation,
                              "before"_a = c.before, "after"_a = c.after));
    all.append(py::dict("domain"_a = d.domain, "grader"_a = d.grader, "version"_a = d.version,
                        "items"_a = d.items, "changed"_a = d.changed, "before"_a = d.before,
                        "after"_a = d.after, "changes"_a = changes));
  }
  return all;
}

}  // namespace

void bind_report(py::module_& module) {
  bind_metrics(module);
  bind_findings(module);
  bind_cell_report(module);
  bind_evaluations(module);
  bind_result(module);
  module.def(
      "load_result",
      [](const std::filesystem::path& run_folder, bool first_grading) {
        return report::make_report(
            study::load_result(run_folder,
                               first_grading ? study::Grading::first : study::Grading::latest),
            report::read_similarity(run_folder));
      },
      "run_folder"_a, "first_grading"_a = false, py::call_guard<py::gil_scoped_release>(),
      "The report of what a run folder holds, finished or not; with its latest grading, or as it "
      "was first graded.");
  module.def("regrade", &regrade_run, "run_folder"_a, "domains"_a = study::DomainSet(),
             "Grades the stored answers of a run again and keeps the grades beside the first. A "
             "dict for each domain: domain, grader, version, items, changed, before, after, "
             "changes.");
}

}  // namespace xfer::bindings
