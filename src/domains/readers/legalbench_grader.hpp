// SPDX-License-Identifier: Apache-2.0
// LegalBench's own scoring of the tasks whose answers are no labels.
#pragma once

#include "xfer/grade/grader.hpp"

#include <memory>

namespace xfer::domains {

/// Judges by the rule in an example's extra["rule"], as the benchmark's evaluation script does,
/// item by item: "amount" (the first number, within 10 %), "exceptions" and "parties" (F1 of names
/// found), "term" (any stemmed term), "citation" (the case named).
std::shared_ptr<const grade::Grader> make_legalbench_grader();

}  // namespace xfer::domains
