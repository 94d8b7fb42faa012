// SPDX-License-Identifier: Apache-2.0
// Decides whether and when a request is sent again. No socket, no clock.
#pragma once

#include "xfer/error.hpp"
#include "xfer/tinker/client_options.hpp"
#include "xfer/tinker/transport.hpp"

#include <chrono>
#include <optional>
#include <variant>

namespace xfer::tinker {

/// May a request be sent again when it may have been carried out already?
enum class Repeat { freely, when_refused };

/// How one attempt ended.
struct Attempt {
  enum class End {
    answered,  ///< With an HTTP status.
    not_sent,  ///< The service cannot have got it.
    lost,      ///< It may have got it; no (usable) answer came back.
    hopeless,  ///< Trying again cannot help: a refused certificate, a bad address.
  };
  Attempt() = default;
  explicit Attempt(End how) : end(how) {}
  End end = End::answered;
  int status = 0;
  /// No body: what a proxy at the edge answers, not the service.
  bool empty_body = false;
  std::optional<std::chrono::milliseconds> retry_after;
  std::optional<bool> should_retry;
};

/// An answer's status and what its headers (`retry-after-ms`, `retry-after`, `x-should-retry`) ask.
Attempt attempt_of(const HttpResponse& response);

/// 0.5 s, doubled up to 10 s, less up to a quarter. `jitter` in [0, 1).
std::chrono::milliseconds backoff(const RetryTiming& timing, int failures, double jitter);

/// The error that a final status stands for.
Errc errc_of_status(int status) noexcept;

class RetryMachine {
public:
  struct Done {};
  struct Wait {
    std::chrono::milliseconds delay;
  };
  struct Fail {};
  using Step = std::variant<Done, Wait, Fail>;

  RetryMachine(RetryTiming timing, Repeat repeat) : timing_(timing), repeat_(repeat) {}

  /// `elapsed` since the first attempt began.
  Step on_attempt(const Attempt& attempt, std::chrono::milliseconds elapsed, double jitter);

  /// An attempt that is not the last one may have been carried out.
  bool maybe_done() const noexcept { return maybe_done_; }

private:
  Step wait(std::optional<std::chrono::milliseconds> asked, std::chrono::milliseconds elapsed,
            double jitter);

  RetryTiming timing_;
  Repeat repeat_;
  int failures_ = 0;
  std::chrono::milliseconds billing_{0};
  bool maybe_done_ = false;
};

}  // namespace xfer::tinker
