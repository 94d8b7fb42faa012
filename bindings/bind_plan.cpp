// SPDX-License-Identifier: Apache-2.0
// What a study will do, and whether this machine can run code answers.
#include "bindings.hpp"

#include "xfer/grade/sandbox.hpp"
#include "xfer/study/backend.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"

#include <pybind11/stl.h>

#include <string>
#include <utility>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

study::Plan plan_study(const study::StudySpec& spec, const study::DomainSet& own) {
  study::check(spec, own);
  auto domains = study::open_domains(spec, own);
  const auto backend = study::open_backend(spec);
  const auto materials = study::gather_materials(spec, *backend, std::move(domains));
  return study::make_plan(spec, materials);
}

std::pair<study::Plan, study::Forecast> forecast_study(const study::StudySpec& spec,
                                                       const study::DomainSet& own) {
  study::check(spec, own);
  const auto prices = study::prices_of(spec);
  auto domains = study::open_domains(spec, own);
  const auto backend = study::open_backend(spec);
  const auto materials = study::gather_materials(spec, *backend, std::move(domains));
  auto plan = study::make_plan(spec, materials);
  auto forecast = study::make_forecast(spec, materials, plan, prices, backend->parameters());
  return {std::move(plan), std::move(forecast)};
}

py::tuple range_tuple(const study::Range& range) {
  return py::make_tuple(range.low, range.expected, range.high);
}

template <class T>
auto range_of(study::Range T::*member) {
  return [member](const T& self) { return range_tuple(self.*member); };
}

void bind_forecast(py::module_& module) {
  using study::Advice;
  using study::Detectable;
  using study::Forecast;
  using study::TokenForecast;
  py::class_<TokenForecast>(module, "TokenForecast",
                            "Tokens as (low, expected, high); equal where known exactly.")
      .def_property_readonly("prefill", range_of(&TokenForecast::prefill))
      .def_property_readonly("sample", range_of(&TokenForecast::sample))
      .def_property_readonly("train", range_of(&TokenForecast::train));
  py::class_<Detectable>(module, "Detectable",
                         "The smallest effect that a design finds with 80 % power.")
      .def_readonly("effect", &Detectable::effect, "None where it cannot show any.")
      .def_readonly("assumptions", &Detectable::assumptions);
  py::class_<Advice>(module, "Advice", "What one more of something would buy.")
      .def_readonly("change", &Advice::change)
      .def_readonly("more_dollars", &Advice::more_dollars)
      .def_readonly("more_hours", &Advice::more_hours)
      .def_readonly("gain_effect", &Advice::gain_effect);
  py::class_<Forecast>(module, "Forecast", "What a study will take and what it can show.")
      .def_readonly("legs", &Forecast::legs)
      .def_readonly("evaluations", &Forecast::evaluations)
      .def_readonly("training", &Forecast::training)
      .def_readonly("testing", &Forecast::testing)
      .def_readonly("training_exact", &Forecast::training_exact)
      .def_property_readonly("training_dollars", range_of(&Forecast::training_dollars))
      .def_property_readonly("testing_dollars", range_of(&Forecast::testing_dollars))
      .def_readonly("naive_training_dollars", &Forecast::naive_training_dollars)
      .def_readonly("priced_model", &Forecast::priced_model)
      .def_readonly("price_date", &Forecast::price_date)
      .def_readonly("price_source", &Forecast::price_source)
      .def_readonly("price_origin", &Forecast::price_origin)
      .def_property_readonly("hours", range_of(&Forecast::hours))
      .def_readonly("gain", &Forecast::gain)
      .def_readonly("efficiency", &Forecast::efficiency)
      .def_readonly("correlation", &Forecast::correlation)
      .def_readonly("advice", &Forecast::advice);
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
      .def_property_readonly(
          "learning", [](const PlannedLeg& self) { return std::string(to_string(self.learning)); })
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
  module.def("plan_study", &plan_study, "spec"_a, "domains"_a = study::DomainSet(),
             py::call_guard<py::gil_scoped_release>(),
             "What a study will train and test; nothing is run.");
  bind_forecast(module);
  module.def("forecast_study", &forecast_study, "spec"_a, "domains"_a = study::DomainSet(),
             py::call_guard<py::gil_scoped_release>(),
             "(Plan, Forecast): the plan, its tokens, dollars and hours, and the smallest effects "
             "it can show; nothing is run.");
  module.def(
      "calls_are_priced",
      [](const study::StudySpec& spec) { return study::price_of_calls(spec).has_value(); },
      "spec"_a,
      "Whether running a study costs money by its prices. Raises `xfer.Error` for an unknown price "
      "where [budget] sets a limit.");
  module.def("check_sandbox", &check_sandbox, py::call_guard<py::gil_scoped_release>(),
             "Raises `xfer.Error` (\"not_available\") where code answers cannot be run safely.");
}

}  // namespace xfer::bindings
