// SPDX-License-Identifier: Apache-2.0
// The rows of a dataset file by number, for every format that datasets come in.
#pragma once

#include "domains/records/record.hpp"
#include "domains/records/source_text.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// Rows in the order of the file. Only their places are kept in memory; a row is parsed when it is
/// asked for. Immutable; safe to read concurrently.
class RecordFile {
public:
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;
  virtual ~RecordFile() = default;

  virtual std::size_t size() const = 0;
  /// Throws `bad_data` naming file and line when the row is malformed.
  virtual Record record(std::size_t index) const = 0;
  /// "JSON Lines", "CSV", ...
  virtual std::string_view format() const = 0;

  /// The name the file goes by, in messages and in ids.
  const std::filesystem::path& path() const noexcept { return path_; }
  /// SHA-256 of the bytes on disk.
  const std::string& content_hash() const noexcept { return content_hash_; }
  std::uint64_t bytes() const noexcept { return bytes_; }

protected:
  RecordFile(std::filesystem::path path, std::string content_hash, std::uint64_t bytes)
      : path_(std::move(path)), content_hash_(std::move(content_hash)), bytes_(bytes) {}
  explicit RecordFile(const SourceText& source)
      : RecordFile(source.path(), source.sha256(), source.bytes()) {}

private:
  std::filesystem::path path_;
  std::string content_hash_;
  std::uint64_t bytes_;
};

/// Opens a file of JSON Lines, a JSON array or document, CSV, TSV or LogiQA's own text, told apart
/// by content; or a folder of JSON files with one object each. Throws `io`, and `bad_data` naming
/// file and line.
std::shared_ptr<const RecordFile> open_records(const std::filesystem::path& path);

/// Rows that were written to a file of JSON Lines from somewhere else, e.g. a Parquet file: named
/// in messages after where they come from, "<origin>: row <n>", from 0.
std::shared_ptr<const RecordFile> open_rows(const std::filesystem::path& lines,
                                            const std::filesystem::path& origin,
                                            std::string content_hash, std::uint64_t bytes);

/// A part of a text and the line it starts in, from 1.
struct Span {
  std::size_t offset = 0;
  std::size_t length = 0;
  std::size_t line = 0;
};

/// "<path>:<line>".
std::string place(const std::filesystem::path& path, std::size_t line);
/// Throws `bad_data` when the part is not UTF-8.
void need_utf8(std::string_view part, const std::string& where);
/// The JSON object that the part is; throws `bad_data`.
nlohmann::json parse_object(std::string_view part, const std::string& where);

std::shared_ptr<const RecordFile> open_json_lines(SourceText source);
/// A text that starts with '[' or '{': nothing when it is JSON Lines instead.
std::shared_ptr<const RecordFile> open_json_document(SourceText source);
std::shared_ptr<const RecordFile> open_table(SourceText source, char separator);
std::shared_ptr<const RecordFile> open_logiqa_text(SourceText source);
std::shared_ptr<const RecordFile> open_json_folder(const std::filesystem::path& folder);

}  // namespace xfer::domains
