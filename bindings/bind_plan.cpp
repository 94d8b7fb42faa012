// What a study will do, and whether this machine can run code answers.
#include "bindings.hpp"

#include "xfer/grade/sandbox.hpp"
#include "xfer/study/backend.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"

#include <pybind11/stl.h>

#include <string>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

study::Plan plan_study(const study::StudySpec& spec) {
  spec.validate();
  auto domains = study::open_domains(spec);
  const auto backend = study::open_backend(spec);
  const auto materials = study::gather_materials(spec, *backend, std::move(domains));
  return study::make_plan(spec, materials);
}

/// Runs a program of a few statements in the cage that code answers are run in.
void check_sandbox() {
  const grade::Sandbox sandbox;
  grade::SandboxProgram program;
  program.code = "x = 6 * 7";
  program.checks = {"assert x == 42"};
  const auto run = sandbox.run(program);
  if (run.end != grade::SandboxEnd::completed)
    throw Error(Errc::not_available, "sandbox: the self test did not complete: " + run.failure);
}

}  // namespace

void bind_plan(py::module_& module) {
  using study::Plan;
  using study::PlannedEvaluation;
  using study::PlannedLeg;
  py::class_<PlannedLeg>(module, "PlannedLeg", "One training run.")
      .def_readonly("key", &PlannedLeg::key)
      .def_readonly("description", &PlannedLeg::description)
      .def_readonly("parent", &PlannedLeg::parent, "Index of the leg it starts from, or None.")
      .def_readonly("seed", &PlannedLeg::seed)
      .def_readonly("steps", &PlannedLeg::steps);
  py::class_<PlannedEvaluation>(module, "PlannedEvaluation", "One model state on one set of items.")
      .def_readonly("key", &PlannedEvaluation::key)
      .def_readonly("description", &PlannedEvaluation::description)
      .def_readonly("items", &PlannedEvaluation::items);
  py::class_<Plan>(module, "Plan", "Legs and evaluations in an order in which they can be run.")
      .def_readonly("legs", &Plan::legs)
      .def_readonly("evaluations", &Plan::evaluations)
      .def_readonly("naive_legs", &Plan::naive_legs, "Legs that a plan without sharing would run.")
      .def_readonly("total_units", &Plan::total_units, "Work, in tokens of a forward pass.");
  module.def("plan_study", &plan_study, "spec"_a, py::call_guard<py::gil_scoped_release>(),
             "What a study will train and test; nothing is run.");
  module.def("check_sandbox", &check_sandbox, py::call_guard<py::gil_scoped_release>(),
             "Raises `xfer.Error` (\"not_available\") where code answers cannot be run safely.");
}

}  // namespace xfer::bindings
