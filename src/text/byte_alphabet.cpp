// SPDX-License-Identifier: Apache-2.0
#include "text/byte_alphabet.hpp"

#include "text/unicode.hpp"

#include <array>

namespace xfer::text {
namespace {

constexpr std::uint32_t alphabet_end = 256 + 68;

/// The byte of every character of the alphabet, -1 for others. Printable Latin-1 characters stand
/// for themselves; the 68 other bytes are numbered from U+0100 on.
constexpr std::array<std::int16_t, alphabet_end> make_bytes() {
  std::array<std::int16_t, alphabet_end> bytes{};
  bytes.fill(-1);
  std::size_t next = 256;
  for (std::size_t b = 0; b < 256; ++b) {
    const bool printable =
        (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || (b >= 0xAE && b <= 0xFF);
    bytes[printable ? b : next++] = static_cast<std::int16_t>(b);
  }
  return bytes;
}

constexpr std::array<std::int16_t, alphabet_end> bytes_of_characters = make_bytes();

}  // namespace

std::optional<std::string> bytes_from_alphabet(std::string_view spelled) {
  std::string bytes;
  bytes.reserve(spelled.size());
  for (std::size_t i = 0; i < spelled.size();) {
    const CodePoint point = code_point_at(spelled, i);
    if (point.code >= alphabet_end || bytes_of_characters[point.code] < 0) return std::nullopt;
    bytes += static_cast<char>(bytes_of_characters[point.code]);
    i += point.length;
  }
  return bytes;
}

}  // namespace xfer::text
