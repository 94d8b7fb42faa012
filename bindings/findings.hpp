// SPDX-License-Identifier: Apache-2.0
// The parts of the report's bindings that are about whole studies.
#pragma once

#include "xfer/report/report.hpp"

#include <pybind11/pybind11.h>

#include <string>

namespace xfer::bindings {

/// Of a cell, an effect or a matrix, as its Python property `method`.
template <class T>
auto method_name(const T& self) {
  return std::string(to_string(self.method));
}

/// Types of findings, `report_of_scores` and `score_verdicts`.
void bind_findings(pybind11::module_& module);

/// The members of `Report` that are about the whole study, its tables and its LaTeX.
void bind_report_tables(pybind11::class_<report::Report>& type);

}  // namespace xfer::bindings
