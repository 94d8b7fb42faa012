// SPDX-License-Identifier: Apache-2.0
#include "python_grader.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <pybind11/stl.h>

#include <cmath>
#include <string>
#include <utility>

namespace py = pybind11;

namespace xfer::bindings {
namespace {

using grade::Verdict;

std::string attribute(const py::object& object, const char* name, const std::string& otherwise) {
  if (!py::hasattr(object, name)) return otherwise;
  const py::object value = object.attr(name);
  return py::isinstance<py::str>(value) ? value.cast<std::string>() : otherwise;
}

/// A hash of the function's text, so that a changed function is another protocol.
std::string source_version(const py::object& judge) {
  try {
    const auto source = py::module_::import("inspect").attr("getsource")(judge);
    return Sha256().update(source.cast<std::string>()).hex().substr(0, 16);
  } catch (const py::error_already_set&) {
    throw Error(Errc::invalid_argument,
                "grader: give it a \"version\" (text); its source cannot be read, so a change of "
                "it would go unnoticed");
  }
}

class PythonGrader final : public grade::Grader {
public:
  explicit PythonGrader(py::object judge) : judge_(std::move(judge)) {
    name_ = "python:" + attribute(judge_, "name", attribute(judge_, "__qualname__", "grader"));
    version_ = attribute(judge_, "version", "");
    if (version_.empty()) version_ = source_version(judge_);
  }
  ~PythonGrader() override {
    // Dropped by whichever thread was the last to grade.
    const py::gil_scoped_acquire gil;
    judge_ = py::object();
  }
  std::string_view name() const noexcept override { return name_; }
  std::string_view version() const noexcept override { return version_; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    const py::gil_scoped_acquire gil;
    try {
      const auto text = py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(
          completion.data(), static_cast<py::ssize_t>(completion.size()), "replace"));
      if (!text) throw py::error_already_set();
      return to_verdict(judge_(text, example), completion);
    } catch (const py::error_already_set& e) {
      throw Error(Errc::invalid_argument,
                  "grader " + name_ + ": example " + example.id + ": " + e.what());
    } catch (const py::cast_error&) {
      throw Error(Errc::invalid_argument,
                  "grader " + name_ + ": example " + example.id +
                      ": it must return a bool, a score from 0 to 1, or (score, answer)");
    }
  }

private:
  Verdict to_verdict(const py::object& result, std::string_view completion) const {
    Verdict verdict;
    // A score alone does not say whether an answer was found: there is none where nothing is.
    verdict.extracted = completion.find_first_not_of(" \t\r\n") != std::string_view::npos;
    py::object score = result;
    if (py::isinstance<py::tuple>(result)) {
      const auto pair = result.cast<py::tuple>();
      if (pair.size() != 2) throw py::cast_error("a pair is expected");
      score = pair[0];
      verdict.extracted = !pair[1].is_none();
      if (verdict.extracted) verdict.answer = py::str(pair[1]).cast<std::string>();
    }
    verdict.score = score.cast<double>();
    if (!(verdict.score >= 0.0 && verdict.score <= 1.0)) throw py::cast_error("0 to 1");
    verdict.strict_score = verdict.score;
    verdict.strict_extracted = verdict.extracted;
    if (verdict.score < 1.0) verdict.failure = verdict.extracted ? "wrong" : "no answer";
    return verdict;
  }

  py::object judge_;
  std::string name_;
  std::string version_;
};

}  // namespace

std::shared_ptr<const grade::Grader> make_python_grader(py::object judge) {
  return std::make_shared<const PythonGrader>(std::move(judge));
}

}  // namespace xfer::bindings
