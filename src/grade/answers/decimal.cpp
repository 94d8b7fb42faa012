// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/decimal.hpp"

#include "grade/answers/answer_text.hpp"

namespace xfer::grade {
namespace {

std::size_t digits_end(std::string_view text, std::size_t at) noexcept {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// Behind the digits and the ",ddd" groups that start at `at`.
std::size_t whole_end(std::string_view text, std::size_t at) noexcept {
  std::size_t end = digits_end(text, at);
  while (end < text.size() && text[end] == ',' && digits_end(text, end + 1) == end + 4) end += 4;
  return end;
}

std::string canonical(bool negative, std::string_view whole, std::string_view fraction) {
  std::string digits;
  for (const char c : whole)
    if (c != ',' && !(c == '0' && digits.empty())) digits += c;
  if (digits.empty()) digits = "0";
  const std::size_t last = fraction.find_last_not_of('0');
  if (last != std::string_view::npos) {
    digits += '.';
    digits += fraction.substr(0, last + 1);
  }
  return negative && digits != "0" ? "-" + digits : digits;
}

/// Where the sign and currency before the digits at `at` begin, looking back no further than
/// `floor`.
struct Prefix {
  std::size_t start;
  bool negative;
};
Prefix read_prefix(std::string_view text, std::size_t at, std::size_t floor) noexcept {
  Prefix prefix{at, false};
  const auto take_minus = [&] {
    if (prefix.negative || prefix.start <= floor || text[prefix.start - 1] != '-') return;
    const std::size_t minus = prefix.start - 1;
    if (minus > 0) {
      const char before = text[minus - 1];
      if (is_digit(before) || is_letter(before) || before == ')' || before == ']') return;
    }
    prefix = {minus, true};
  };
  take_minus();
  if (prefix.start > floor && text[prefix.start - 1] == '$') --prefix.start;
  take_minus();
  return prefix;
}

}  // namespace

std::optional<NumberToken> find_number(std::string_view text, std::size_t from) {
  std::size_t at = from;
  while (at < text.size() && !is_digit(text[at])) ++at;
  if (at >= text.size()) return std::nullopt;
  const bool bare_fraction =
      at > from && text[at - 1] == '.' && (at < 2 || !is_digit(text[at - 2]));  // ".5"
  const std::size_t first = bare_fraction ? at - 1 : at;
  const std::size_t whole = bare_fraction ? first : whole_end(text, first);
  std::size_t end = whole;
  if (end + 1 < text.size() && text[end] == '.' && is_digit(text[end + 1]))
    end = digits_end(text, end + 1);
  const Prefix prefix = read_prefix(text, first, from);
  const std::string_view fraction =
      end > whole ? text.substr(whole + 1, end - whole - 1) : std::string_view{};
  return NumberToken{text.substr(prefix.start, end - prefix.start),
                     canonical(prefix.negative, text.substr(first, whole - first), fraction), end};
}

std::optional<NumberToken> find_last_number(std::string_view text) {
  // Numbers do not span white space, so only the last word with a digit needs a scan.
  std::size_t last = text.size();
  while (last > 0 && !is_digit(text[last - 1])) --last;
  if (last == 0) return std::nullopt;
  std::size_t start = last;
  while (start > 0 && text[start - 1] > ' ') --start;
  std::optional<NumberToken> found;
  while (auto next = find_number(text, start)) {
    start = next->end;
    found = std::move(next);
  }
  return found;
}

}  // namespace xfer::grade
