// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/credential.hpp"

#include "tinker/wire/base64.hpp"
#include "tinker/wire/json_fields.hpp"

#include <algorithm>

namespace xfer::tinker {

void check_api_key(const std::string& key) {
  for (const char c : key)
    if (c <= ' ' || c > '~')
      throw Error(Errc::invalid_argument,
                  "api_key: holds a character that keys do not have (a space, a line end, or one "
                  "that is not ASCII)");
}

Token::Token(std::string text) : text_(std::move(text)) {
  const std::string what = "auth/token: the token";
  check_api_key(text_);
  const std::size_t first = text_.find('.');
  const std::size_t second = first == std::string::npos ? first : text_.find('.', first + 1);
  if (second == std::string::npos) throw Error(Errc::bad_data, what + " is not a JWT");
  std::string claims = text_.substr(first + 1, second - first - 1);
  std::replace(claims.begin(), claims.end(), '-', '+');
  std::replace(claims.begin(), claims.end(), '_', '/');
  claims.append((4 - claims.size() % 4) % 4, '=');
  const auto decoded = base64_decode(claims);
  if (!decoded) throw Error(Errc::bad_data, what + " is not a JWT");
  const Json json = parse_object(*decoded, what);
  const auto issued = required_field<double>(json, "iat", what);
  const auto expires = required_field<double>(json, "exp", what);
  constexpr double seconds_max = 4e9;
  if (!(issued >= 0.0 && expires > issued && expires < seconds_max))
    throw Error(Errc::bad_data, what + " has no sensible life time");
  const double renew = std::min(issued + (expires - issued) / 2.0, expires - 60.0);
  renew_at_ = Clock::time_point(std::chrono::seconds(static_cast<std::int64_t>(renew)));
}

bool Token::needs_renewal(Clock::time_point now) const noexcept {
  return text_.empty() || now >= renew_at_;
}

}  // namespace xfer::tinker
