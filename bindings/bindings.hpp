// One function for each room, called once by module.cpp in this order.
#pragma once

#include <pybind11/pybind11.h>

namespace xfer::bindings {

void bind_text(pybind11::module_& module);
void bind_domains(pybind11::module_& module);
void bind_stats(pybind11::module_& module);
void bind_data(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_study(pybind11::module_& module);
void bind_report(pybind11::module_& module);
void bind_plan(pybind11::module_& module);

}  // namespace xfer::bindings
