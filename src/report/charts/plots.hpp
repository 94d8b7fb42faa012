// SPDX-License-Identifier: Apache-2.0
// Plots over the whole study, as SVG: points with intervals, and lists of intervals.
#pragma once

#include "xfer/report/report.hpp"

#include <string>

namespace xfer::report {

/// Each is "" when there is nothing to draw.

/// Gain there against gain back, one point per pair of domains, with the line of no asymmetry.
std::string asymmetry_svg(const Report& report);
/// The declared similarity against the gain, one point per cell.
std::string similarity_svg(const Report& report);
/// Dollars (where they were spent, else millions of tokens) against the gain, one point per cell.
std::string cost_svg(const Report& report);
/// The change on other domains, one line per cell.
std::string forgetting_svg(const Report& report);
/// The gain under each wording of the prompt, one line per cell and wording.
std::string robustness_svg(const Report& report);
/// The gain on held-out items beside that on the test items, one line per cell.
std::string held_out_svg(const Report& report);

}  // namespace xfer::report
