// SPDX-License-Identifier: Apache-2.0
// Resampling: the crossed bootstrap, the metrics of a cell, verdicts over a matrix.
#include "stats_arguments.hpp"

#include "xfer/stats/bootstrap.hpp"
#include "xfer/stats/learning_curve.hpp"
#include "xfer/stats/matrix.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

stats::ScoreKind score_kind(const std::string& kind) {
  return choice<stats::ScoreKind>(kind, "kind",
                                  {{"accuracy", stats::ScoreKind::accuracy},
                                   {"bits_per_byte", stats::ScoreKind::bits_per_byte}});
}

stats::BootstrapInterval bootstrap(const Doubles& scores, const std::optional<Doubles>& baseline,
                                   const std::optional<Doubles>& weights,
                                   const std::optional<py::object>& clusters, int resamples,
                                   std::uint64_t seed, double level, const std::string& method) {
  const Grid first = grid(scores, "scores");
  const auto how = choice<stats::IntervalMethod>(method, "method",
                                                 {{"adjusted", stats::IntervalMethod::adjusted},
                                                  {"percentile", stats::IntervalMethod::percentile},
                                                  {"bca", stats::IntervalMethod::bca}});
  stats::BootstrapOptions options;
  options.resamples = resamples;
  options.seed = seed;
  if (weights) options.item_weights = list(*weights, "weights");
  std::vector<std::uint32_t> groups;
  if (clusters) {
    for (const std::int64_t label : labels(*clusters, "clusters"))
      groups.push_back(static_cast<std::uint32_t>(label));
    options.item_clusters = groups;
  }
  const stats::ArmView arm{first.values, first.rows, 0};
  std::optional<stats::ArmView> other;
  if (baseline) {
    const Grid second = grid(*baseline, "baseline");
    other = stats::ArmView{second.values, second.rows, 1};
  }
  const py::gil_scoped_release release;
  return other ? stats::bootstrap_difference(arm, *other, options, how, level)
               : stats::bootstrap_mean(arm, options, how, level);
}

void bind_bootstrap(py::module_& module) {
  py::class_<stats::BootstrapInterval>(module, "BootstrapInterval",
                                       "A mean or difference with its crossed-bootstrap interval.")
      .def_readonly("estimate", &stats::BootstrapInterval::estimate)
      .def_readonly("standard_error", &stats::BootstrapInterval::standard_error)
      .def_property_readonly(
          "draws", [](const stats::BootstrapInterval& b) { return to_array(b.draws); },
          "The value under each resample; copied.");
  module.def("crossed_bootstrap", &bootstrap, "scores"_a, "baseline"_a = py::none(), py::kw_only(),
             "weights"_a = py::none(), "clusters"_a = py::none(), "resamples"_a = 10000,
             "seed"_a = 0, "level"_a = 0.95, "method"_a = "adjusted",
             "Mean of scores[seeds, items] (or scores[items]), or its difference from a baseline\n"
             "on the same items, with an interval from resampling seeds and items.\n\n"
             "weights: of each item. clusters: a label an item; clusters are drawn whole.\n"
             "method: percentile; bca (corrected for bias and skewness); or adjusted, which is\n"
             "percentile without what crossing counts too often, and with Student's t for few\n"
             "seeds: the one to use with several seeds.");
}

using Scores = std::map<std::string, Doubles>;

std::vector<stats::MatrixVerdict> verdicts(
    const Scores& baseline, const std::map<std::pair<std::string, std::string>, Doubles>& trained,
    const std::string& kind, std::optional<double> margin, const std::optional<Scores>& weights,
    const std::optional<std::map<std::string, std::vector<std::string>>>& clusters,
    const std::optional<std::map<std::pair<std::string, std::string>, std::string>>& doubts,
    int resamples, std::uint64_t seed, double level) {
  stats::MatrixOptions options;
  options.kind = score_kind(kind);
  options.margin = margin;
  options.resamples = resamples;
  options.seed = seed;
  options.level = level;
  std::vector<stats::MatrixColumn> columns;
  std::map<std::string, std::size_t> place;
  for (const auto& [target, scores] : baseline) {
    place[target] = columns.size();
    stats::MatrixColumn& column = columns.emplace_back();
    column.target = target;
    column.baseline = rows_of(scores, "baseline");
    if (weights && weights->count(target) != 0) {
      const auto w = list(weights->at(target), "weights");
      column.item_weights.assign(w.begin(), w.end());
    }
    if (clusters && clusters->count(target) != 0) column.item_clusters = clusters->at(target);
  }
  for (const auto& [pair, scores] : trained) {
    const auto& [source, target] = pair;
    if (place.count(target) == 0)
      throw Error(Errc::invalid_argument,
                  "matrix_verdicts: no baseline for target '" + target + "'");
    stats::MatrixRow& row = columns[place[target]].rows.emplace_back();
    row.source = source;
    row.scores = rows_of(scores, "trained");
    if (doubts && doubts->count(pair) != 0) row.doubt = doubts->at(pair);
  }
  const py::gil_scoped_release release;
  return stats::matrix_verdicts(columns, options);
}

std::optional<Estimate> estimate_of(const Metric& metric) {
  return metric.defined() ? std::optional(*metric.estimate()) : std::nullopt;
}

void bind_matrix(py::module_& module) {
  py::class_<stats::MatrixVerdict>(module, "MatrixVerdict", "What can be said about one cell.")
      .def_readonly("source", &stats::MatrixVerdict::source)
      .def_readonly("target", &stats::MatrixVerdict::target)
      .def_property_readonly(
          "verdict",
          [](const stats::MatrixVerdict& v) { return std::string(to_string(v.verdict)); },
          "gain, loss, equivalent, inconclusive or refused.")
      .def_property_readonly(
          "gain", [](const stats::MatrixVerdict& v) { return estimate_of(v.gain); },
          "With its simultaneous interval; None when refused.")
      .def_readonly("within_margin", &stats::MatrixVerdict::within_margin)
      .def_readonly("p", &stats::MatrixVerdict::p, "Of this cell alone.")
      .def_readonly("p_adjusted", &stats::MatrixVerdict::p_adjusted, "For all cells.")
      .def_readonly("q", &stats::MatrixVerdict::q, "Benjamini and Hochberg's.")
      .def_readonly("reason", &stats::MatrixVerdict::reason, "Why it was refused, or ''.")
      .def("__repr__", [](const stats::MatrixVerdict& v) {
        return "<" + v.source + " to " + v.target + ": " + std::string(to_string(v.verdict)) + ">";
      });
  module.def("matrix_verdicts", &verdicts, "baseline"_a, "trained"_a, py::kw_only(),
             "kind"_a = "accuracy", "margin"_a = py::none(), "weights"_a = py::none(),
             "clusters"_a = py::none(), "doubts"_a = py::none(), "resamples"_a = 10000,
             "seed"_a = 0, "level"_a = 0.95,
             "The verdict of every cell of a transfer matrix, read off intervals that hold for\n"
             "all cells together.\n\n"
             "baseline[target] and trained[source, target] are scores[seeds, items] (or\n"
             "scores[items]); weights[target] and clusters[target] belong to its items;\n"
             "doubts[source, target] refuses a cell, with the reason. kind is accuracy or\n"
             "bits_per_byte; margin is the gain that does not matter (none: 0.02 or 0.01).");
  py::class_<stats::Reliability>(module, "Reliability", "How well a matrix repeats itself.")
      .def_readonly("halves", &stats::Reliability::halves, "Between halves of the seeds.")
      .def_readonly("full", &stats::Reliability::full, "Of the mean over all seeds.");
  module.def(
      "split_half", [](const Doubles& gains) { return stats::split_half(rows_of(gains, "gains")); },
      "gains"_a, "Split-half reliability of gains[cells, seeds].");
}

void bind_curve(py::module_& module) {
  py::class_<stats::LearningCurve>(module, "LearningCurve", "How fast a gain comes.")
      .def_property_readonly(
          "gains", [](const stats::LearningCurve& c) { return to_array(c.gains); },
          "Mean over seeds at each checkpoint.")
      .def_property_readonly(
          "areas", [](const stats::LearningCurve& c) { return to_array(c.areas); },
          "Mean gain during training, one a seed.")
      .def_readonly("area", &stats::LearningCurve::area, "A Metric.")
      .def_readonly("steps_to_share", &stats::LearningCurve::steps_to_share, "A Metric.");
  module.def(
      "learning_curve",
      [](const Doubles& steps, const Doubles& gains, double share, double level) {
        return stats::learning_curve(list(steps, "steps"), rows_of(gains, "gains"), share, level);
      },
      "steps"_a, "gains"_a, "share"_a = 0.9, "level"_a = 0.95,
      "Area under gains[seeds, checkpoints] and the steps until `share` of the last gain.");
}

}  // namespace

void bind_stats_resampling(py::module_& module) {
  bind_bootstrap(module);
  bind_matrix(module);
  bind_curve(module);
}

}  // namespace xfer::bindings
