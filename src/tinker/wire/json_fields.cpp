// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/json_fields.hpp"

namespace xfer::tinker {
namespace {

/// Deepest nesting, seen without parsing.
int depth_of(std::string_view text) {
  int depth = 0;
  int deepest = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\')
        ++i;
      else if (c == '"')
        in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

}  // namespace

Json parse_json(std::string_view text, const std::string& what) {
  if (depth_of(text) > json_depth_max)
    throw Error(Errc::bad_data,
                what + ": nested more than " + std::to_string(json_depth_max) + " deep");
  Json value = Json::parse(text, nullptr, false);
  if (value.is_discarded()) throw Error(Errc::bad_data, what + ": not valid JSON");
  return value;
}

Json parse_object(std::string_view text, const std::string& what) {
  Json value = parse_json(text, what);
  if (!value.is_object())
    throw Error(Errc::bad_data, what + ": not a JSON object but " + value.type_name());
  return value;
}

std::string dump_json(const Json& value, const std::string& what) {
  try {
    return value.dump();
  } catch (const Json::exception&) {
    throw Error(Errc::invalid_argument, what + ": a text is not valid UTF-8");
  }
}

}  // namespace xfer::tinker
