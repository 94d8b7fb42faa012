// SPDX-License-Identifier: Apache-2.0
// Learning curves of one condition, averaged over its seeds.
#pragma once

#include "xfer/study/result.hpp"

#include <map>
#include <vector>

namespace xfer::report {

/// The curves with points, by condition, seeds ascending. Points into `cell`.
std::map<Condition, std::vector<const study::Curve*>> curves_by_condition(
    const study::CellResult& cell);

/// Means at each step that every one of the curves has.
std::vector<study::CurvePoint> curve_mean(const std::vector<const study::Curve*>& seeds);

}  // namespace xfer::report
