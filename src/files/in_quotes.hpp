// SPDX-License-Identifier: Apache-2.0
// Names out of files, made fit for an error message.
#pragma once

#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::files {

/// The text in single quotes, as printable ASCII: other bytes become \xNN, and what is longer than
/// 80 bytes is cut. Names in a hostile file may hold anything, messages may not.
inline std::string in_quotes(std::string_view text) {
  constexpr std::size_t bytes_max = 80;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out = "'";
  for (const char c : text.substr(0, bytes_max)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7F && c != '\\' && c != '\'') {
      out += c;
    } else {
      out += "\\x";
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  if (text.size() > bytes_max) out += "...";
  return out += "'";
}

}  // namespace xfer::files
#pragma GCC visibility pop
