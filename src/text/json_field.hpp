// SPDX-License-Identifier: Apache-2.0
// Reading JSON from outside: every error names the file and the field.
#pragma once

#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace xfer::text {

using Json = nlohmann::json;

/// A value inside a JSON file, with the path that leads to it.
class JsonField {
public:
  JsonField(const Json& value, std::string origin, std::string path)
      : JsonField(value, std::move(origin), std::move(path), 0) {}

  const Json& value() const noexcept { return *value_; }
  const std::string& origin() const noexcept { return origin_; }
  const std::string& path() const noexcept { return path_; }
  bool is_null() const noexcept { return value_->is_null(); }
  /// A member, or null when it is missing.
  JsonField operator[](const char* key) const {
    static const Json null;
    if (!value_->is_object()) bad("expected an object");
    const auto found = value_->find(key);
    return {found == value_->end() ? null : *found, origin_,
            path_.empty() ? std::string(key) : path_ + "." + key, depth_ + 1};
  }
  JsonField at(std::size_t index) const {
    return {(*value_)[index], origin_, path_ + "[" + std::to_string(index) + "]", depth_ + 1};
  }
  std::size_t array_size() const {
    if (!value_->is_array()) bad("expected an array");
    return value_->size();
  }
  std::string text() const {
    if (!value_->is_string()) bad("expected a string");
    return value_->get<std::string>();
  }
  /// `otherwise` when the value is missing or null.
  std::string text_or(const char* otherwise) const { return is_null() ? otherwise : text(); }
  bool flag_or(bool otherwise) const {
    if (is_null()) return otherwise;
    if (!value_->is_boolean()) bad("expected true or false");
    return value_->get<bool>();
  }
  std::int64_t integer(std::int64_t low, std::int64_t end) const {
    if (!value_->is_number_integer() || value_->is_number_float()) bad("expected an integer");
    if (value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t{1} << 62U)
      bad("number out of range");
    const auto number = value_->get<std::int64_t>();
    if (number < low || number >= end)
      bad("number out of range (got " + std::to_string(number) + ", allowed " +
          std::to_string(low) + " to " + std::to_string(end - 1) + ")");
    return number;
  }

  /// The file is damaged.
  [[noreturn]] void bad(const std::string& what) const { fail(Errc::bad_data, what); }
  /// The file is in order, but asks for something this library does not do.
  [[noreturn]] void not_supported(const std::string& what) const {
    fail(Errc::not_available, what);
  }

private:
  /// No honest file comes near it; readers that call themselves rely on it.
  static constexpr int depth_max = 50;

  JsonField(const Json& value, std::string origin, std::string path, int depth)
      : value_(&value), origin_(std::move(origin)), path_(std::move(path)), depth_(depth) {
    if (depth_ > depth_max)
      bad("nested too deeply (allowed " + std::to_string(depth_max) + " levels)");
  }
  [[noreturn]] void fail(Errc code, const std::string& what) const {
    throw Error(code, "tokenizer: " + origin_ +
                          (path_.empty() ? std::string() : ": field " + path_) + ": " + what);
  }
  const Json* value_;
  std::string origin_;
  std::string path_;
  int depth_;
};

/// Throws `bad_data` naming the file when `text` is not JSON.
inline Json parse_json(std::string_view text, const std::string& origin) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw Error(Errc::bad_data, "tokenizer: " + origin + ": not JSON: " + error.what());
  }
}

}  // namespace xfer::text
