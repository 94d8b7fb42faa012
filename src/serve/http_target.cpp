// SPDX-License-Identifier: Apache-2.0
#include "serve/http.hpp"

#include <algorithm>

namespace xfer::serve {
namespace {

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// RFC 3986, section 2.1. Nothing for a '%' without two digits, and for control characters.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = digit_of(text[i + 1]);
      const int low = digit_of(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) return std::nullopt;
    out += c;
  }
  return out;
}

template <class Use>
void split(std::string_view text, char at, const Use& use) {
  for (std::size_t first = 0; first <= text.size();) {
    const std::size_t end = std::min(text.find(at, first), text.size());
    use(text.substr(first, end - first));
    first = end + 1;
  }
}

}  // namespace

std::optional<HttpHead> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return std::nullopt;
  const std::size_t question = std::min(target.find('?'), target.size());
  const auto path = percent_decoded(target.substr(0, question));
  if (!path) return std::nullopt;
  HttpHead head;
  split(std::string_view(*path).substr(1), '/',
        [&](std::string_view segment) { head.path.emplace_back(segment); });
  bool fine = true;
  if (question < target.size()) {
    split(target.substr(question + 1), '&', [&](std::string_view pair) {
      if (pair.empty()) return;
      const std::size_t equals = std::min(pair.find('='), pair.size());
      auto name = percent_decoded(pair.substr(0, equals));
      auto value =
          percent_decoded(equals < pair.size() ? pair.substr(equals + 1) : std::string_view());
      if (!name || !value)
        fine = false;
      else
        head.query.emplace_back(std::move(*name), std::move(*value));
    });
  }
  if (!fine) return std::nullopt;
  return head;
}

}  // namespace xfer::serve
