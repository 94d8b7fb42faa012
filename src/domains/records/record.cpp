// SPDX-License-Identifier: Apache-2.0
#include "domains/records/record.hpp"

#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <charconv>
#include <limits>
#include <optional>
#include <utility>

namespace xfer::domains {
namespace {

using nlohmann::json;

std::string kind(const json& value) {
  return value.is_string() ? "the text " + shown(value.get_ref<const std::string&>())
                           : value.type_name();
}

/// The quoted strings of "['a', \"b\"]", with or without commas; nothing else may be in it.
std::optional<std::vector<std::string>> python_list(std::string_view text) {
  if (text.size() < 2 || text.front() != '[' || text.back() != ']') return std::nullopt;
  text = text.substr(1, text.size() - 2);
  std::vector<std::string> all;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char quote = text[at];
    if (quote == ',' || quote == ' ' || quote == '\n' || quote == '\r' || quote == '\t') continue;
    if (quote != '\'' && quote != '"') return std::nullopt;
    std::string entry;
    for (++at; at < text.size() && text[at] != quote; ++at) {
      if (text[at] == '\\' && at + 1 < text.size()) {
        ++at;
        entry += text[at] == 'n' ? '\n' : text[at] == 't' ? '\t' : text[at];
      } else {
        entry += text[at];
      }
    }
    if (at == text.size()) return std::nullopt;
    all.push_back(std::move(entry));
  }
  return all;
}

/// "(A) red (B) blue": only when the letters come in order from A.
std::vector<std::string> lettered_list(std::string_view text) {
  std::vector<std::size_t> places;
  for (std::size_t at = 0; at + 2 < text.size(); ++at)
    if (text[at] == '(' && text[at + 1] == static_cast<char>('A' + places.size()) &&
        text[at + 2] == ')')
      places.push_back(at);
  std::vector<std::string> all;
  if (places.size() < 2) return all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::size_t end = i + 1 < places.size() ? places[i + 1] : text.size();
    all.push_back(trimmed(text.substr(places[i] + 3, end - places[i] - 3)));
  }
  return all;
}

}  // namespace

std::string shown(std::string_view text) {
  constexpr std::size_t most = 40;
  std::string_view cut = text.substr(0, most);
  // Not in the middle of a character.
  while (cut.size() < text.size() && (static_cast<unsigned char>(text[cut.size()]) & 0xC0U) == 0x80)
    cut.remove_suffix(1);
  std::string out = "\"";
  for (const char c : cut) out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  return out + (text.size() > most ? "...\"" : "\"");
}

std::vector<std::string> parse_list(const std::string& text) {
  const std::string inside = trimmed(text);
  const json parsed = json::parse(inside, nullptr, false);
  if (parsed.is_array()) {
    std::vector<std::string> all;
    for (const json& entry : parsed)
      all.push_back(entry.is_string() ? entry.get<std::string>() : entry.dump());
    return all;
  }
  if (auto found = python_list(inside)) return *std::move(found);
  if (auto found = lettered_list(inside); !found.empty()) return found;
  std::vector<std::string> lines;
  for (const std::string& line : split_at(inside, '\n'))
    if (!trimmed(line).empty()) lines.push_back(trimmed(line));
  return lines.size() > 1 ? lines : std::vector<std::string>{};
}

Record::Record(json object, std::string where, std::string key)
    : object_(std::move(object)), where_(std::move(where)), key_(std::move(key)) {}

void Record::refuse(const std::string& what) const {
  throw Error(Errc::bad_data, where_ + ": " + what);
}

void Record::refuse(std::string_view field, const std::string& expected,
                    const std::string& found) const {
  refuse(named(field) + " " + expected + " (got " + found + ")");
}

std::string Record::named(std::string_view field) const {
  return "field \"" + prefix_ + std::string(field) + "\"";
}

const json* Record::find(std::string_view field) const {
  const auto found = object_.find(field);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

const json& Record::need(std::string_view field) const {
  const json* found = find(field);
  if (found == nullptr)
    refuse(named(field) + (object_.contains(field) ? " is null" : " is missing"));
  return *found;
}

bool Record::has(std::string_view field) const { return find(field) != nullptr; }

bool Record::is_text(std::string_view field) const {
  const json* found = find(field);
  return found != nullptr && found->is_string();
}

bool Record::is_array(std::string_view field) const {
  const json* found = find(field);
  return found != nullptr && found->is_array();
}

bool Record::is_object(std::string_view field) const {
  const json* found = find(field);
  return found != nullptr && found->is_object();
}

std::string Record::text(std::string_view field) const {
  const json& value = need(field);
  if (!value.is_string()) refuse(field, "must be a string", kind(value));
  return value.get<std::string>();
}

std::string Record::text_or_empty(std::string_view field) const {
  return has(field) ? text(field) : "";
}

std::string Record::text_or_number(std::string_view field) const {
  const json& value = need(field);
  if (value.is_number()) return value.dump();
  return text(field);
}

std::int64_t Record::integer(std::string_view field) const {
  const json& value = need(field);
  constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<std::uint64_t>() <= most))
    return value.get<std::int64_t>();
  if (value.is_string()) {
    const std::string digits = trimmed(value.get_ref<const std::string&>());
    std::int64_t number = 0;
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (failure == std::errc() && end == digits.data() + digits.size()) return number;
  }
  refuse(field, "must be a 64-bit integer", kind(value));
}

std::vector<std::string> Record::texts(std::string_view field) const {
  const json* value = find(field);
  if (value == nullptr) return {};
  if (value->is_string()) {
    const auto& written = value->get_ref<const std::string&>();
    if (trimmed(written).empty()) return {};
    std::vector<std::string> all = parse_list(written);
    if (all.empty()) refuse(field, "must be an array of strings", kind(*value));
    return all;
  }
  if (!value->is_array()) refuse(field, "must be an array of strings", kind(*value));
  std::vector<std::string> all;
  for (const json& entry : *value) {
    if (!entry.is_string()) refuse(field, "must hold strings", kind(entry));
    all.push_back(entry.get<std::string>());
  }
  return all;
}

std::vector<Record> Record::records(std::string_view field) const {
  const json& value = need(field);
  if (!value.is_array()) refuse(field, "must be an array of objects", kind(value));
  std::vector<Record> all;
  for (const json& entry : value) {
    if (!entry.is_object()) refuse(field, "must hold objects", kind(entry));
    all.emplace_back(entry, where_);
    all.back().prefix_ = prefix_ + std::string(field) + ".";
  }
  return all;
}

Record Record::inner(std::string_view field) const {
  const json& value = need(field);
  if (!value.is_object()) refuse(field, "must be an object", kind(value));
  Record inside(value, where_);
  inside.prefix_ = prefix_ + std::string(field) + ".";
  return inside;
}

}  // namespace xfer::domains
