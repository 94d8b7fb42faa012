// SPDX-License-Identifier: Apache-2.0
// A warm cage: started once, it runs one program after the other.
#pragma once

#include "grade/sandbox/cage.hpp"
#include "grade/sandbox/child.hpp"
#include "grade/sandbox/sandbox_process.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace xfer::grade {

struct WorkerRequest {
  /// What the program reads; see `zygote.hpp`.
  std::string_view payload;
  std::uint64_t folder_bytes = 0;
  std::chrono::milliseconds wall_time{0};
  /// Kept of each output; the rest is read and dropped.
  std::size_t output_bytes = 0;
};

struct WorkerOutcome {
  std::string out;
  std::string err;
  std::string report;
  /// The signal that ended the program, 0 without one.
  int signal = 0;
  bool timed_out = false;
  std::chrono::milliseconds wall_time{0};
};

/// Not safe to call concurrently.
class Worker {
public:
  /// Starts a cage and waits until it is ready. `filter` holds the bytes of the system-call filter.
  /// The kernel kills the cage when the thread that made it ends. Throws `not_available` with the
  /// cage's own words.
  Worker(const CageTools& tools, std::string_view filter);

  /// Runs one program to its end. When this returns nothing of it is left. Nothing when the cage
  /// ended by itself meanwhile. Throws `not_available` when a process could not be killed.
  std::optional<WorkerOutcome> run(const WorkerRequest& request);

  /// Whether it can run another program: not after one that had to be stopped with its cage.
  bool usable() const noexcept { return usable_; }

private:
  void wait_until_ready();
  std::string diagnosis();

  Descriptor control_;
  Descriptor words_;  ///< what the cage itself writes to its error output
  std::unique_ptr<Child> child_;
  bool usable_ = true;
};

}  // namespace xfer::grade
