// SPDX-License-Identifier: Apache-2.0
// A small judge of XML well-formedness, enough for what the report writes.
#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::testing {

/// "" when `text` is well-formed (elements balanced, attributes quoted and unique, only the
/// predefined entities and decimal references, no forbidden control characters), else what is not.
inline std::string xml_problem(std::string_view text) {
  std::vector<std::string> open;
  bool root_seen = false;
  std::size_t i = 0;
  const auto fail = [&](const std::string& what) { return what + " at byte " + std::to_string(i); };
  const auto name_end = [&](std::size_t at) {
    while (at < text.size() && (std::isalnum(static_cast<unsigned char>(text[at])) ||
                                text[at] == '-' || text[at] == ':' || text[at] == '_'))
      ++at;
    return at;
  };
  const auto entity_ok = [&](std::size_t at) {
    for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
      if (text.substr(at, entity.size()) == entity) return true;
    return false;
  };
  if (text.substr(0, 15) == "<!DOCTYPE html>") i = 15;
  for (; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 && c != '\n' && c != '\t') return fail("control character");
    if (c == '&' && !entity_ok(i)) return fail("unknown entity");
    if (c != '<') {
      if (open.empty() && c != '\n') return fail("text outside of the root");
      continue;
    }
    if (text.substr(i, 2) == "</") {
      const std::size_t end = name_end(i + 2);
      if (open.empty() || open.back() != text.substr(i + 2, end - i - 2))
        return fail("closing tag does not match");
      if (end >= text.size() || text[end] != '>') return fail("closing tag is malformed");
      open.pop_back();
      i = end;
      continue;
    }
    if (open.empty() && root_seen) return fail("second root");
    root_seen = true;
    std::size_t at = name_end(i + 1);
    if (at == i + 1) return fail("bad tag name");
    const std::string tag(text.substr(i + 1, at - i - 1));
    std::vector<std::string> attributes;
    while (at < text.size() && text[at] == ' ') {
      const std::size_t end = name_end(at + 1);
      const std::string attribute(text.substr(at + 1, end - at - 1));
      for (const std::string& other : attributes)
        if (other == attribute) return fail("attribute twice");
      attributes.push_back(attribute);
      if (attribute.empty() || text.substr(end, 2) != "=\"") return fail("bad attribute");
      at = end + 2;
      for (; at < text.size() && text[at] != '"'; ++at)
        if (text[at] == '<' || (text[at] == '&' && !entity_ok(at))) return fail("bad value");
      ++at;
    }
    if (text.substr(at, 2) == "/>") {
      i = at + 1;
    } else if (at < text.size() && text[at] == '>') {
      open.push_back(tag);
      i = at;
    } else {
      return fail("malformed tag");
    }
  }
  if (!open.empty()) return "element <" + open.back() + "> is not closed";
  return root_seen ? "" : "no element";
}

}  // namespace xfer::testing
