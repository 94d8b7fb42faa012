// SPDX-License-Identifier: Apache-2.0
// A whole file as read-only memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::files {

/// The bytes of a file, read-only. The bytes live as long as any copy of this object. While it
/// lives the file may be replaced (renamed over) but must not be cut short.
class MappedFile {
public:
  /// Maps the file. Throws `io` naming it when it cannot be opened or is not a regular file, and
  /// `bad_data` when it is a git-lfs pointer in place of the file itself.
  static MappedFile open(const std::filesystem::path& path);

  /// Content that is in memory already; `name` stands for the file in messages.
  static MappedFile hold(std::vector<std::byte> content, std::filesystem::path name);

  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  std::string_view text() const noexcept {
    return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()};
  }
  const std::filesystem::path& path() const noexcept { return *path_; }

private:
  MappedFile() = default;
  std::shared_ptr<const void> owner_;
  std::shared_ptr<const std::filesystem::path> path_;
  std::span<const std::byte> bytes_;
};

/// The whole file as text. Throws `io` naming the file, or `bad_data` when it is larger than
/// `bytes_max` or a git-lfs pointer.
std::string read_text(const std::filesystem::path& path,
                      std::size_t bytes_max = std::size_t{1} << 30U);

/// Writes beside the target, syncs, and renames over it: a reader sees the old or the new content,
/// never a part. Throws `io` naming the file and the reason (disk full, no permission), leaving the
/// old content and nothing beside it.
void write_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);
void write_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace xfer::files
#pragma GCC visibility pop
