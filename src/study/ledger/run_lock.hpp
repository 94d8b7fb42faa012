// SPDX-License-Identifier: Apache-2.0
// One process at a time in a run folder.
#pragma once

#include <filesystem>
#include <string>

namespace xfer::study {

/// "pid 4711 on host name", of this process.
std::string process_name();

/// Who works in the folder now; "" when nobody does.
std::string holder_of(const std::filesystem::path& run_folder);

/// Held while it lives, and released by the kernel when the process dies, however it dies.
class RunLock {
public:
  /// Takes `run.lock` in the folder. Throws `unavailable` naming the process that holds it, `io`
  /// when the file cannot be made.
  explicit RunLock(const std::filesystem::path& run_folder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

private:
  int descriptor_ = -1;
};

}  // namespace xfer::study
