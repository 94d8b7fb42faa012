// SPDX-License-Identifier: Apache-2.0
// Domains with their examples and graders.
#include "bindings.hpp"

#include "xfer/dataset.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/error.hpp"

#include <pybind11/stl.h>
#include <pybind11/stl/filesystem.h>

#include <memory>
#include <string>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {

Split to_split(const std::string& name) {
  for (const Split split : all_splits)
    if (to_string(split) == name) return split;
  throw Error(Errc::invalid_argument,
              "unknown split \"" + name + "\" (allowed: train, validation, test, heldout)");
}

namespace {

using domains::Domain;
using domains::PromptTemplate;
using grade::Verdict;

void bind_example(py::module_& module) {
  py::class_<Example>(module, "Example", "One problem with its reference answer.")
      .def_readonly("id", &Example::id)
      .def_readonly("question", &Example::question, "The bare problem, without a prompt around it.")
      .def_readonly("solution", &Example::solution,
                    "The worked answer a model is trained to write.")
      .def_readonly("answer", &Example::answer, "The final answer alone.")
      .def_readonly("choices", &Example::choices)
      .def_readonly("kind", &Example::kind)
      .def_readonly("cluster", &Example::cluster)
      .def_readonly("extra", &Example::extra, "What a grader needs besides the answer.")
      .def("__repr__", [](const Example& self) {
        return "<xfer.Example " + py::repr(py::str(self.id)).cast<std::string>() + ">";
      });
  py::class_<Verdict>(module, "Verdict", "How an answer fared.")
      .def_readonly("score", &Verdict::score, "0 to 1; 1 is right.")
      .def_readonly("extracted", &Verdict::extracted, "Whether a final answer could be found.")
      .def_readonly("strict_score", &Verdict::strict_score,
                    "The score when only the form that the dataset asks for counts.")
      .def_readonly("strict_extracted", &Verdict::strict_extracted,
                    "Whether there is an answer in that form.")
      .def_readonly("answer", &Verdict::answer, "The final answer as found.")
      .def_readonly("failure", &Verdict::failure, "Why it is not right; empty when it is.")
      .def("__repr__", [](const Verdict& self) {
        return "<xfer.Verdict score=" + py::repr(py::float_(self.score)).cast<std::string>() +
               (self.failure.empty() ? std::string() : ", " + self.failure) + ">";
      });
}

void bind_domain(py::module_& module) {
  py::class_<PromptTemplate>(module, "PromptTemplate", "One way of asking a question.")
      .def_readonly("before", &PromptTemplate::before)
      .def_readonly("after", &PromptTemplate::after)
      .def("apply", &PromptTemplate::apply, "question"_a);
  py::class_<Domain>(module, "Domain", "A domain: its examples, its prompts, its grader.")
      .def(py::init([](const std::string& name, const py::object& train,
                       const py::object& validation, const py::object& test,
                       const py::object& grader, const py::kwargs& options) {
             return py::module_::import("xfer.domain_sources")
                 .attr("build")(name, "train"_a = train, "validation"_a = validation,
                                "test"_a = test, "grader"_a = grader, **options)
                 .cast<Domain>();
           }),
           "name"_a, py::kw_only(), "train"_a = py::none(), "validation"_a = py::none(),
           "test"_a = py::none(), "grader"_a,
           "A domain of your own; see `xfer.domain_sources.build` for its sources and options.")
      .def_readonly("name", &Domain::name)
      .def_readonly("title", &Domain::title)
      .def_readonly("prompts", &Domain::prompts)
      .def_readonly("few_shot", &Domain::few_shot)
      .def_readonly("max_answer_tokens", &Domain::max_answer_tokens)
      .def_readonly("stop_strings", &Domain::stop_strings)
      .def_property_readonly("grader_name",
                             [](const Domain& self) { return std::string(self.grader->name()); })
      .def(
          "size",
          [](const Domain& self, const std::string& split) {
            return self.dataset->size(to_split(split));
          },
          "split"_a, "Number of examples of \"train\", \"validation\", \"test\" or \"heldout\".")
      .def(
          "example",
          [](const Domain& self, const std::string& split, std::size_t index) {
            return self.dataset->at(to_split(split), index);
          },
          "split"_a, "index"_a, py::call_guard<py::gil_scoped_release>())
      .def(
          "grade",
          [](const Domain& self, const Example& example, const std::string& completion) {
            return self.grader->grade(example, completion);
          },
          "example"_a, "completion"_a, py::call_guard<py::gil_scoped_release>(),
          "Whether a completion (str or bytes) answers the example.")
      .def(
          "manifest_hash",
          [](const Domain& self, const std::string& split) {
            return self.dataset->manifest_hash(to_split(split));
          },
          "split"_a, py::call_guard<py::gil_scoped_release>(),
          "Hash of everything that decides the examples of a split.")
      .def("__repr__", [](const Domain& self) { return "<xfer.Domain " + self.name + ">"; });
}

}  // namespace

void bind_domains(py::module_& module) {
  bind_example(module);
  bind_domain(module);
  module.def("domains", &domains::procedural_domain_names,
             "Names of the built-in procedural domains.");
  module.def("domain", &domains::procedural_domain, "name"_a, "seed"_a = 0,
             py::call_guard<py::gil_scoped_release>(),
             "A built-in procedural domain; its items are drawn from `seed`.");
}

}  // namespace xfer::bindings
