// SPDX-License-Identifier: Apache-2.0
// JSON files that are one value: an array of rows, an object with rows in it, or a single row.
#include "domains/records/record_file.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <optional>
#include <utility>

namespace xfer::domains {
namespace {

using nlohmann::json;

/// Finds where values start and end, without building them and without recursion. What lies
/// between is checked when a row is parsed.
class Scanner {
public:
  explicit Scanner(std::string_view text, std::size_t at = 0, std::size_t line = 1)
      : text_(text), at_(at), line_(line) {}

  std::size_t line() const { return line_; }
  bool at_end() {
    skip_blanks();
    return at_ == text_.size();
  }
  /// Takes the character when it comes next, after white space.
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  char next() { return at_end() ? '\0' : text_[at_]; }
  /// The value that comes next; nothing when the text ends before it does.
  std::optional<Span> value() {
    if (at_end()) return std::nullopt;
    Span span{at_, 0, line_};
    std::size_t depth = 0;
    do {
      if (at_ == text_.size()) return std::nullopt;
      const char c = text_[at_];
      if (c == '"') {
        if (!skip_string()) return std::nullopt;
      } else if (c == '{' || c == '[') {
        ++depth;
        ++at_;
      } else if (c == '}' || c == ']') {
        if (depth == 0) break;
        --depth;
        ++at_;
      } else if (depth == 0) {
        skip_scalar();
      } else {
        step();
      }
    } while (depth > 0);
    span.length = at_ - span.offset;
    if (span.length == 0) return std::nullopt;
    return span;
  }

private:
  void step() {
    if (text_[at_] == '\n') ++line_;
    ++at_;
  }
  void skip_blanks() {
    while (at_ < text_.size() && blanks.find(text_[at_]) != std::string_view::npos) step();
  }
  bool skip_string() {
    for (++at_; at_ < text_.size(); step()) {
      if (text_[at_] == '"') {
        ++at_;
        return true;
      }
      if (text_[at_] == '\\') {
        step();
        if (at_ == text_.size()) return false;
      }
    }
    return false;
  }
  void skip_scalar() {
    const std::size_t end = text_.find_first_of(",]}:\"{[ \t\r\n", at_);
    at_ = std::min(end, text_.size());
    if (end != std::string_view::npos && text_[end] == ':') ++at_;
  }

  std::string_view text_;
  std::size_t at_;
  std::size_t line_;
};

[[noreturn]] void refuse(const std::filesystem::path& path, std::size_t line,
                         const std::string& what) {
  throw Error(Errc::bad_data, place(path, line) + ": " + what);
}

/// The elements of the array that comes next.
std::vector<Span> elements(Scanner& scanner, const std::filesystem::path& path) {
  std::vector<Span> all;
  scanner.take('[');
  if (scanner.take(']')) return all;
  for (;;) {
    const std::size_t line = scanner.line();
    const auto element = scanner.value();
    if (!element) refuse(path, line, "not a JSON array: an element does not end");
    all.push_back(*element);
    if (scanner.take(']')) return all;
    if (!scanner.take(','))
      refuse(path, scanner.line(), "not a JSON array: ',' or ']' is expected after an element");
  }
}

struct Entry {
  std::string key;
  Span value;
};

/// The entries of the object that the text starts with; nothing when it does not end, or when more
/// text follows it.
std::optional<std::vector<Entry>> entries(std::string_view text) {
  Scanner scanner(text);
  std::vector<Entry> all;
  scanner.take('{');
  if (!scanner.take('}')) {
    for (;;) {
      const auto key = scanner.next() == '"' ? scanner.value() : std::nullopt;
      if (!key || !scanner.take(':')) return std::nullopt;
      const auto value = scanner.value();
      if (!value) return std::nullopt;
      json name = json::parse(text.substr(key->offset, key->length), nullptr, false);
      if (!name.is_string()) return std::nullopt;
      all.push_back({name.get<std::string>(), *value});
      if (scanner.take('}')) break;
      if (!scanner.take(',')) return std::nullopt;
    }
  }
  if (!scanner.at_end()) return std::nullopt;
  return all;
}

class JsonDocument final : public RecordFile {
public:
  JsonDocument(SourceText source, std::vector<Entry> rows, std::string_view format)
      : RecordFile(source), source_(std::move(source)), rows_(std::move(rows)), format_(format) {}
  std::size_t size() const override { return rows_.size(); }
  std::string_view format() const override { return format_; }
  Record record(std::size_t index) const override {
    const Entry& row = rows_.at(index);
    const std::string where = place(path(), row.value.line);
    return {parse_object(source_.text().substr(row.value.offset, row.value.length), where), where,
            row.key};
  }

private:
  SourceText source_;
  std::vector<Entry> rows_;
  std::string_view format_;
};

std::vector<Entry> without_keys(const std::vector<Span>& spans) {
  std::vector<Entry> all;
  all.reserve(spans.size());
  for (const Span& span : spans) all.push_back({"", span});
  return all;
}

/// Whether the first line is a whole object and more lines with content follow.
bool is_lines(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  const std::size_t end = text.find('\n', first);
  if (end == std::string_view::npos || is_blank(text.substr(end))) return false;
  return json::accept(text.substr(first, end - first));
}

}  // namespace

std::shared_ptr<const RecordFile> open_json_document(SourceText source) {
  const std::string_view text = source.text();
  Scanner scanner(text);
  if (scanner.next() == '[') {
    std::vector<Span> rows = elements(scanner, source.path());
    if (!scanner.at_end())
      refuse(source.path(), scanner.line(), "not a JSON array: text follows its end");
    if (rows.empty()) refuse(source.path(), 1, "the array has no elements");
    return std::make_shared<const JsonDocument>(std::move(source), without_keys(rows),
                                                "JSON array");
  }
  if (is_lines(text)) return nullptr;
  const auto found = entries(text);
  if (!found || found->empty()) return nullptr;
  bool objects = true;
  for (const Entry& entry : *found) objects = objects && text[entry.value.offset] == '{';
  for (const Entry& entry : *found) {
    if (entry.key != "questions" || text[entry.value.offset] != '[') continue;
    Scanner inside(text, entry.value.offset, entry.value.line);
    std::vector<Entry> rows = without_keys(elements(inside, source.path()));
    if (rows.empty()) refuse(source.path(), entry.value.line, "\"questions\" has no elements");
    return std::make_shared<const JsonDocument>(std::move(source), std::move(rows),
                                                "JSON document with \"questions\"");
  }
  if (objects)
    return std::make_shared<const JsonDocument>(std::move(source), *found, "JSON by key");
  const std::size_t first = text.find_first_not_of(blanks);
  const Span whole{first, text.size() - first, 1};
  return std::make_shared<const JsonDocument>(std::move(source), without_keys({whole}),
                                              "JSON object");
}

}  // namespace xfer::domains
