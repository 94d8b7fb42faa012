// SPDX-License-Identifier: Apache-2.0
// Numbers inside prose, compared as exact decimals.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace xfer::grade {

/// A number as it stands in a text.
struct NumberToken {
  /// As written, e.g. "-$1,800.50".
  std::string_view text;
  /// Its canonical form: no currency sign, separators, leading or trailing zeros, e.g. "-1800.5".
  std::string value;
  /// Index just behind it in the text.
  std::size_t end = 0;
};

/// The first number at or after `from`. A number is an optional minus sign, an optional dollar
/// sign, digits with optional thousands commas, and an optional fraction. A hyphen right behind a
/// letter, digit or bracket joins or subtracts and is not a sign: "16-3" holds 16 and 3.
std::optional<NumberToken> find_number(std::string_view text, std::size_t from = 0);

/// The last number of the text.
std::optional<NumberToken> find_last_number(std::string_view text);

}  // namespace xfer::grade
