// SPDX-License-Identifier: Apache-2.0
// Graders that are written in Python.
#pragma once

#include "xfer/grade/grader.hpp"

#include <pybind11/pybind11.h>

#include <memory>

namespace xfer::bindings {

/// `judge(completion: str, example)` returns a bool, a score from 0 to 1, or a pair of a score and
/// the answer found (None: none). It is called with the GIL held, by whichever thread grades. Its
/// name and version are the object's own `name` and `version`, or those of its source text.
/// Whatever it raises ends the grading as `invalid_argument`: a broken grader is no wrong answer.
std::shared_ptr<const grade::Grader> make_python_grader(pybind11::object judge);

}  // namespace xfer::bindings
