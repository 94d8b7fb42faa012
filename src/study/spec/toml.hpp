// SPDX-License-Identifier: Apache-2.0
// toml++ with what a malformed file can break turned into errors.
#pragma once

#include "xfer/error.hpp"

#include <stdexcept>
#include <string>
#include <string_view>

// toml++ 3.3 asserts some things that a malformed file can break ("[[[" is enough), and in release
// builds assumes them. Here they are checked in every build and end in an exception.
namespace xfer::study {
[[noreturn]] inline void refuse_malformed_toml() {
  throw std::logic_error("a key or value is malformed");
}
}  // namespace xfer::study
#define TOML_ASSERT(expression) \
  static_cast<void>((expression) || (xfer::study::refuse_malformed_toml(), false))
#pragma push_macro("NDEBUG")
#undef NDEBUG
#include <toml++/toml.h>
#pragma pop_macro("NDEBUG")

namespace xfer::study {

/// Throws `bad_data` naming `origin` and the line when the text is not TOML.
inline toml::table parse_toml(std::string_view text, const std::string& origin) {
  try {
    return toml::parse(text, origin);
  } catch (const toml::parse_error& e) {
    throw Error(Errc::bad_data, origin + ":" + std::to_string(e.source().begin.line) +
                                    ": not valid TOML: " + std::string(e.description()));
  } catch (const std::logic_error& e) {
    throw Error(Errc::bad_data, origin + ": not valid TOML: " + e.what());
  }
}

/// "an integer", "a table", ...
inline std::string toml_kind(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::none: return "nothing";
    case toml::node_type::table: return "a table";
    case toml::node_type::array: return "an array";
    case toml::node_type::string: return "a string";
    case toml::node_type::integer: return "an integer";
    case toml::node_type::floating_point: return "a floating-point number";
    case toml::node_type::boolean: return "a boolean";
    case toml::node_type::date: return "a date";
    case toml::node_type::time: return "a time";
    case toml::node_type::date_time: return "a date and time";
  }
  return "something else";
}

}  // namespace xfer::study
