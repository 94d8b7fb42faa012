// SPDX-License-Identifier: Apache-2.0
#include "grade/extra_fields.hpp"

#include "xfer/error.hpp"

#include <nlohmann/json.hpp>

namespace xfer::grade {
namespace {

using nlohmann::json;

std::vector<std::string> strings_of(std::string_view grader, const Example& example,
                                    const std::string& field, const json& array) {
  if (!array.is_array() || array.empty())
    refuse(grader, example, "field '" + field + "' must hold JSON arrays that are not empty");
  std::vector<std::string> texts;
  for (const json& item : array) {
    if (!item.is_string()) refuse(grader, example, "field '" + field + "' must hold strings");
    texts.push_back(item.get<std::string>());
  }
  return texts;
}

}  // namespace

void refuse(std::string_view grader, const Example& example, const std::string& what) {
  throw Error(Errc::bad_data,
              "grader " + std::string(grader) + ": example '" + example.id + "': " + what);
}

const std::string& text_field(std::string_view grader, const Example& example,
                              const std::string& field) {
  const auto found = example.extra.find(field);
  if (found == example.extra.end()) refuse(grader, example, "field '" + field + "' is missing");
  return found->second;
}

std::vector<std::string> string_list(std::string_view grader, const Example& example,
                                     const std::string& field) {
  const json value = json::parse(text_field(grader, example, field), nullptr, false);
  return strings_of(grader, example, field, value);
}

std::vector<std::vector<std::string>> entity_list(std::string_view grader, const Example& example,
                                                  const std::string& field) {
  const json value = json::parse(text_field(grader, example, field), nullptr, false);
  if (!value.is_array() || value.empty())
    refuse(grader, example, "field '" + field + "' must be a JSON array of arrays of names");
  std::vector<std::vector<std::string>> entities;
  for (const json& names : value) entities.push_back(strings_of(grader, example, field, names));
  return entities;
}

}  // namespace xfer::grade
