// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/checkpoints.hpp"

#include "study/ledger/ledger_schema.hpp"
#include "study/ledger/run_lock.hpp"
#include "study/ledger/sqlite.hpp"

#include "xfer/error.hpp"
#include "xfer/run_blocking.hpp"
#include "xfer/study/adapters.hpp"

#include <map>
#include <set>
#include <utility>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

struct StoredLeg {
  std::string key;
  std::string description;
  std::string checkpoint;
};

std::uint64_t bytes_below(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error))
    if (it->is_regular_file(error)) bytes += it->file_size(error);
  return bytes;
}

/// Legs that something unfinished starts from: their own steps, a test, or a next stage.
std::set<std::string> needed_legs(Sqlite& database) {
  std::set<std::string> needed;
  Statement outcome(database, "SELECT outcome FROM attempts ORDER BY id DESC LIMIT 1");
  if (outcome.step() && outcome.text(0) == "finished") return needed;
  Statement select(database,
                   "SELECT l.key FROM legs l WHERE l.steps_done < l.steps OR EXISTS (SELECT 1 FROM "
                   "evaluations e WHERE e.leg = l.id AND e.finished = 0) OR EXISTS (SELECT 1 FROM "
                   "legs n WHERE n.parent = l.id AND n.steps_done < n.steps)");
  while (select.step()) needed.insert(select.text(0));
  return needed;
}

std::vector<StoredLeg> stored_legs(Sqlite& database) {
  std::vector<StoredLeg> legs;
  Statement select(database, "SELECT key, description, checkpoint FROM legs ORDER BY id");
  while (select.step()) legs.push_back({select.text(0), select.text(1), select.text(2)});
  return legs;
}

bool is_remote(const std::string& checkpoint) {
  return !checkpoint.empty() && !checkpoint.starts_with("checkpoints/") &&
         !fs::path(checkpoint).is_absolute();
}

Sqlite open_ledger(const fs::path& run_folder) {
  const fs::path path = run_folder / "study.db";
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored))
    throw Error(Errc::io, "run folder " + run_folder.string() + ": holds no study.db");
  Sqlite database(path, Sqlite::Mode::read_only, "ledger");
  Statement version(database, "PRAGMA user_version");
  version.step();
  if (version.integer(0) != ledger_schema_version)
    throw Error(Errc::bad_data,
                "ledger " + path.string() + ": not begun, or written by another version of xfer");
  return database;
}

}  // namespace

std::vector<StoredCheckpoint> unneeded_checkpoints(const fs::path& run_folder, bool adapters_too) {
  Sqlite database = open_ledger(run_folder);
  std::set<fs::path> kept;
  if (!adapters_too)
    for (const auto& [domain, folder] : trained_adapters(run_folder))
      kept.insert(folder.lexically_normal());
  const std::set<std::string> needed = needed_legs(database);
  std::map<std::string, StoredLeg> legs;
  std::vector<StoredCheckpoint> unneeded;
  for (StoredLeg& leg : stored_legs(database)) {
    if (is_remote(leg.checkpoint) && !needed.count(leg.key))
      unneeded.push_back({leg.description, leg.checkpoint, true, 0});
    legs.emplace(leg.key, std::move(leg));
  }
  std::set<fs::path> folders;  // in an order that does not depend on the disk
  std::error_code ignored;
  for (const auto& of_leg : fs::directory_iterator(run_folder / "checkpoints", ignored))
    for (const auto& entry : fs::directory_iterator(of_leg.path(), ignored))
      folders.insert(entry.path());
  for (const fs::path& folder : folders) {
    const auto found = legs.find(folder.parent_path().filename().string());
    const bool current = found != legs.end() && run_folder / found->second.checkpoint == folder;
    if (current && (needed.count(found->first) || kept.count(folder.lexically_normal()))) continue;
    const std::string what = found == legs.end() ? "no training run of this study"
                             : current           ? found->second.description
                                                 : "left behind by " + found->second.description;
    unneeded.push_back({what, folder.string(), false, bytes_below(folder)});
  }
  return unneeded;
}

std::vector<StoredCheckpoint> remove_unneeded_checkpoints(const fs::path& run_folder,
                                                          bool adapters_too, Backend* backend) {
  const RunLock lock(run_folder);
  std::vector<StoredCheckpoint> unneeded = unneeded_checkpoints(run_folder, adapters_too);
  Sqlite database(run_folder / "study.db", Sqlite::Mode::read_write, "ledger");
  Statement forget(database, "UPDATE legs SET checkpoint = '' WHERE checkpoint = ?");
  for (const StoredCheckpoint& one : unneeded) {
    if (!one.remote) {
      // First the row: a run must not count on what is half gone.
      forget.bind(1, fs::path(one.path).lexically_relative(run_folder).string()).run();
      std::error_code error;
      fs::remove_all(one.path, error);
      if (error)
        throw Error(Errc::io, "checkpoint " + one.path + ": cannot be removed: " + error.message());
      fs::remove(fs::path(one.path).parent_path(), error);  // when it is empty now
      continue;
    }
    if (!backend)
      throw Error(Errc::invalid_argument,
                  "checkpoint " + one.path + " is kept by a service: a backend is needed");
    forget.bind(1, one.path).run();
    run_blocking(backend->drop_state(one.path));
  }
  return unneeded;
}

}  // namespace xfer::study
