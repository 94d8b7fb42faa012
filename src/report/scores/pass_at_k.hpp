// SPDX-License-Identifier: Apache-2.0
// pass@k of answers drawn at a temperature.
#pragma once

#include "report/scores/analysis.hpp"

#include "xfer/report/report.hpp"

#include <vector>

namespace xfer::report {

/// For k = 1, 2, 5, 10, 20, ... up to the number of answers; empty where none were drawn. Items
/// without drawn answers are left out.
std::vector<PassAtK> pass_at_k(const AlignedCell& cell, const Setting& setting);

}  // namespace xfer::report
