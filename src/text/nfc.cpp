// SPDX-License-Identifier: Apache-2.0
#include "text/nfc.hpp"

#include "text/unicode.hpp"
#include "xfer/error.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace xfer::text {
namespace {

// Every code point below this one is in form C whatever stands around it: it is a starter, its own
// composition, and never the second half of another.
constexpr std::uint32_t first_unstable = 0x300;

std::span<const utf8proc_int32_t> decompose(std::uint32_t code,
                                            std::array<utf8proc_int32_t, 32>& room) {
  int boundary = 0;
  const auto count = utf8proc_decompose_char(
      static_cast<utf8proc_int32_t>(code), room.data(), static_cast<utf8proc_ssize_t>(room.size()),
      static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE | UTF8PROC_STABLE), &boundary);
  if (count < 0 || count > static_cast<utf8proc_ssize_t>(room.size()))
    throw Error(Errc::internal, "normalization: cannot decompose a character");
  return std::span(room.data(), static_cast<std::size_t>(count));
}

bool is_starter(utf8proc_int32_t code) { return utf8proc_get_property(code)->combining_class == 0; }

void compose(std::vector<utf8proc_int32_t>& codes) {
  const auto count =
      utf8proc_normalize_utf32(codes.data(), static_cast<utf8proc_ssize_t>(codes.size()),
                               static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE));
  if (count < 0) throw Error(Errc::internal, "normalization: cannot compose characters");
  codes.resize(static_cast<std::size_t>(count));
}

/// For every code point, whether text around it may not be in form C. Safe code points are
/// starters, their own composition, and never a later part of another's decomposition; so text
/// between two of them is normalized on its own.
std::vector<bool> make_unstable_table() {
  std::vector<bool> unstable(code_points_max, false);
  std::array<utf8proc_int32_t, 32> room{};
  std::vector<utf8proc_int32_t> composed;
  for (std::uint32_t code = first_unstable; code < code_points_max; ++code) {
    if (code >= 0xD800U && code <= 0xDFFFU) continue;
    if (!is_starter(static_cast<utf8proc_int32_t>(code))) unstable[code] = true;
    const auto parts = decompose(code, room);
    if (parts.size() == 1 && parts[0] == static_cast<utf8proc_int32_t>(code)) continue;
    composed.assign(parts.begin(), parts.end());
    compose(composed);
    if (composed.size() != 1 || composed[0] != static_cast<utf8proc_int32_t>(code))
      unstable[code] = true;
    for (std::size_t i = 1; i < parts.size(); ++i)
      unstable[static_cast<std::size_t>(parts[i])] = true;
  }
  return unstable;
}

bool is_unstable(std::uint32_t code) {
  if (code < first_unstable || code == invalid_code) return false;
  static const std::vector<bool> table = make_unstable_table();
  return table[code];
}

void append_utf8(std::string& out, utf8proc_int32_t code) {
  std::array<utf8proc_uint8_t, 4> bytes{};
  const auto count = utf8proc_encode_char(code, bytes.data());
  out.append(reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(count));
}

/// Appends one stretch of valid UTF-8 in form C. utf8proc orders marks by exchanging neighbours,
/// which takes quadratic time on hostile input, so they are sorted here.
void append_normalized(std::string& out, std::string_view stretch) {
  std::vector<utf8proc_int32_t> codes;
  std::array<utf8proc_int32_t, 32> room{};
  for (std::size_t i = 0; i < stretch.size();) {
    const CodePoint point = code_point_at(stretch, i);
    const auto parts = decompose(point.code, room);
    codes.insert(codes.end(), parts.begin(), parts.end());
    i += point.length;
  }
  for (auto first = codes.begin(); first != codes.end();) {
    first = std::find_if_not(first, codes.end(), is_starter);
    const auto last = std::find_if(first, codes.end(), is_starter);
    std::stable_sort(first, last, [](utf8proc_int32_t a, utf8proc_int32_t b) {
      return utf8proc_get_property(a)->combining_class < utf8proc_get_property(b)->combining_class;
    });
    first = last;
  }
  compose(codes);
  for (const utf8proc_int32_t code : codes) append_utf8(out, code);
}

/// Position of the first unstable character at or after `from`; sets `safe` to where the last safe
/// character before it starts.
std::size_t find_unstable(std::string_view text, std::size_t from, std::size_t& safe) {
  safe = from;
  for (std::size_t i = from; i < text.size();) {
    // Most text is ASCII: skip it without decoding.
    if (static_cast<unsigned char>(text[i]) < 0x80U) {
      safe = i++;
      continue;
    }
    const CodePoint point = code_point_at(text, i);
    if (is_unstable(point.code)) return i;
    safe = point.code == invalid_code ? i + 1 : i;
    i += point.length;
  }
  return text.size();
}

}  // namespace

std::string_view to_nfc(std::string_view text, std::string& buffer) {
  std::size_t safe = 0;
  std::size_t unstable = find_unstable(text, 0, safe);
  if (unstable == text.size()) return text;
  buffer.clear();
  std::size_t done = 0;
  while (unstable < text.size()) {
    buffer.append(text.substr(done, safe - done));
    std::size_t end = unstable;
    while (end < text.size()) {
      const CodePoint point = code_point_at(text, end);
      if (point.code == invalid_code || !is_unstable(point.code)) break;
      end += point.length;
    }
    append_normalized(buffer, text.substr(safe, end - safe));
    done = end;
    unstable = find_unstable(text, done, safe);
  }
  buffer.append(text.substr(done));
  return buffer;
}

}  // namespace xfer::text
