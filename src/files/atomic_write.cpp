// SPDX-License-Identifier: Apache-2.0
#include "atomic_write.hpp"

#include "file_descriptor.hpp"
#include "xfer/files/mapped_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>

namespace xfer::files {
namespace {

/// A new file with a name of its own; gone again unless it was renamed to its target.
class TemporaryFile {
public:
  TemporaryFile(const std::filesystem::path& folder, const std::filesystem::path& target)
      : file_(create(folder, path_)) {
    if (!file_.is_open()) throw_io(target, "cannot create a file beside it");
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    if (!renamed_) ::unlink(path_.c_str());
  }

  void write(std::span<const std::byte> bytes, const std::filesystem::path& target) {
    while (!bytes.empty()) {
      // Linux writes at most 2 GiB in one call.
      const std::size_t part = std::min(bytes.size(), std::size_t{1} << 30U);
      const ssize_t count = ::write(file_.number(), bytes.data(), part);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_io(target, "cannot write");
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  void become(const std::filesystem::path& target) {
    if (::fsync(file_.number()) != 0) throw_io(target, "cannot write");
    if (const int reason = file_.close(); reason != 0) throw_io(target, "cannot write", reason);
    if (std::rename(path_.c_str(), target.c_str()) != 0) throw_io(target, "cannot replace");
    renamed_ = true;
  }

private:
  // A killed process leaves its file behind, and process numbers repeat: names may be taken.
  static int create(const std::filesystem::path& folder, std::filesystem::path& path) {
    static std::atomic<unsigned> counter{0};
    constexpr int attempts_max = 1000;
    int number = -1;
    for (int attempt = 0; attempt < attempts_max; ++attempt) {
      path = folder /
             (".xfer-" + std::to_string(::getpid()) + "-" + std::to_string(counter++) + ".tmp");
      number = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
      if (number >= 0 || errno != EEXIST) break;
    }
    return number;
  }

  std::filesystem::path path_;
  FileDescriptor file_;
  bool renamed_ = false;
};

// Makes the rename itself durable.
void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file.is_open()) throw_io(folder, "cannot open");
  // Some file systems have nothing to sync for a folder and say so.
  if (::fsync(file.number()) != 0 && errno != EINVAL && errno != ENOTSUP) {
    throw_io(folder, "cannot sync");
  }
}

}  // namespace

void write_pieces_atomically(const std::filesystem::path& path,
                             std::span<const std::span<const std::byte>> pieces) {
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  TemporaryFile temporary(folder, path);
  for (const auto piece : pieces) temporary.write(piece, path);
  temporary.become(path);
  sync_folder(folder);
}

void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  write_pieces_atomically(path, std::array{bytes});
}

void write_atomically(const std::filesystem::path& path, std::string_view text) {
  write_atomically(path, std::as_bytes(std::span(text)));
}

}  // namespace xfer::files
