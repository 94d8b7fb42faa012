// SPDX-License-Identifier: Apache-2.0
// Decides how to wait for the result of one future. No socket, no clock.
#pragma once

#include "xfer/error.hpp"
#include "xfer/tinker/client_options.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <variant>

namespace xfer::tinker {

/// What one poll brought.
struct PollReply {
  enum class Kind {
    result,     ///< The final result.
    again,      ///< Not yet: try_again, or 408.
    failed,     ///< The operation failed.
    garbled,    ///< A 200 that makes no sense.
    status,     ///< Another HTTP status.
    no_answer,  ///< The connection failed or the poll timed out.
  };
  PollReply() = default;
  explicit PollReply(Kind what) : kind(what) {}
  Kind kind = Kind::result;
  int status = 0;
  bool empty_body = false;
  std::optional<std::chrono::milliseconds> retry_after;
  /// How long the poll took.
  std::chrono::milliseconds took{0};
};

class PollMachine {
public:
  struct Send {
    /// Before the next poll; 0 is at once.
    std::chrono::milliseconds delay{0};
  };
  struct Done {};
  /// The operation failed, in the service's own words.
  struct Failed {};
  /// The service no longer knows the future.
  struct Lost {};
  /// Waiting longer makes no sense.
  struct GiveUp {
    Errc code;
  };
  using Step = std::variant<Send, Done, Failed, Lost, GiveUp>;

  explicit PollMachine(RetryTiming timing) : timing_(timing) {}

  Step on_reply(const PollReply& reply, double jitter);

private:
  Step retry(Errc code, const PollReply& reply, double jitter);

  RetryTiming timing_;
  int bad_requests_ = 0;
  int garbled_ = 0;
  int failures_ = 0;
  int instant_ = 0;
  /// Since the service last gave an answer of its own.
  std::chrono::milliseconds silent_{0};
  std::chrono::milliseconds billing_{0};
};

}  // namespace xfer::tinker
