// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/poll.hpp"

#include "tinker/client/retry.hpp"

#include <algorithm>

namespace xfer::tinker {
namespace {

using std::chrono::milliseconds;

/// A service that holds no poll would be asked thousands of times a second.
constexpr milliseconds instant{25};
constexpr milliseconds pause_first{20};
constexpr milliseconds pause_max{1'000};
/// A result stays available after its first delivery, so a damaged one is asked for again.
constexpr int garbled_max = 5;
constexpr int bad_requests_max = 3;

}  // namespace

PollMachine::Step PollMachine::retry(Errc code, const PollReply& reply, double jitter) {
  const milliseconds delay = reply.retry_after.value_or(backoff(timing_, failures_, jitter));
  ++failures_;
  silent_ += reply.took + delay;
  if (silent_ > timing_.outage_max) return GiveUp{code};
  return Send{delay};
}

PollMachine::Step PollMachine::on_reply(const PollReply& reply, double jitter) {
  using Kind = PollReply::Kind;
  switch (reply.kind) {
    case Kind::result: return Done{};
    case Kind::failed: return Failed{};
    case Kind::again: {
      silent_ = milliseconds(0);
      failures_ = 0;
      if (reply.took >= instant) {
        instant_ = 0;
        return Send{};
      }
      const milliseconds pause = std::min(pause_max, pause_first * (1 << std::min(instant_, 10)));
      ++instant_;
      return Send{pause};
    }
    case Kind::garbled:
      if (++garbled_ > garbled_max) return GiveUp{Errc::bad_data};
      return retry(Errc::bad_data, reply, jitter);
    case Kind::no_answer: return retry(Errc::unavailable, reply, jitter);
    case Kind::status: break;
  }
  if (reply.status == 410) return Lost{};
  if (reply.status == 402) {
    billing_ += timing_.billing_wait;
    if (billing_ > timing_.billing_total) return GiveUp{Errc::not_available};
    return Send{timing_.billing_wait};
  }
  if (reply.status == 429) {
    silent_ = milliseconds(0);
    return retry(Errc::rate_limited, reply, jitter);
  }
  if (reply.status >= 500 || reply.status == 409 || (reply.status == 400 && reply.empty_body))
    return retry(Errc::unavailable, reply, jitter);
  if (reply.status == 400 && ++bad_requests_ <= bad_requests_max) return Send{};
  return GiveUp{errc_of_status(reply.status)};
}

}  // namespace xfer::tinker
