// SPDX-License-Identifier: Apache-2.0
#include "serve/store.hpp"

#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdio>
#include <ctime>

namespace xfer::serve {
namespace {

using Query = files::Statement;

constexpr int schema_version = 2;

constexpr const char* schema = R"(
CREATE TABLE IF NOT EXISTS sessions(
  id TEXT PRIMARY KEY, account TEXT NOT NULL, created INTEGER NOT NULL, ended INTEGER NOT NULL,
  display_name TEXT NOT NULL, user_metadata TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs(
  id TEXT PRIMARY KEY, session_id TEXT NOT NULL, account TEXT NOT NULL, base_model TEXT NOT NULL,
  rank INTEGER NOT NULL, train_attn INTEGER NOT NULL, train_mlp INTEGER NOT NULL,
  train_unembed INTEGER NOT NULL, user_metadata TEXT NOT NULL, created INTEGER NOT NULL,
  last_request INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS runs_by_session ON runs(session_id);
CREATE TABLE IF NOT EXISTS checkpoints(
  run_id TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
  bytes INTEGER NOT NULL, is_public INTEGER NOT NULL, expires INTEGER,
  user_metadata TEXT NOT NULL DEFAULT '{}',
  PRIMARY KEY(run_id, kind, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samplers(
  id TEXT PRIMARY KEY, session_id TEXT NOT NULL, account TEXT NOT NULL, base_model TEXT NOT NULL,
  model_path TEXT NOT NULL, snapshot TEXT NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS samplers_by_session ON samplers(session_id);
)";

std::string text_of(const Metadata& metadata) { return nlohmann::json(metadata).dump(); }

Metadata metadata_of(const std::string& text) {
  Metadata out;
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return out;
  for (const auto& [key, value] : json.items())
    if (value.is_string()) out[key] = value.get<std::string>();
  return out;
}

constexpr const char* session_columns =
    "SELECT id, account, created, ended, display_name, user_metadata FROM sessions ";
SessionRow session_of(const Query& query) {
  SessionRow row;
  row.id = query.text(0);
  row.account = query.text(1);
  row.created = query.integer(2);
  row.ended = query.integer(3) != 0;
  row.display_name = query.text(4);
  row.user_metadata = metadata_of(query.text(5));
  return row;
}

constexpr const char* run_columns =
    "SELECT id, session_id, account, base_model, rank, train_attn, train_mlp, train_unembed, "
    "user_metadata, created, last_request FROM runs ";
RunRow run_of(const Query& query) {
  RunRow row;
  row.id = query.text(0);
  row.session_id = query.text(1);
  row.account = query.text(2);
  row.base_model = query.text(3);
  row.rank = static_cast<int>(query.integer(4));
  row.train_attn = query.integer(5) != 0;
  row.train_mlp = query.integer(6) != 0;
  row.train_unembed = query.integer(7) != 0;
  row.user_metadata = metadata_of(query.text(8));
  row.created = query.integer(9);
  row.last_request = query.integer(10);
  return row;
}

constexpr const char* checkpoint_columns =
    "SELECT c.run_id, c.kind, c.name, c.created, c.bytes, c.is_public, c.expires, "
    "c.user_metadata FROM checkpoints c ";
CheckpointRow checkpoint_of(const Query& query) {
  CheckpointRow row;
  row.run_id = query.text(0);
  row.kind = query.text(1);
  row.name = query.text(2);
  row.created = query.integer(3);
  row.bytes = query.integer(4);
  row.is_public = query.integer(5) != 0;
  row.expires = query.optional_integer(6);
  row.user_metadata = metadata_of(query.text(7));
  return row;
}

constexpr const char* sampler_columns =
    "SELECT id, session_id, account, base_model, model_path, snapshot, created FROM samplers ";
SamplerRow sampler_of(const Query& query) {
  SamplerRow row;
  row.id = query.text(0);
  row.session_id = query.text(1);
  row.account = query.text(2);
  row.base_model = query.text(3);
  row.model_path = query.text(4);
  row.snapshot = query.text(5);
  row.created = query.integer(6);
  return row;
}

template <class Row>
std::vector<Row> all(Query& query, Row (*read)(const Query&)) {
  std::vector<Row> rows;
  while (query.step()) rows.push_back(read(query));
  return rows;
}
template <class Row>
std::optional<Row> one(Query& query, Row (*read)(const Query&)) {
  if (!query.step()) return std::nullopt;
  return read(query);
}
std::string first_text(const Query& query) { return query.text(0); }

files::Sqlite open(const std::filesystem::path& path) {
  try {
    return files::Sqlite(path, files::Sqlite::Mode::exclusive, "serve: database");
  } catch (const Error& e) {
    if (e.code() != Errc::unavailable) throw;
    throw Error(e.code(), "serve: database " + path.string() +
                              ": another server uses this folder; stop it or choose another");
  }
}

}  // namespace

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::string time_text(std::int64_t us) {
  const auto seconds = static_cast<std::time_t>(us / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t size = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06dZ", static_cast<int>(us % 1'000'000));
  return std::string(text, size) + fraction;
}

Store::Store(const std::filesystem::path& path) : database_(open(path)) {
  int version = 0;
  {
    Query query(database_, "PRAGMA user_version");
    if (query.step()) version = static_cast<int>(query.integer(0));
  }
  if (version > schema_version)
    throw Error(Errc::run_mismatch,
                "serve: database " + path.string() + " was made by a newer version of xfer");
  database_.execute("BEGIN IMMEDIATE");
  // Version 1 kept no metadata of checkpoints.
  if (version == 1)
    database_.execute(
        "ALTER TABLE checkpoints ADD COLUMN user_metadata TEXT NOT NULL DEFAULT '{}'");
  database_.execute(schema);
  database_.execute("PRAGMA user_version = " + std::to_string(schema_version));
  database_.execute("COMMIT");
}

void Store::add(const SessionRow& s) {
  Query(database_, "INSERT INTO sessions VALUES(?, ?, ?, ?, ?, ?)")
      .bind(s.id)
      .bind(s.account)
      .bind(s.created)
      .bind(std::int64_t{s.ended})
      .bind(s.display_name)
      .bind(text_of(s.user_metadata))
      .run();
}
std::optional<SessionRow> Store::session(const std::string& id) {
  Query query(database_, std::string(session_columns) + "WHERE id = ?");
  query.bind(id);
  return one(query, session_of);
}
std::vector<SessionRow> Store::sessions_going_on() {
  Query query(database_, std::string(session_columns) + "WHERE ended = 0 ORDER BY created DESC");
  return all(query, session_of);
}
std::vector<std::string> Store::session_ids(const std::string& account, std::int64_t limit,
                                            std::int64_t offset) {
  Query query(database_,
              "SELECT id FROM sessions WHERE account = ? ORDER BY created DESC, id "
              "LIMIT ? OFFSET ?");
  query.bind(account).bind(limit).bind(offset);
  return all(query, first_text);
}
void Store::end_session(const std::string& id) {
  Query(database_, "UPDATE sessions SET ended = 1 WHERE id = ?").bind(id).run();
}

void Store::add(const RunRow& r) {
  Query(database_, "INSERT INTO runs VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(r.id)
      .bind(r.session_id)
      .bind(r.account)
      .bind(r.base_model)
      .bind(std::int64_t{r.rank})
      .bind(std::int64_t{r.train_attn})
      .bind(std::int64_t{r.train_mlp})
      .bind(std::int64_t{r.train_unembed})
      .bind(text_of(r.user_metadata))
      .bind(r.created)
      .bind(r.last_request)
      .run();
}
std::optional<RunRow> Store::run(const std::string& id) {
  Query query(database_, std::string(run_columns) + "WHERE id = ?");
  query.bind(id);
  return one(query, run_of);
}
void Store::remove_run(const std::string& id) {
  Query(database_, "DELETE FROM runs WHERE id = ?").bind(id).run();
}
std::vector<RunRow> Store::runs(const std::string& account, std::int64_t limit,
                                std::int64_t offset) {
  Query query(database_, std::string(run_columns) +
                             "WHERE account = ? ORDER BY created DESC, id LIMIT ? OFFSET ?");
  query.bind(account).bind(limit).bind(offset);
  return all(query, run_of);
}
std::int64_t Store::count_runs(const std::string& account) {
  Query query(database_, "SELECT COUNT(*) FROM runs WHERE account = ?");
  query.bind(account).step();
  return query.integer(0);
}
std::vector<std::string> Store::run_ids_of_session(const std::string& session_id) {
  Query query(database_, "SELECT id FROM runs WHERE session_id = ? ORDER BY created DESC, id");
  query.bind(session_id);
  return all(query, first_text);
}
void Store::touch_run(const std::string& id, std::int64_t now) {
  Query(database_, "UPDATE runs SET last_request = ? WHERE id = ?").bind(now).bind(id).run();
}

void Store::put(const CheckpointRow& c) {
  Query(database_,
        "INSERT OR REPLACE INTO checkpoints(run_id, kind, name, created, bytes, "
        "is_public, expires, user_metadata) VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(c.run_id)
      .bind(c.kind)
      .bind(c.name)
      .bind(c.created)
      .bind(c.bytes)
      .bind(std::int64_t{c.is_public})
      .bind(c.expires)
      .bind(text_of(c.user_metadata))
      .run();
}
std::optional<CheckpointRow> Store::checkpoint(const std::string& run_id, const std::string& kind,
                                               const std::string& name) {
  Query query(database_,
              std::string(checkpoint_columns) + "WHERE c.run_id = ? AND c.kind = ? AND c.name = ?");
  query.bind(run_id).bind(kind).bind(name);
  return one(query, checkpoint_of);
}
void Store::remove(const CheckpointRow& c) {
  Query(database_, "DELETE FROM checkpoints WHERE run_id = ? AND kind = ? AND name = ?")
      .bind(c.run_id)
      .bind(c.kind)
      .bind(c.name)
      .run();
}
std::vector<CheckpointRow> Store::checkpoints_of_run(const std::string& run_id) {
  Query query(database_,
              std::string(checkpoint_columns) + "WHERE c.run_id = ? ORDER BY c.created DESC");
  query.bind(run_id);
  return all(query, checkpoint_of);
}
std::vector<CheckpointRow> Store::checkpoints(const std::string& account, std::int64_t limit,
                                              std::int64_t offset) {
  Query query(database_, std::string(checkpoint_columns) +
                             "JOIN runs r ON r.id = c.run_id WHERE r.account = ? "
                             "ORDER BY c.created DESC LIMIT ? OFFSET ?");
  query.bind(account).bind(limit).bind(offset);
  return all(query, checkpoint_of);
}
std::int64_t Store::count_checkpoints(const std::string& account) {
  Query query(database_,
              "SELECT COUNT(*) FROM checkpoints c JOIN runs r ON r.id = c.run_id "
              "WHERE r.account = ?");
  query.bind(account).step();
  return query.integer(0);
}
std::vector<CheckpointRow> Store::expired(std::int64_t now) {
  Query query(database_, std::string(checkpoint_columns) + "WHERE c.expires <= ?");
  query.bind(now);
  return all(query, checkpoint_of);
}

void Store::add(const SamplerRow& s) {
  Query(database_, "INSERT INTO samplers VALUES(?, ?, ?, ?, ?, ?, ?)")
      .bind(s.id)
      .bind(s.session_id)
      .bind(s.account)
      .bind(s.base_model)
      .bind(s.model_path)
      .bind(s.snapshot)
      .bind(s.created)
      .run();
}
std::optional<SamplerRow> Store::sampler(const std::string& id) {
  Query query(database_, std::string(sampler_columns) + "WHERE id = ?");
  query.bind(id);
  return one(query, sampler_of);
}
std::vector<std::string> Store::sampler_ids_of_session(const std::string& session_id) {
  Query query(database_, "SELECT id FROM samplers WHERE session_id = ? ORDER BY created DESC, id");
  query.bind(session_id);
  return all(query, first_text);
}
std::vector<SamplerRow> Store::snapshots_of_session(const std::string& session_id) {
  Query query(database_, std::string(sampler_columns) +
                             "WHERE session_id = ? AND snapshot <> '' ORDER BY created DESC");
  query.bind(session_id);
  return all(query, sampler_of);
}
void Store::remove_sampler(const std::string& id) {
  Query(database_, "DELETE FROM samplers WHERE id = ?").bind(id).run();
}

}  // namespace xfer::serve
