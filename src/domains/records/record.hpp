// SPDX-License-Identifier: Apache-2.0
// One row of a dataset file, in whatever format it was written.
#pragma once

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// One parsed row: a JSON object, or the cells of a table by column. Every failure names file,
/// line, field, what was found and what was expected.
class Record {
public:
  Record(nlohmann::json object, std::string where, std::string key = {});

  /// Whether the field is there and not null.
  bool has(std::string_view field) const;
  bool is_text(std::string_view field) const;
  bool is_array(std::string_view field) const;
  bool is_object(std::string_view field) const;

  std::string text(std::string_view field) const;
  /// "" when the field is absent or null.
  std::string text_or_empty(std::string_view field) const;
  /// Text, or a number as it is written.
  std::string text_or_number(std::string_view field) const;
  /// A 64-bit integer, as a number or, as tables have it, as text.
  std::int64_t integer(std::string_view field) const;
  /// An array of strings, or text that spells one; empty when the field is absent or null.
  std::vector<std::string> texts(std::string_view field) const;
  /// The rows of an array of objects.
  std::vector<Record> records(std::string_view field) const;
  /// An object inside this one.
  Record inner(std::string_view field) const;

  const nlohmann::json& object() const noexcept { return object_; }
  /// "<file>:<line>".
  const std::string& where() const noexcept { return where_; }
  /// The key under which the row stands in its file, "" when the file has no keys.
  const std::string& key() const noexcept { return key_; }

  /// Throws `bad_data`: "<file>:<line>: <what>".
  [[noreturn]] void refuse(const std::string& what) const;
  /// Throws `bad_data`: "<file>:<line>: field "<field>" <expected> (got <found>)".
  [[noreturn]] void refuse(std::string_view field, const std::string& expected,
                           const std::string& found) const;

private:
  const nlohmann::json* find(std::string_view field) const;
  const nlohmann::json& need(std::string_view field) const;
  std::string named(std::string_view field) const;

  nlohmann::json object_;
  std::string where_;
  std::string key_;
  std::string prefix_;  ///< "question." inside the field "question"
};

/// A short form of text for messages: quoted, cut, on one line.
std::string shown(std::string_view text);

/// The entries of a list that was written out as text: JSON, Python ("['a', 'b']"), NumPy
/// ("['a' 'b']"), one a line, or "(A) a (B) b". Empty when it is none of these.
std::vector<std::string> parse_list(const std::string& text);

}  // namespace xfer::domains
