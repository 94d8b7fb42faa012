// SPDX-License-Identifier: Apache-2.0
// The errors of xfer: one exception type with a stable code.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace xfer {

/// What went wrong, in terms a caller can act on. Written to ledgers: append only.
enum class Errc {
  invalid_argument = 1,  ///< The same call will always fail.
  bad_data,              ///< Input does not match its schema (file, line, field named in the text).
  unavailable,           ///< Could not reach a service; safe to try again.
  rate_limited,          ///< Asked to slow down; safe to try again later.
  unauthorized,          ///< The credential is missing or refused.
  timeout,               ///< A deadline passed.
  cancelled,             ///< The caller asked to stop.
  run_mismatch,          ///< A stored run does not match the plan resuming it.
  io,                    ///< A file could not be read or written (disk full, permission).
  not_available,  ///< A feature, library or kernel facility that this machine or build lacks.
  diverged,       ///< Training produced a loss that is not finite.
  out_of_memory,  ///< The work does not fit into the memory of this machine.
  internal,       ///< A bug in xfer.
};

/// The stable lower-case name of a code, as Python and `--json` show it.
constexpr std::string_view to_string(Errc code) noexcept {
  switch (code) {
    case Errc::invalid_argument: return "invalid_argument";
    case Errc::bad_data: return "bad_data";
    case Errc::unavailable: return "unavailable";
    case Errc::rate_limited: return "rate_limited";
    case Errc::unauthorized: return "unauthorized";
    case Errc::timeout: return "timeout";
    case Errc::cancelled: return "cancelled";
    case Errc::run_mismatch: return "run_mismatch";
    case Errc::io: return "io";
    case Errc::not_available: return "not_available";
    case Errc::diverged: return "diverged";
    case Errc::out_of_memory: return "out_of_memory";
    case Errc::internal: return "internal";
  }
  return "internal";
}

/// Whether trying the same call again can help. The one place that decides about retries.
constexpr bool is_transient(Errc code) noexcept {
  return code == Errc::unavailable || code == Errc::rate_limited || code == Errc::timeout;
}

/// Whether the input, rather than the machine or the service, must change. Such errors end the
/// command line with exit code 2; all others with 1.
constexpr bool is_bad_input(Errc code) noexcept {
  return code == Errc::invalid_argument || code == Errc::bad_data || code == Errc::run_mismatch;
}

/// Every failure that leaves the library. Decide on `code()`, never on the text.
/// Message form: `operation: what was wrong (got X, allowed Y)`; no secrets, no prompt text.
class Error : public std::runtime_error {
public:
  Error(Errc code, const std::string& message) : std::runtime_error(message), code_(code) {}
  Errc code() const noexcept { return code_; }

private:
  Errc code_;
};

/// A failure reported by a remote service.
class ServiceError : public Error {
public:
  ServiceError(Errc code, const std::string& message, int http_status, std::string request_id)
      : Error(code, message), http_status_(http_status), request_id_(std::move(request_id)) {}
  /// 0 when no HTTP answer arrived.
  int http_status() const noexcept { return http_status_; }
  /// Empty when the service gave none.
  const std::string& request_id() const noexcept { return request_id_; }

private:
  int http_status_;
  std::string request_id_;
};

}  // namespace xfer
#pragma GCC visibility pop
