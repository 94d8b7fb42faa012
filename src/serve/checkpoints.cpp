// SPDX-License-Identifier: Apache-2.0
#include "serve/checkpoints.hpp"

#include "files/in_quotes.hpp"
#include "serve/refusal.hpp"
#include "xfer/tinker/rest_client.hpp"

#include <fcntl.h>
#include <stdio.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace xfer::serve {
namespace {

namespace fs = std::filesystem;

constexpr const char* snapshots = "snapshots";

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) out.push_back(entry.path());
  return out;
}

[[noreturn]] void fail(const fs::path& path, int code) {
  throw Error(Errc::io,
              "serve: cannot move a checkpoint to " + path.string() + ": " + std::strerror(code));
}

}  // namespace

Checkpoints::Checkpoints(fs::path root, Store& store)
    : root_(std::move(root) / "checkpoints"), store_(store) {
  std::error_code failed;
  fs::create_directories(root_, failed);
  if (failed)
    throw Error(Errc::io, "serve: cannot make " + root_.string() + ": " + failed.message());
  clear_leftovers();
}

fs::path Checkpoints::folder_of_run(const std::string& run_id) const { return root_ / run_id; }
fs::path Checkpoints::folder_of(const CheckpointRow& c) const {
  return root_ / c.run_id / c.kind / c.name;
}
fs::path Checkpoints::folder_of_snapshot(const std::string& snapshot) const {
  return root_ / snapshot;
}
std::string Checkpoints::snapshot_name(const std::string& run_id, const std::string& sampler_id) {
  return run_id + "/" + snapshots + "/" + sampler_id;
}

void Checkpoints::clear_leftovers() {
  for (const fs::path& run : entries_of(root_)) {
    const std::string run_id = run.filename().string();
    for (const fs::path& kind_folder : entries_of(run)) {
      const std::string kind = kind_folder.filename().string();
      if (kind != "weights" && kind != "sampler_weights" && kind != snapshots) {
        remove(kind_folder);  // a save that did not get to its end
        continue;
      }
      for (const fs::path& folder : entries_of(kind_folder)) {
        const std::string name = folder.filename().string();
        const bool known = kind == snapshots ? store_.sampler(name).has_value()
                                             : store_.checkpoint(run_id, kind, name).has_value();
        if (!known) remove(folder);
      }
    }
  }
}

CheckpointRow Checkpoints::find(const std::string& tinker_path, const std::string& account,
                                bool own_only) {
  const tinker::TinkerPath path = tinker::parse_tinker_path(tinker_path);
  const auto row = store_.checkpoint(path.run_id, path.kind, path.name);
  const auto run = row ? store_.run(path.run_id) : std::nullopt;
  const bool gone = row && row->expires && *row->expires <= now_us();
  if (!run || gone || (run->account != account && (own_only || !row->is_public)))
    throw not_found("there is no checkpoint " + files::in_quotes(tinker_path));
  return *row;
}
CheckpointRow Checkpoints::find(const std::string& tinker_path, const std::string& account) {
  return find(tinker_path, account, false);
}
CheckpointRow Checkpoints::find_own(const std::string& tinker_path, const std::string& account) {
  return find(tinker_path, account, true);
}

std::int64_t Checkpoints::install(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::create_directories(to.parent_path(), failed);
  if (failed) fail(to, failed.value());
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) {
    remove(from);  // the older one
  } else {
    if (errno != ENOENT) fail(to, errno);
    fs::rename(from, to, failed);
    if (failed) fail(to, failed.value());
  }
  std::int64_t bytes = 0;
  for (const fs::path& file : entries_of(to)) {
    const auto size = fs::file_size(file, failed);
    if (!failed) bytes += static_cast<std::int64_t>(size);
  }
  return bytes;
}

void Checkpoints::remove(const fs::path& folder) noexcept {
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

}  // namespace xfer::serve
