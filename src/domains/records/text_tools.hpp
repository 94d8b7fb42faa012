// SPDX-License-Identifier: Apache-2.0
// Small handling of text that readers share.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

inline constexpr std::string_view blanks = " \t\r\n\v\f";

inline std::string trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return "";
  return std::string(text.substr(first, text.find_last_not_of(blanks) - first + 1));
}

inline bool is_blank(std::string_view text) {
  return text.find_first_not_of(blanks) == std::string_view::npos;
}

inline char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lowered(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

/// Pieces between the separators; one piece more than there are separators.
inline std::vector<std::string> split_at(std::string_view text, char separator) {
  std::vector<std::string> all;
  for (;;) {
    const std::size_t at = text.find(separator);
    all.emplace_back(text.substr(0, at));
    if (at == std::string_view::npos) return all;
    text.remove_prefix(at + 1);
  }
}

inline std::string joined(const std::vector<std::string>& parts, std::string_view between) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += between;
    out += parts[i];
  }
  return out;
}

/// The same question however it is spaced and capitalised: runs of white space are one space, the
/// ends trimmed, ASCII letters lower-case.
inline std::string canonical(std::string_view text) {
  std::string out;
  bool space = false;
  for (const char c : text) {
    if (blanks.find(c) != std::string_view::npos) {
      space = !out.empty();
      continue;
    }
    if (space) out += ' ';
    space = false;
    out += lower(c);
  }
  return out;
}

}  // namespace xfer::domains
