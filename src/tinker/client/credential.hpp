// SPDX-License-Identifier: Apache-2.0
// What X-API-Key carries: the key itself, or a token that was given for it. No clock.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace xfer::tinker {

/// Throws `invalid_argument`, without showing it, for a key that cannot stand in a header.
void check_api_key(const std::string& key);

/// A JSON Web Token (RFC 7519) whose claims `iat` and `exp` say when to ask for the next.
class Token {
public:
  using Clock = std::chrono::system_clock;

  Token() = default;
  /// Throws `bad_data` when the text is not a token with both claims.
  explicit Token(std::string text);

  /// Half of its life is over, a minute or less is left, or there is no token.
  bool needs_renewal(Clock::time_point now) const noexcept;
  const std::string& text() const noexcept { return text_; }

private:
  std::string text_;
  Clock::time_point renew_at_{};
};

}  // namespace xfer::tinker
