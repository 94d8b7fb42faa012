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

/// Analyses the items at `chosen` under the conditions of `arms`, of which `control` is the one
/// that the gain must stand above. An item that weighs nothing under the score is left out.
Analysis analyse(const AlignedCell& cell, const std::vector<const Arm*>& arms, const Score& score,
                 std::vector<std::size_t> chosen,
                 Condition control = Condition::format_control,
                 const stats::CellContext& context = {});

/// All arms of a cell, and the places of all its items.
std::vector<const Arm*> every_arm(const AlignedCell& cell);
std::vector<std::size_t> every_item(const AlignedCell& cell);

}  // namespace xfer::report
