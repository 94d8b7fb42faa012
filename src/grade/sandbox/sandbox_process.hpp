// SPDX-License-Identifier: Apache-2.0
// One short child process of our own choice: started, read, timed, and surely ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

namespace xfer::grade {

struct ProcessOutcome {
  std::string out;
  /// As from waitpid; -1 when another part of the process has reaped the child.
  int status = -1;
};

/// Runs the program to its end, or kills it after `wall_time`; keeps `output_bytes` of its output.
/// Throws `not_available` when it cannot be started, or something of it outlives it.
ProcessOutcome run_process(const std::vector<std::string>& arguments,
                           std::chrono::milliseconds wall_time, std::size_t output_bytes);

}  // namespace xfer::grade
