// SPDX-License-Identifier: Apache-2.0
// The text of a dataset file, whatever it is packed in.
#pragma once

#include "xfer/files/mapped_file.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace xfer::domains {

/// A file as UTF-8 text: plain, or unpacked from gzip or zstd (large ones into a temporary file
/// that is gone when the last copy is). Only what is looked at needs memory. Copies share it.
class SourceText {
public:
  /// Throws `io`; and `bad_data` for what is no UTF-8 text (UTF-16, zip, Parquet ...), naming it
  /// and what to do, for damaged packing, and for one that unpacks to more than 64 MiB plus 300
  /// times its size.
  static SourceText open(const std::filesystem::path& path);

  /// Without a byte order mark.
  std::string_view text() const noexcept { return text_; }
  const std::filesystem::path& path() const noexcept { return path_; }
  /// Of the bytes on disk.
  const std::string& sha256() const noexcept { return sha256_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

private:
  SourceText(files::MappedFile file, std::filesystem::path path)
      : file_(std::move(file)), path_(std::move(path)) {}
  files::MappedFile file_;
  std::filesystem::path path_;
  std::string_view text_;
  std::string sha256_;
  std::uint64_t bytes_ = 0;
};

/// Place of the first byte that is not part of well-formed UTF-8 (RFC 3629), or npos.
std::size_t invalid_utf8_at(std::string_view text) noexcept;

}  // namespace xfer::domains
