// SPDX-License-Identifier: Apache-2.0
// One function for each room, called once by module.cpp in this order.
#pragma once

#include "xfer/dataset.hpp"

#include <pybind11/pybind11.h>

#include <string>

namespace xfer::bindings {

/// A split by its name. Throws `invalid_argument` with those allowed.
Split to_split(const std::string& name);

void bind_text(pybind11::module_& module);
void bind_domains(pybind11::module_& module);
void bind_data_files(pybind11::module_& module);
void bind_grade(pybind11::module_& module);
void bind_stats(pybind11::module_& module);
void bind_data(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_similarity(pybind11::module_& module);
void bind_status(pybind11::module_& module);
void bind_study(pybind11::module_& module);
void bind_report(pybind11::module_& module);
void bind_plan(pybind11::module_& module);
void bind_serve(pybind11::module_& module);
void bind_tinker(pybind11::module_& module);
/// Last: gives the records that the others bound what `pickle` looks for.
void bind_pickling();

}  // namespace xfer::bindings
