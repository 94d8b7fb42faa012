// SPDX-License-Identifier: Apache-2.0
#include "study/ledger/surroundings.hpp"

#include <sys/utsname.h>

#include <fstream>
#include <string_view>
#include <thread>

namespace xfer::study {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& file) {
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  return line;
}

/// The folder with the repository's files; in a worktree `.git` is a file that names it.
fs::path git_folder(const fs::path& start) {
  std::error_code ignored;
  for (fs::path folder = start; !folder.empty(); folder = folder.parent_path()) {
    const fs::path git = folder / ".git";
    if (fs::is_directory(git, ignored)) return git;
    if (fs::is_regular_file(git, ignored)) {
      constexpr std::string_view mark = "gitdir: ";
      const std::string line = first_line(git);
      return line.starts_with(mark) ? folder / line.substr(mark.size()) : fs::path();
    }
    if (folder == folder.root_path()) break;
  }
  return {};
}

std::string packed_commit(const fs::path& git, const std::string& reference) {
  std::ifstream packed(git / "packed-refs");
  for (std::string line; std::getline(packed, line);)
    if (line.ends_with(" " + reference)) return line.substr(0, line.find(' '));
  return "";
}

}  // namespace

std::string machine_description() {
  utsname names{};
  std::string text = "unknown machine";
  if (uname(&names) == 0)
    text = std::string(names.sysname) + " " + names.release + " " + names.machine;
  return text + ", " + std::to_string(std::thread::hardware_concurrency()) + " threads";
}

std::string git_state(const fs::path& folder) {
  const fs::path git = git_folder(folder);
  if (git.empty()) return "";
  const std::string head = first_line(git / "HEAD");
  constexpr std::string_view mark = "ref: ";
  if (!head.starts_with(mark)) return head;
  const std::string reference = head.substr(mark.size());
  const std::string common = first_line(git / "commondir");
  const fs::path shared = common.empty() ? git : git / common;
  std::string commit = first_line(shared / reference);
  if (commit.empty()) commit = packed_commit(shared, reference);
  if (commit.empty()) return "";
  return commit + " (" + reference.substr(reference.rfind('/') + 1) + ")";
}

}  // namespace xfer::study
