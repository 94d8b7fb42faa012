// SPDX-License-Identifier: Apache-2.0
// What survives a restart: sessions, runs, checkpoints and sampling sessions, in one database.
#pragma once

#include "files/sqlite.hpp"
#include "xfer/tinker/service_types.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xfer::serve {

using tinker::Metadata;

/// Microseconds since 1970.
std::int64_t now_us();
/// RFC 3339, in UTC.
std::string time_text(std::int64_t us);

struct SessionRow {
  SessionRow() = default;
  std::string id;
  std::string account;
  std::int64_t created = 0;
  bool ended = false;
  std::string display_name;
  Metadata user_metadata;
};

struct RunRow {
  RunRow() = default;
  /// Also the model's id.
  std::string id;
  std::string session_id;
  std::string account;
  /// As its client calls the model.
  std::string base_model;
  int rank = 0;
  bool train_attn = true;
  bool train_mlp = true;
  bool train_unembed = true;
  Metadata user_metadata;
  std::int64_t created = 0;
  std::int64_t last_request = 0;
  /// Of the first A matrices; not kept.
  std::uint64_t seed = 0;
};

struct CheckpointRow {
  CheckpointRow() = default;
  std::string run_id;
  /// "weights" or "sampler_weights".
  std::string kind;
  std::string name;
  std::int64_t created = 0;
  std::int64_t bytes = 0;
  bool is_public = false;
  /// When it goes, in the same unit as `created`.
  std::optional<std::int64_t> expires;
  Metadata user_metadata;
  std::string tinker_path() const { return "tinker://" + run_id + "/" + kind + "/" + name; }
};

struct SamplerRow {
  SamplerRow() = default;
  std::string id;
  std::string session_id;
  std::string account;
  std::string base_model;
  /// A checkpoint's tinker path, or empty.
  std::string model_path;
  /// Of an unnamed snapshot: its folder, below the server's; or empty.
  std::string snapshot;
  std::int64_t created = 0;
};

/// Lists are from the newest to the oldest. Only on one thread.
class Store {
public:
  /// Throws as `files::Sqlite`, and `run_mismatch` when a newer version made the file.
  explicit Store(const std::filesystem::path& path);

  void add(const SessionRow& session);
  std::optional<SessionRow> session(const std::string& id);
  std::vector<SessionRow> sessions_going_on();
  std::vector<std::string> session_ids(const std::string& account, std::int64_t limit,
                                       std::int64_t offset);
  void end_session(const std::string& id);

  void add(const RunRow& run);
  std::optional<RunRow> run(const std::string& id);
  void remove_run(const std::string& id);
  std::vector<RunRow> runs(const std::string& account, std::int64_t limit, std::int64_t offset);
  std::int64_t count_runs(const std::string& account);
  std::vector<std::string> run_ids_of_session(const std::string& session_id);
  void touch_run(const std::string& id, std::int64_t now);

  /// Replaces one of the same name.
  void put(const CheckpointRow& checkpoint);
  std::optional<CheckpointRow> checkpoint(const std::string& run_id, const std::string& kind,
                                          const std::string& name);
  void remove(const CheckpointRow& checkpoint);
  std::vector<CheckpointRow> checkpoints_of_run(const std::string& run_id);
  std::vector<CheckpointRow> checkpoints(const std::string& account, std::int64_t limit,
                                         std::int64_t offset);
  std::int64_t count_checkpoints(const std::string& account);
  /// Those that are to go by then.
  std::vector<CheckpointRow> expired(std::int64_t now);

  void add(const SamplerRow& sampler);
  std::optional<SamplerRow> sampler(const std::string& id);
  std::vector<std::string> sampler_ids_of_session(const std::string& session_id);
  /// The session's samplers that have a snapshot of their own.
  std::vector<SamplerRow> snapshots_of_session(const std::string& session_id);
  void remove_sampler(const std::string& id);

private:
  files::Sqlite database_;
};

}  // namespace xfer::serve
