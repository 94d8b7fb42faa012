// SPDX-License-Identifier: Apache-2.0
// How far a run is, what it does not need any more, and what an adaptive study decided.
#include "bindings.hpp"

#include "xfer/study/checkpoints.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/status.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using study::CellStatus;
using study::Look;
using study::RunStatus;
using study::StoredCheckpoint;
using study::WorkStatus;

void bind_run_status(py::module_& module) {
  py::class_<CellStatus>(module, "CellStatus", "One pair under one method of a run.")
      .def_readonly("source", &CellStatus::source)
      .def_readonly("target", &CellStatus::target)
      .def_property_readonly(
          "method", [](const CellStatus& self) { return std::string(to_string(self.method)); })
      .def_readonly("done", &CellStatus::done, "Finished test evaluations.")
      .def_readonly("planned", &CellStatus::planned);
  py::class_<WorkStatus>(module, "WorkStatus",
                         "A training run or an evaluation that has begun and is not finished.")
      .def_readonly("description", &WorkStatus::description)
      .def_readonly("done", &WorkStatus::done, "Steps or items.")
      .def_readonly("planned", &WorkStatus::planned)
      .def_readonly("loss", &WorkStatus::loss)
      .def_readonly("reward", &WorkStatus::reward);
  py::class_<RunStatus>(module, "RunStatus", "How far a run is.")
      .def_readonly("name", &RunStatus::name)
      .def_readonly("model", &RunStatus::model)
      .def_readonly("running", &RunStatus::running, "A process works in the folder now.")
      .def_readonly("holder", &RunStatus::holder, "That process, or \"\".")
      .def_readonly("outcome", &RunStatus::outcome, "How the last attempt ended.")
      .def_readonly("finished", &RunStatus::finished)
      .def_readonly("machine", &RunStatus::machine)
      .def_readonly("git", &RunStatus::git, "Commit of the repository it was started in, or \"\".")
      .def_readonly("legs_done", &RunStatus::legs_done)
      .def_readonly("legs_planned", &RunStatus::legs_planned)
      .def_readonly("evaluations_done", &RunStatus::evaluations_done)
      .def_readonly("evaluations_planned", &RunStatus::evaluations_planned)
      .def_readonly("items_done", &RunStatus::items_done)
      .def_readonly("items_planned", &RunStatus::items_planned)
      .def_readonly("share", &RunStatus::share, "Of the work, 0 to 1.")
      .def_readonly("seconds_left", &RunStatus::seconds_left, "An estimate, or None.")
      .def_readonly("seconds", &RunStatus::seconds)
      .def_readonly("useful_dollars", &RunStatus::useful_dollars)
      .def_readonly("lost_dollars", &RunStatus::lost_dollars)
      .def_readonly("reserved_dollars", &RunStatus::reserved_dollars)
      .def_readonly("max_dollars", &RunStatus::max_dollars, "0: no limit.")
      .def_readonly("rounds", &RunStatus::rounds, "Decided rounds of an adaptive study.")
      .def_readonly("cells", &RunStatus::cells)
      .def_readonly("training", &RunStatus::training)
      .def_readonly("testing", &RunStatus::testing);
  module.def("read_status", &study::read_status, "run_folder"_a,
             py::call_guard<py::gil_scoped_release>(),
             "How far a run is; safe while another process runs there.");
}

void bind_checkpoints(py::module_& module) {
  py::class_<StoredCheckpoint>(module, "StoredCheckpoint")
      .def_readonly("description", &StoredCheckpoint::description)
      .def_readonly("path", &StoredCheckpoint::path)
      .def_readonly("remote", &StoredCheckpoint::remote)
      .def_readonly("bytes", &StoredCheckpoint::bytes);
  module.def("unneeded_checkpoints", &study::unneeded_checkpoints, "run_folder"_a,
             "adapters_too"_a = false, "Checkpoints that nothing to be done starts from.");
  module.def(
      "remove_unneeded_checkpoints",
      [](const std::filesystem::path& folder, bool adapters_too) {
        const auto found = study::unneeded_checkpoints(folder, adapters_too);
        std::unique_ptr<study::Backend> backend;
        if (std::any_of(found.begin(), found.end(), [](const auto& one) { return one.remote; }))
          backend = study::open_backend(study::load_result(folder).spec);
        return study::remove_unneeded_checkpoints(folder, adapters_too, backend.get());
      },
      "run_folder"_a, "adapters_too"_a = false, py::call_guard<py::gil_scoped_release>(),
      "Removes them, at a service too, and returns what was removed.");
}

}  // namespace

void bind_status(py::module_& module) {
  bind_run_status(module);
  bind_checkpoints(module);
  py::class_<Look>(module, "Look", "What an adaptive study saw of one cell in one round.")
      .def_readonly("round", &Look::round)
      .def_readonly("source", &Look::source)
      .def_readonly("target", &Look::target)
      .def_property_readonly("method",
                             [](const Look& self) { return std::string(to_string(self.method)); })
      .def_readonly("seeds", &Look::seeds)
      .def_readonly("gain", &Look::gain)
      .def_readonly("lower", &Look::lower, "Of the repeated confidence interval.")
      .def_readonly("upper", &Look::upper)
      .def_readonly("bound", &Look::bound, "On |Z|.")
      .def_readonly("spent", &Look::spent, "Error that the cell has spent then.")
      .def_readonly("verdict", &Look::verdict, "gain, loss, equivalent or open.")
      .def_readonly("goes_on", &Look::goes_on, "The cell gets another seed.");
}

}  // namespace xfer::bindings
