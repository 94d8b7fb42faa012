// SPDX-License-Identifier: Apache-2.0
// Scores with and without the test items that overlap with training text.
#pragma once

#include "xfer/report/report.hpp"
#include "xfer/study/result.hpp"

#include <vector>

namespace xfer::report {

/// One for each cell, from the answers that the result holds: of all items, and of those that no
/// training text of the study overlaps. Where nothing was looked for or nothing found there are no
/// conditions. Throws what `align` throws.
std::vector<OverlapSummary> overlap_summaries(const study::StudyResult& result);

/// Leaves the overlapping items out of every evaluation; evaluations of which nothing is left go
/// too.
void leave_out_overlap(study::StudyResult& result);

}  // namespace xfer::report
