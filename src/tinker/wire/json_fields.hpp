// SPDX-License-Identifier: Apache-2.0
// JSON from strangers: parsed with a limit on depth, fields read with their type checked.
#pragma once

#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::tinker {

using Json = nlohmann::json;

/// Deepest nesting of arrays and objects that is accepted.
inline constexpr int json_depth_max = 64;

/// Throws `bad_data` naming `what` (with no part of the text) for anything but one JSON value.
Json parse_json(std::string_view text, const std::string& what);
/// The same, and it must be an object.
Json parse_object(std::string_view text, const std::string& what);
/// Throws `invalid_argument` naming `what` when a string is not valid UTF-8.
std::string dump_json(const Json& value, const std::string& what);

template <class T>
std::optional<T> as(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    if (value.is_boolean()) return value.get<bool>();
  } else if constexpr (std::is_integral_v<T>) {
    if (value.is_number_unsigned()) {
      const auto number = value.get<std::uint64_t>();
      if (number <= static_cast<std::uint64_t>(std::numeric_limits<T>::max()))
        return static_cast<T>(number);
    } else if (value.is_number_integer() && std::is_signed_v<T>) {
      const auto number = value.get<std::int64_t>();
      if (number >= static_cast<std::int64_t>(std::numeric_limits<T>::min()))
        return static_cast<T>(number);
    }
  } else if constexpr (std::is_same_v<T, double>) {
    if (value.is_number()) return value.get<double>();
  } else {
    if (value.is_string()) return value.get<std::string>();
  }
  return std::nullopt;
}

/// A field that may be absent or null. Throws `bad_data` naming it when it has another type.
template <class T>
std::optional<T> optional_field(const Json& object, const char* name, const std::string& what) {
  const auto found = object.find(name);
  if (found == object.end() || found->is_null()) return std::nullopt;
  auto value = as<T>(*found);
  if (!value)
    throw Error(Errc::bad_data, what + ": field '" + name + "' has the wrong type or is out of " +
                                    "range (" + found->type_name() + ")");
  return value;
}

template <class T>
T required_field(const Json& object, const char* name, const std::string& what) {
  auto value = optional_field<T>(object, name, what);
  if (!value) throw Error(Errc::bad_data, what + ": field '" + name + "' is missing");
  return std::move(*value);
}

}  // namespace xfer::tinker
#pragma GCC visibility pop
