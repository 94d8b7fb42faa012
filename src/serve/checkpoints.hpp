// SPDX-License-Identifier: Apache-2.0
// Saved adapters: their folders on disk and their rows in the database.
#pragma once

#include "serve/store.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace xfer::serve {

/// Folders are `<root>/checkpoints/<run>/<kind>/<name>` and `<root>/checkpoints/<run>/snapshots/
/// <sampler>`. A checkpoint counts when its row is there, which is written last. Only on one
/// thread, but for the static functions.
class Checkpoints {
public:
  /// Removes what an interrupted save left behind.
  Checkpoints(std::filesystem::path root, Store& store);

  /// Where a run's trainer saves to.
  std::filesystem::path folder_of_run(const std::string& run_id) const;
  std::filesystem::path folder_of(const CheckpointRow& checkpoint) const;
  /// Of a snapshot, from what its row says.
  std::filesystem::path folder_of_snapshot(const std::string& snapshot) const;
  /// What the row of a snapshot is to say.
  static std::string snapshot_name(const std::string& run_id, const std::string& sampler_id);

  /// The checkpoint of a tinker path; one of the account's own or a published one. Throws a
  /// refusal (404) when there is none, `invalid_argument` when the path is malformed.
  CheckpointRow find(const std::string& tinker_path, const std::string& account);
  /// The same of the account's own only.
  CheckpointRow find_own(const std::string& tinker_path, const std::string& account);

  /// Moves a saved folder to its place, instead of what may be there, in one step; returns its
  /// size. Blocks on the disk. Throws `io`.
  static std::int64_t install(const std::filesystem::path& from, const std::filesystem::path& to);
  /// Blocks on the disk; errors are ignored, as the next start removes what is left.
  static void remove(const std::filesystem::path& folder) noexcept;

private:
  void clear_leftovers();
  CheckpointRow find(const std::string& tinker_path, const std::string& account, bool own_only);

  std::filesystem::path root_;
  Store& store_;
};

}  // namespace xfer::serve
