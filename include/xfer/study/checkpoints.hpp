// SPDX-License-Identifier: Apache-2.0
// Checkpoints that a run does not need any more.
#pragma once

#include "xfer/study/backend.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

struct StoredCheckpoint {
  /// The leg's description, or why it belongs to none.
  std::string description;
  /// A folder, or a service's address.
  std::string path;
  bool remote = false;
  std::uint64_t bytes = 0;  ///< 0 where it is remote
};

/// Checkpoints that nothing which is still to be done starts from: of legs that are trained, whose
/// evaluations are finished and whose next stages are trained; and what earlier attempts left
/// behind. The adapters that `trained_adapters` names are kept unless `adapters_too`. Throws what
/// reading the ledger throws.
std::vector<StoredCheckpoint> unneeded_checkpoints(const std::filesystem::path& run_folder,
                                                   bool adapters_too = false);

/// Removes them while no other process works in the folder. A run that needs one of them after all,
/// because it was asked for more, trains it again and says so. `backend` is asked for those that
/// are remote, and may be null when there are none. Returns what was removed. Throws `unavailable`
/// naming the process that works in the folder, and `io` for a folder that cannot be removed.
std::vector<StoredCheckpoint> remove_unneeded_checkpoints(const std::filesystem::path& run_folder,
                                                          bool adapters_too, Backend* backend);

}  // namespace xfer::study
#pragma GCC visibility pop
