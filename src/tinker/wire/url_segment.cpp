// SPDX-License-Identifier: Apache-2.0
#include "tinker/wire/url_segment.hpp"

#include "xfer/error.hpp"

#include <string_view>

namespace xfer::tinker {

std::string url_segment(const std::string& name, const char* what) {
  constexpr std::size_t size_max = 512;
  if (name.empty() || name.size() > size_max || name == "." || name == "..")
    throw Error(Errc::invalid_argument,
                std::string(what) + " must have 1 to 512 characters and not be '.' or '..'");
  // RFC 3986, section 3.3: pchar.
  constexpr std::string_view plain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~:@!$&'()*+,;=";
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char c : name) {
    if (plain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

}  // namespace xfer::tinker
