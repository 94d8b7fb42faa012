// SPDX-License-Identifier: Apache-2.0
// UTF-8 and the character classes that pre-tokenizer patterns ask about.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xfer::text {

/// Classes of a character, as bits. Only `word_class` may come together with others.
enum CharClass : std::uint8_t {
  letter_class = 1,  ///< \p{L}
  number_class = 2,  ///< \p{N}
  space_class = 4,   ///< White_Space, which is \s
  word_class = 8,    ///< \w as the regex crate of Rust has it
};

/// One character of a text that need not be valid UTF-8.
struct CodePoint {
  /// `invalid_code` for a byte that starts no well-formed sequence.
  std::uint32_t code = 0;
  std::uint32_t length = 0;
};

inline constexpr std::uint32_t invalid_code = 0xFFFFFFFFU;
inline constexpr std::uint32_t code_points_max = 0x110000U;

/// The character at `position`, which must be inside the text. Overlong forms, surrogates and codes
/// beyond U+10FFFF are invalid, one byte at a time.
inline CodePoint code_point_at(std::string_view text, std::size_t position) noexcept {
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[position + i]));
  };
  const std::size_t left = text.size() - position;
  const auto continues = [&](std::size_t i) { return i < left && (byte(i) & 0xC0U) == 0x80U; };
  const std::uint32_t b = byte(0);
  if (b < 0x80U) return {b, 1};
  if (b >= 0xC2U && b <= 0xDFU) {
    if (continues(1)) return {((b & 0x1FU) << 6U) | (byte(1) & 0x3FU), 2};
  } else if (b >= 0xE0U && b <= 0xEFU) {
    if (continues(1) && continues(2)) {
      const std::uint32_t code =
          ((b & 0x0FU) << 12U) | ((byte(1) & 0x3FU) << 6U) | (byte(2) & 0x3FU);
      if (code >= 0x800U && (code < 0xD800U || code > 0xDFFFU)) return {code, 3};
    }
  } else if (b >= 0xF0U && b <= 0xF4U) {
    if (continues(1) && continues(2) && continues(3)) {
      const std::uint32_t code = ((b & 0x07U) << 18U) | ((byte(1) & 0x3FU) << 12U) |
                                 ((byte(2) & 0x3FU) << 6U) | (byte(3) & 0x3FU);
      if (code >= 0x10000U && code < code_points_max) return {code, 4};
    }
  }
  return {invalid_code, 1};
}

/// The character that ends just before `position`, which must not be 0.
CodePoint code_point_before(std::string_view text, std::size_t position) noexcept;

/// Classes of every code point, `code_points_max` of them.
const std::uint8_t* char_classes();

/// Bits of `CharClass`; none for `invalid_code`.
inline std::uint8_t classes_of(std::uint32_t code) {
  return code < code_points_max ? char_classes()[code] : std::uint8_t{0};
}

}  // namespace xfer::text
