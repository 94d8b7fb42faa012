// SPDX-License-Identifier: Apache-2.0
// Failures of the library as Python exceptions.
#pragma once

#include <pybind11/pybind11.h>

#include <exception>

namespace xfer::bindings {

/// The Python exception object for a C++ one: classes of `xfer.errors` for xfer's own, the usual
/// ones for Python's and the standard library's. Needs the GIL.
pybind11::object python_exception(const std::exception_ptr& failure);

/// Makes every xfer error that leaves a bound function one of `xfer.errors`.
void register_error_translator();

}  // namespace xfer::bindings
