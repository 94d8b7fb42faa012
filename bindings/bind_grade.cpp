// SPDX-License-Identifier: Apache-2.0
// Graders, and what they are made of.
#include "bindings.hpp"
#include "stats_arguments.hpp"

#include "xfer/grade/grader.hpp"
#include "xfer/grade/math.hpp"
#include "xfer/grade/metrics.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace py = pybind11;
using namespace py::literals;

namespace xfer::bindings {
namespace {

using Names = std::vector<std::string>;

std::map<std::string, std::string> graders() {
  std::map<std::string, std::string> versions;
  for (const std::string& name : grade::Grader::names())
    versions[name] = grade::Grader::make(name)->version();
  return versions;
}

/// Text as it is, everything else as JSON.
std::map<std::string, std::string> to_extra(const py::dict& fields) {
  std::map<std::string, std::string> extra;
  for (const auto& [key, value] : fields)
    extra[key.cast<std::string>()] =
        py::isinstance<py::str>(value)
            ? value.cast<std::string>()
            : py::module_::import("json").attr("dumps")(value).cast<std::string>();
  return extra;
}

grade::Verdict grade_one(const std::string& name, const std::string& completion,
                         const std::string& answer, const Names& choices, const py::dict& extra,
                         const std::string& id) {
  Example example;
  example.id = id;
  example.answer = answer;
  example.choices = choices;
  example.extra = to_extra(extra);
  const py::gil_scoped_release nogil;
  return grade::Grader::make(name)->grade(example, completion);
}

std::size_t chosen_option(const Doubles& logprobs, const std::string& score, const Names& options,
                          const std::optional<Doubles>& unconditional) {
  grade::OptionLogprobs all;
  all.conditional = list(logprobs, "logprobs");
  if (unconditional) all.unconditional = list(*unconditional, "unconditional");
  all.options = options;
  return grade::chosen_option(grade::choice_score(score), all);
}

}  // namespace

void bind_grade(py::module_& module) {
  module.def("graders", &graders, "The version of each grader, by its name.");
  module.def("grade", &grade_one, "name"_a, "completion"_a, py::kw_only(), "answer"_a = "",
             "choices"_a = Names{}, "extra"_a = py::dict(), "id"_a = "item",
             "The verdict of a grader on one completion (str or bytes). `extra` holds what some "
             "graders need besides the answer; values that are no str are passed on as JSON.");
  module.def("math_equal", &grade::math_equal, "first"_a, "second"_a,
             py::call_guard<py::gil_scoped_release>(),
             "Whether two mathematical answers, in LaTeX or plain, mean the same.");
  module.def("chosen_option", &chosen_option, "logprobs"_a, py::kw_only(), "score"_a = "acc",
             "options"_a = Names{}, "unconditional"_a = py::none(),
             "Index of the preferred option by its log-probabilities: score \"acc\", \"acc_norm\" "
             "(over the length of `options`) or \"acc_mutual_info\" (minus `unconditional`).");
  module.def(
      "reciprocal_rank",
      [](const std::vector<Names>& gold, const Names& answers) {
        return grade::reciprocal_rank({gold, answers});
      },
      "gold"_a, "answers"_a,
      "1 / rank of the first of five answers that names an entity of `gold`, which holds each "
      "entity's names; 0 when none does.");
  module.def(
      "list_scores",
      [](const std::vector<Names>& gold, const Names& answers) {
        const grade::ListScores scores = grade::list_scores({gold, answers});
        return py::make_tuple(scores.precision, scores.recall, scores.f1);
      },
      "gold"_a, "answers"_a, "(precision, recall, F1) of a list of names.");
}

}  // namespace xfer::bindings
