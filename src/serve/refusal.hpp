// SPDX-License-Identifier: Apache-2.0
// Requests that are not carried out.
#pragma once

#include "xfer/error.hpp"

#include <string>

namespace xfer::serve {

/// Answered with this HTTP status.
class Refusal : public Error {
public:
  Refusal(int status, Errc code, const std::string& message)
      : Error(code, message), status_(status) {}
  int status() const noexcept { return status_; }

private:
  int status_;
};

/// Also for what another account has: whether it exists is not told.
inline Refusal not_found(const std::string& message) {
  return Refusal(404, Errc::invalid_argument, message);
}
inline Refusal gone(const std::string& message) { return Refusal(410, Errc::unavailable, message); }
inline Refusal too_many(const std::string& message) {
  return Refusal(429, Errc::rate_limited, message);
}
inline Refusal stopping() { return Refusal(503, Errc::unavailable, "the server is stopping"); }

/// The HTTP status of any failure.
inline int status_of(const Error& error) {
  if (const auto* refusal = dynamic_cast<const Refusal*>(&error)) return refusal->status();
  if (is_bad_input(error.code())) return 400;
  if (error.code() == Errc::rate_limited) return 429;
  return error.code() == Errc::out_of_memory ? 503 : 500;
}

/// Whose failure it is, in the protocol's words.
inline const char* category_of(const Error& error) {
  const bool user = is_bad_input(error.code()) || error.code() == Errc::diverged ||
                    error.code() == Errc::cancelled || error.code() == Errc::unauthorized;
  return user ? "user" : "server";
}

}  // namespace xfer::serve
