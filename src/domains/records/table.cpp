// SPDX-License-Identifier: Apache-2.0
// CSV and TSV with a header line, quoted as RFC 4180 says; line ends may be "\n" or "\r\n".
#include "domains/records/record_file.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace xfer::domains {
namespace {

[[noreturn]] void refuse(const std::filesystem::path& path, std::size_t line,
                         const std::string& what) {
  throw Error(Errc::bad_data, place(path, line) + ": " + what);
}

/// Where the row that starts at `at` ends, not counting its line end. Quotes open at the start of a
/// cell alone. Throws when one never closes.
std::size_t row_end(std::string_view text, std::size_t at, char separator, std::size_t line,
                    const std::filesystem::path& path) {
  bool start_of_cell = true;
  while (at < text.size() && text[at] != '\n') {
    if (text[at] == '"' && start_of_cell) {
      for (++at;; ++at) {
        at = text.find('"', at);
        if (at == std::string_view::npos)
          refuse(path, line, "a quote opens in this row and never closes");
        if (at + 1 >= text.size() || text[at + 1] != '"') break;
        ++at;
      }
      ++at;
      start_of_cell = false;
      continue;
    }
    start_of_cell = text[at] == separator;
    ++at;
  }
  return at;
}

std::vector<std::string> cells(std::string_view row, char separator, const std::string& where) {
  std::vector<std::string> all;
  std::size_t at = 0;
  for (;;) {
    std::string cell;
    if (at < row.size() && row[at] == '"') {
      for (++at; at < row.size(); ++at) {
        if (row[at] != '"') {
          cell += row[at];
        } else if (at + 1 < row.size() && row[at + 1] == '"') {
          cell += row[++at];
        } else {
          break;
        }
      }
      ++at;
      if (at < row.size() && row[at] != separator)
        throw Error(Errc::bad_data, fmt::format("{}: text follows the closing quote of cell {}",
                                                where, all.size() + 1));
    } else {
      const std::size_t end = std::min(row.find(separator, at), row.size());
      cell = row.substr(at, end - at);
      at = end;
    }
    all.push_back(std::move(cell));
    if (at >= row.size()) return all;
    ++at;
  }
}

class Table final : public RecordFile {
public:
  Table(SourceText source, char separator)
      : RecordFile(source), source_(std::move(source)), separator_(separator) {
    const std::string_view text = source_.text();
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = row_end(text, at, separator_, line, path());
      std::size_t length = end - at;
      if (length > 0 && text[end - 1] == '\r') --length;
      const std::string_view row = text.substr(at, length);
      if (!is_blank(row) && columns_.empty()) {
        read_header(row, line);
      } else if (!is_blank(row)) {
        rows_.push_back({at, length, line});
      }
      line += static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(at),
                                                  text.begin() + static_cast<std::ptrdiff_t>(end),
                                                  '\n')) +
              1;
      at = end + 1;
    }
    if (rows_.empty()) refuse(path(), 1, "the table has a header and no rows");
  }
  std::size_t size() const override { return rows_.size(); }
  std::string_view format() const override { return separator_ == ',' ? "CSV" : "TSV"; }
  Record record(std::size_t index) const override {
    const Span& row = rows_.at(index);
    const std::string where = place(path(), row.line);
    const std::string_view text = source_.text().substr(row.offset, row.length);
    need_utf8(text, where);
    std::vector<std::string> found = cells(text, separator_, where);
    if (found.size() != columns_.size())
      throw Error(Errc::bad_data, fmt::format("{}: the row has {} cells, the header {}", where,
                                              found.size(), columns_.size()));
    nlohmann::json object = nlohmann::json::object();
    for (std::size_t i = 0; i < found.size(); ++i) object[columns_[i]] = std::move(found[i]);
    return {std::move(object), where};
  }

private:
  void read_header(std::string_view row, std::size_t line) {
    const std::string where = place(path(), line);
    need_utf8(row, where);
    columns_ = cells(row, separator_, where);
    std::set<std::string> seen;
    for (std::string& column : columns_) {
      column = trimmed(column);
      if (!seen.insert(column).second)
        refuse(path(), line, "the header names column " + shown(column) + " twice");
    }
  }

  SourceText source_;
  char separator_;
  std::vector<std::string> columns_;
  std::vector<Span> rows_;
};

}  // namespace

std::shared_ptr<const RecordFile> open_table(SourceText source, char separator) {
  return std::make_shared<const Table>(std::move(source), separator);
}

}  // namespace xfer::domains
