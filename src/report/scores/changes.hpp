// SPDX-License-Identifier: Apache-2.0
// Which items a condition fixed and broke, and which kinds of them.
#pragma once

#include "report/scores/align.hpp"

#include "xfer/report/report.hpp"

#include <string>
#include <vector>

namespace xfer::report {

/// Why an item that is not right is not: "cut off", "no answer found" or "wrong answer".
std::string failure_kind(const study::ItemResult& item);

/// Every condition against the baseline's first run. Difficulty is what the base model makes of
/// the reference answer (bits per byte), so that it does not depend on what was trained; length is
/// the reference's.
std::vector<ConditionChanges> condition_changes(const AlignedCell& cell);

}  // namespace xfer::report
