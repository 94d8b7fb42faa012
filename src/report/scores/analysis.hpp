// SPDX-License-Identifier: Apache-2.0
// One score of some items of a cell under its conditions.
#pragma once

#include "report/scores/align.hpp"
#include "report/scores/scores.hpp"

#include "xfer/condition.hpp"
#include "xfer/stats/transfer.hpp"
#include "xfer/transfer_metrics.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace xfer::report {

struct Analysis {
  TransferMetrics metrics;
  std::map<Condition, Metric> means;
  std::vector<std::string> notes;
};

/// What is analysed alike in all of a study.
struct Setting {
  /// Of the intervals.
  double level = 0.95;
  /// The condition that the gain must stand above.
  Condition control = Condition::format_control;
};

/// Analyses the items at `chosen` under the conditions of `arms`. An item that weighs nothing under
/// the score is left out.
Analysis analyse(const AlignedCell& cell, const std::vector<const Arm*>& arms, const Score& score,
                 std::vector<std::size_t> chosen, const Setting& setting,
                 const stats::CellContext& context = {});

/// All arms of a cell, and the places of all its items.
std::vector<const Arm*> every_arm(const AlignedCell& cell);
std::vector<std::size_t> every_item(const AlignedCell& cell);

}  // namespace xfer::report
