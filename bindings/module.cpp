// SPDX-License-Identifier: Apache-2.0
// The extension module xfer._native. The package `xfer` is what people import.
#include "bindings.hpp"
#include "calls.hpp"
#include "errors.hpp"

#include "xfer/error.hpp"

#include <string>

namespace py = pybind11;
using namespace py::literals;

namespace {

/// Whether the input must change, by an error's code as Python has it; unknown codes are not.
bool is_bad_input(const std::string& code) {
  for (int i = 1; i <= static_cast<int>(xfer::Errc::internal); ++i) {
    const auto known = static_cast<xfer::Errc>(i);
    if (xfer::to_string(known) == code) return xfer::is_bad_input(known);
  }
  return false;
}

}  // namespace

PYBIND11_MODULE(_native, module) {
  module.doc() = "The C++ side of xfer. Import `xfer` instead.";
  module.attr("__version__") = XFER_VERSION;
  module.def("is_bad_input", &is_bad_input, "code"_a,
             "Whether an error with this code means that the input must change.");

  xfer::bindings::register_error_translator();
  xfer::bindings::bind_text(module);
  xfer::bindings::bind_domains(module);
  xfer::bindings::bind_data_files(module);
  xfer::bindings::bind_grade(module);
  xfer::bindings::bind_stats(module);
  xfer::bindings::bind_data(module);
  xfer::bindings::bind_engine(module);
  xfer::bindings::bind_similarity(module);
  xfer::bindings::bind_status(module);
  xfer::bindings::bind_study(module);
  xfer::bindings::bind_report(module);
  xfer::bindings::bind_plan(module);
  xfer::bindings::bind_serve(module);
  xfer::bindings::bind_tinker(module);
  xfer::bindings::bind_pickling();

  py::module_::import("atexit").attr("register")(py::cpp_function(&xfer::bindings::stop_calls));
}
