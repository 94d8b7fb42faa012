// Files with one JSON object a line.
#pragma once

#include "xfer/files/mapped_file.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// One parsed line. Every failure names file, line and field.
class Record {
public:
  Record(nlohmann::json object, std::string where);
  bool has(std::string_view field) const { return object_.contains(field); }
  std::string text(std::string_view field) const;
  /// "" when the field is absent or null.
  std::string text_or_empty(std::string_view field) const;
  std::int64_t integer(std::string_view field) const;
  /// An array of strings; empty when the field is absent or null.
  std::vector<std::string> texts(std::string_view field) const;
  /// Throws `bad_data`: "<file>:<line>: <what>".
  [[noreturn]] void refuse(const std::string& what) const;

private:
  nlohmann::json object_;
  std::string where_;
};

/// The lines of a file by number; only their places are kept in memory. Lines end at "\n" alone
/// (a "\r" before it is dropped), blank lines and a byte order mark are passed over. Safe to read
/// concurrently.
class JsonlFile {
public:
  /// Throws `io`, or `bad_data` when no line has content.
  explicit JsonlFile(const std::filesystem::path& path);

  std::size_t size() const { return lines_.size(); }
  /// Throws `bad_data` naming file and line when the line is not a JSON object.
  Record record(std::size_t index) const;
  /// SHA-256 of the bytes.
  const std::string& content_hash() const { return content_hash_; }
  const std::filesystem::path& path() const { return file_.path(); }

private:
  struct Line {
    std::size_t offset;
    std::size_t length;
    std::size_t number;  ///< from 1
  };
  files::MappedFile file_;
  std::vector<Line> lines_;
  std::string content_hash_;
};

}  // namespace xfer::domains
