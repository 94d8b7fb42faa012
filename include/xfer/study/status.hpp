// SPDX-License-Identifier: Apache-2.0
// How far a run is, read from its folder by any process.
#pragma once

#include "xfer/condition.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// One pair under one method.
struct CellStatus {
  std::string source;
  std::string target;
  Method method = Method::sl;
  /// Test evaluations of its conditions and seeds, finished and planned.
  int done = 0;
  int planned = 0;
};

/// A training run or an evaluation that has begun and is not finished.
struct WorkStatus {
  std::string description;
  int done = 0;
  int planned = 0;  ///< steps or items
  /// Of a training run's last durable step.
  std::optional<double> loss;
  std::optional<double> reward;
};

struct RunStatus {
  std::string name;
  std::string model;
  /// A process works in the folder now; `holder` names it.
  bool running = false;
  std::string holder;
  /// How the last attempt ended: "finished", "interrupted", "cancelled", an error's code, or which
  /// limit of the budget was reached.
  std::string outcome;
  bool finished = false;
  /// Of the last attempt: where it was made, and the commit of the git repository that it was
  /// started in, or "".
  std::string machine;
  std::string git;
  int legs_done = 0;
  int legs_planned = 0;
  int evaluations_done = 0;
  int evaluations_planned = 0;
  std::int64_t items_done = 0;
  std::int64_t items_planned = 0;
  /// Of the work, in [0, 1], and the seconds that the rest is estimated to take; as of the last
  /// commit of the attempt.
  double share = 0.0;
  std::optional<double> seconds_left;
  /// Wall time over all attempts.
  double seconds = 0.0;
  double useful_dollars = 0.0;
  double lost_dollars = 0.0;
  double reserved_dollars = 0.0;
  /// budget.max_dollars; 0: no limit.
  double max_dollars = 0.0;
  /// Rounds of an adaptive study that are decided.
  int rounds = 0;
  std::vector<CellStatus> cells;
  /// What has begun, at most 8 of each kind, the latest first.
  std::vector<WorkStatus> training;
  std::vector<WorkStatus> testing;
};

/// Safe while another process runs there. Takes milliseconds whatever the number of items. Throws
/// `io` when the folder holds no run and `bad_data` when its ledger cannot be read.
RunStatus read_status(const std::filesystem::path& run_folder);

}  // namespace xfer::study
#pragma GCC visibility pop
