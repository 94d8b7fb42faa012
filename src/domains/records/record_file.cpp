// SPDX-License-Identifier: Apache-2.0
#include "domains/records/record_file.hpp"

#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <fmt/format.h>

#include <utility>

namespace xfer::domains {
namespace {

using nlohmann::json;

/// Lines end at "\n" alone: U+2028 and its like occur inside of texts.
class JsonLines final : public RecordFile {
public:
  explicit JsonLines(SourceText source) : RecordFile(source), source_(std::move(source)) {
    const std::string_view text = source_.text();
    std::size_t at = 0;
    for (std::size_t number = 1; at < text.size(); ++number) {
      const std::size_t end = std::min(text.find('\n', at), text.size());
      if (!is_blank(text.substr(at, end - at))) lines_.push_back({at, end - at, number});
      at = end + 1;
    }
  }
  std::size_t size() const override { return lines_.size(); }
  std::string_view format() const override { return "JSON Lines"; }
  Record record(std::size_t index) const override {
    const Span& line = lines_.at(index);
    const std::string where = place(path(), line.line);
    return {parse_object(source_.text().substr(line.offset, line.length), where), where};
  }

private:
  SourceText source_;
  std::vector<Span> lines_;
};

class Rows final : public RecordFile {
public:
  Rows(std::shared_ptr<const RecordFile> lines, std::filesystem::path origin, std::string hash,
       std::uint64_t bytes)
      : RecordFile(std::move(origin), std::move(hash), bytes), lines_(std::move(lines)) {}
  std::size_t size() const override { return lines_ ? lines_->size() : 0; }
  std::string_view format() const override { return "rows"; }
  Record record(std::size_t index) const override {
    return {lines_->record(index).object(), fmt::format("{}: row {}", path().string(), index)};
  }

private:
  std::shared_ptr<const RecordFile> lines_;
};

/// Whether the first line that is not blank is one letter: how LogiQA's records start.
bool starts_with_a_letter(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  const std::string line = trimmed(text.substr(first, text.find('\n', first) - first));
  return line.size() == 1 && lower(line[0]) >= 'a' && lower(line[0]) <= 'e';
}

}  // namespace

std::string place(const std::filesystem::path& path, std::size_t line) {
  return path.string() + ":" + std::to_string(line);
}

void need_utf8(std::string_view part, const std::string& where) {
  const std::size_t at = invalid_utf8_at(part);
  if (at == std::string_view::npos) return;
  throw Error(Errc::bad_data,
              fmt::format("{}: not UTF-8 (byte 0x{:02X} at column {}); save the file as UTF-8",
                          where, static_cast<unsigned char>(part[at]), at + 1));
}

json parse_object(std::string_view part, const std::string& where) {
  need_utf8(part, where);
  json value;
  try {
    value = json::parse(part);
  } catch (const json::exception& e) {
    const std::string why = e.what();
    // The library's own prefix "[json.exception.parse_error.101] " tells the reader nothing.
    throw Error(Errc::bad_data, where + ": not a JSON object: " + why.substr(why.find("] ") + 2));
  }
  if (!value.is_object())
    throw Error(Errc::bad_data,
                where + ": one JSON object a row is expected (got " + value.type_name() + ")");
  return value;
}

std::shared_ptr<const RecordFile> open_json_lines(SourceText source) {
  return std::make_shared<const JsonLines>(std::move(source));
}

std::shared_ptr<const RecordFile> open_rows(const std::filesystem::path& lines,
                                            const std::filesystem::path& origin,
                                            std::string content_hash, std::uint64_t bytes) {
  SourceText source = SourceText::open(lines);
  std::shared_ptr<const RecordFile> opened;
  if (!is_blank(source.text())) opened = open_json_lines(std::move(source));
  return std::make_shared<const Rows>(std::move(opened), origin, std::move(content_hash), bytes);
}

std::shared_ptr<const RecordFile> open_records(const std::filesystem::path& path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return open_json_folder(path);
  SourceText source = SourceText::open(path);
  const std::string_view text = source.text();
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    throw Error(Errc::bad_data, path.string() + ": the file has no content");
  if (text[first] == '{' || text[first] == '[') {
    if (auto document = open_json_document(source)) return document;
    return open_json_lines(std::move(source));
  }
  if (starts_with_a_letter(text)) return open_logiqa_text(std::move(source));
  const std::string_view header = text.substr(first, text.find('\n', first) - first);
  if (header.find('\t') != std::string_view::npos) return open_table(std::move(source), '\t');
  if (header.find(',') != std::string_view::npos) return open_table(std::move(source), ',');
  throw Error(Errc::bad_data,
              path.string() +
                  ":1: neither JSON nor a table (allowed: JSON Lines, a JSON array or document, "
                  "CSV or TSV with a header, LogiQA's text; plain or packed with gzip or zstd)");
}

}  // namespace xfer::domains
