// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/entities.hpp"

#include "grade/answers/answer_text.hpp"

namespace xfer::grade {

std::string entity_key(std::string_view name) {
  std::string key;
  for (const char c : strip_decoration(name)) {
    if (is_blank(c)) {
      if (!key.empty() && key.back() != ' ') key += ' ';
    } else {
      key += to_lower(c);
    }
  }
  return key;
}

std::map<std::string, std::size_t> entity_names(std::span<const std::vector<std::string>> gold) {
  std::map<std::string, std::size_t> owner;
  for (std::size_t entity = 0; entity < gold.size(); ++entity)
    for (const std::string& name : gold[entity])
      if (std::string key = entity_key(name); !key.empty()) owner.emplace(std::move(key), entity);
  return owner;
}

}  // namespace xfer::grade
