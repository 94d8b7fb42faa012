// SPDX-License-Identifier: Apache-2.0
// How alike domains are.
#include "bindings.hpp"
#include "calls.hpp"

#include "xfer/engine/model.hpp"
#include "xfer/similarity/similarity.hpp"
#include "xfer/study/adapters.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using similarity::Progress;
using stats::SimilarityMeasure;
using stats::SimilarityRow;
using stats::SimilarityTable;

py::dict measure_dict(const SimilarityMeasure& m) {
  return py::dict("name"_a = m.name, "title"_a = m.title, "larger_is_closer"_a = m.larger_is_closer,
                  "directed"_a = m.directed, "direction_note"_a = m.direction_note,
                  "basis"_a = m.basis);
}

py::list measure_dicts(const std::vector<SimilarityMeasure>& measures) {
  py::list all;
  for (const SimilarityMeasure& m : measures) all.append(measure_dict(m));
  return all;
}

py::list row_tuples(const SimilarityTable& table) {
  py::list rows;
  for (const SimilarityRow& row : table.rows) {
    const double* value = row.value.number();
    rows.append(py::make_tuple(row.source, row.target, row.measure,
                               value != nullptr ? py::object(py::float_(*value)) : py::none(),
                               row.value.reason()));
  }
  return rows;
}

/// The latest news, on its way from the computing thread to the waiting one.
class Latest {
public:
  void put(const Progress& progress) {
    const std::lock_guard lock(mutex_);
    latest_ = progress;
  }
  /// With the GIL held.
  void deliver(const py::object& listener) {
    std::optional<Progress> news;
    {
      const std::lock_guard lock(mutex_);
      news.swap(latest_);
    }
    if (news && !listener.is_none()) listener(news->doing, news->done, news->total);
  }

private:
  std::mutex mutex_;
  std::optional<Progress> latest_;
};

SimilarityTable measure(std::vector<domains::Domain> domains,
                        const std::shared_ptr<engine::Model>& model, const std::string& renderer,
                        std::vector<std::string> measures, int text_examples, int model_examples,
                        int rank, int tokens_max, std::uint64_t seed,
                        std::map<std::string, std::filesystem::path> adapters,
                        const py::object& on_progress) {
  const auto call = new_call(new_queue());
  const auto latest = std::make_shared<Latest>();
  similarity::SimilarityOptions options;
  options.measures = std::move(measures);
  options.text_examples = text_examples;
  options.model_examples = model_examples;
  options.rank = rank;
  options.tokens_max = tokens_max;
  options.seed = seed;
  options.adapters = std::move(adapters);
  options.on_progress = [latest](const Progress& progress) { latest->put(progress); };
  options.stop = &call->stop;
  const auto outcome = detail::start(
      call, latest,
      similarity::measure_similarity(std::move(domains), model, renderer, std::move(options)));
  detail::wait(*outcome, call, true, [&] { latest->deliver(on_progress); });
  return detail::take(*outcome);
}

bool needs_model(std::vector<std::string> measures, bool with_run) {
  similarity::SimilarityOptions options;
  options.measures = std::move(measures);
  if (with_run) options.adapters["any"];
  return similarity::needs_model(options);
}

}  // namespace

void bind_similarity(py::module_& module) {
  py::class_<SimilarityTable>(module, "SimilarityTable",
                              "How alike domains are: one row per pair and measure.")
      .def_readonly("domains", &SimilarityTable::domains)
      .def_readonly("primary", &SimilarityTable::primary, "The measure declared in advance.")
      .def_property_readonly(
          "measures", [](const SimilarityTable& self) { return measure_dicts(self.measures); },
          "Dicts: name, title, larger_is_closer, directed, direction_note, basis.")
      .def_property_readonly("rows", &row_tuples,
                             "Tuples: source, target, measure, value or None, reason.")
      .def("predicted_sources", &similarity::predicted_sources, "target"_a, "measure"_a = "",
           "Sources for a target, the most promising first.");
  module.def(
      "similarity_measures", [] { return measure_dicts(similarity::known_measures()); },
      "Every measure of similarity, as `SimilarityTable.measures` has them.");
  module.def("similarity_needs_model", &needs_model, "measures"_a, "with_run"_a,
             "Whether any of the measures reads a model.");
  module.def("trained_adapters", &study::trained_adapters, "run_folder"_a,
             py::call_guard<py::gil_scoped_release>(),
             "Folders of the adapters that a run has trained, by domain.");
  module.def("measure_similarity", &measure, "domains"_a, "model"_a, py::kw_only(), "renderer"_a,
             "measures"_a, "text_examples"_a, "model_examples"_a, "rank"_a, "tokens_max"_a,
             "seed"_a, "adapters"_a, "on_progress"_a = py::none(),
             "Every measure for every ordered pair; `on_progress` is called in this thread with "
             "what is being done, how far it is and the whole.");
}

}  // namespace xfer::bindings
