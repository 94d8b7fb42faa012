// One child process: started, read, timed, and surely ended.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

struct ProcessSpec {
  std::vector<std::string> argv;
  /// What the child reads on descriptor 0.
  std::string_view input;
  /// What it reads on descriptor 4; the descriptor is closed when empty.
  std::string_view extra_input;
  std::chrono::milliseconds wall_time{0};
  /// Kept of each output; the rest is read and dropped.
  std::size_t output_bytes = 0;
};

struct ProcessOutcome {
  std::string out;     ///< descriptor 1
  std::string err;     ///< descriptor 2
  std::string report;  ///< descriptor 3
  /// As from waitpid; -1 when another part of the process has reaped the child.
  int status = -1;
  bool timed_out = false;
  std::chrono::milliseconds wall_time{0};
};

/// Runs the child to its end or kills it. Nothing but descriptors 0 to 4 is handed down by us; no
/// handler registered with pthread_atfork runs, so it is safe beside any threads. Throws
/// `not_available` when the child cannot be started, or when something of it outlives it.
ProcessOutcome run_process(const ProcessSpec& spec);

}  // namespace xfer::grade
