// SPDX-License-Identifier: Apache-2.0
// Small pieces of reading an answer.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

constexpr bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
constexpr bool is_letter(char c) noexcept {
  const char low = to_lower(c);
  return low >= 'a' && low <= 'z';
}
/// Of a word: an ASCII letter or digit, or part of a character beyond ASCII.
constexpr bool is_word(char c) noexcept {
  return is_letter(c) || is_digit(c) || static_cast<unsigned char>(c) >= 0x80U;
}

/// ASCII letters in lower case; everything else, and the length, stays.
std::string lower(std::string_view text);

/// Without the blanks, or the one quotation mark, emphasis mark (* _ `), dollar sign, bracket or
/// TeX text command, in front; the same when there is none.
std::string_view strip_one(std::string_view text) noexcept;

/// Without any of these at both ends, and without full stops, commas and the like at the end.
/// Brackets stay when only one end has them, as in "f(x)".
std::string_view strip_decoration(std::string_view text) noexcept;

/// Lines without their ends, blank ones left out.
std::vector<std::string_view> filled_lines(std::string_view text);

/// How many characters of `text` spell `wanted`, without regard to ASCII case and to the amount of
/// white space; 0 when it does not begin so, or goes on as part of the same word or number.
std::size_t spells(std::string_view text, std::string_view wanted) noexcept;

}  // namespace xfer::grade
