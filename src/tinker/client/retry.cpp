// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/retry.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace xfer::tinker {
namespace {

using std::chrono::milliseconds;

/// Longer delays than this that a server asks for are not obeyed.
constexpr milliseconds asked_max{60'000};

/// A header's number of units, in milliseconds; nothing when it is not a number in range.
std::optional<milliseconds> delay_in(const std::string* text, double unit_ms) {
  if (text == nullptr) return std::nullopt;
  double value = 0.0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc() || end != text->data() + text->size()) return std::nullopt;
  const double ms = value * unit_ms;
  if (!(ms > 0.0) || ms > static_cast<double>(asked_max.count())) return std::nullopt;
  return milliseconds(static_cast<std::int64_t>(std::ceil(ms)));
}

}  // namespace

Attempt attempt_of(const HttpResponse& response) {
  Attempt out;
  out.status = response.status;
  out.empty_body = response.body.empty();
  out.retry_after = delay_in(response.header("retry-after-ms"), 1.0);
  if (!out.retry_after) out.retry_after = delay_in(response.header("retry-after"), 1000.0);
  if (const std::string* word = response.header("x-should-retry")) {
    if (*word == "true") out.should_retry = true;
    if (*word == "false") out.should_retry = false;
  }
  return out;
}

milliseconds backoff(const RetryTiming& timing, int failures, double jitter) {
  const double doubled =
      static_cast<double>(timing.base.count()) * std::pow(2.0, std::min(failures, 30));
  const double capped = std::min(doubled, static_cast<double>(timing.delay_max.count()));
  return milliseconds(static_cast<std::int64_t>(capped * (1.0 - 0.25 * jitter)));
}

Errc errc_of_status(int status) noexcept {
  switch (status) {
    case 401:
    case 403: return Errc::unauthorized;
    case 402: return Errc::not_available;
    case 408:
    case 504: return Errc::timeout;
    case 410: return Errc::unavailable;
    case 429: return Errc::rate_limited;
    default: return status >= 500 ? Errc::unavailable : Errc::invalid_argument;
  }
}

RetryMachine::Step RetryMachine::wait(std::optional<milliseconds> asked, milliseconds elapsed,
                                      double jitter) {
  const milliseconds delay = asked.value_or(backoff(timing_, failures_, jitter));
  ++failures_;
  if (elapsed - billing_ + delay > timing_.total) return Fail{};
  return Wait{delay};
}

RetryMachine::Step RetryMachine::on_attempt(const Attempt& attempt, milliseconds elapsed,
                                            double jitter) {
  if (attempt.end == Attempt::End::hopeless) return Fail{};
  if (attempt.end == Attempt::End::not_sent) return wait(std::nullopt, elapsed, jitter);
  const bool answered = attempt.end == Attempt::End::answered;
  if (answered && attempt.status >= 200 && attempt.status < 300) return Done{};
  // Server errors other than "unavailable" may come after the work was begun.
  const bool maybe_done = !answered || (attempt.status >= 500 && attempt.status != 503);
  if (answered && attempt.should_retry) {
    if (!*attempt.should_retry) return Fail{};
    if (!maybe_done) return wait(attempt.retry_after, elapsed, jitter);
  }
  if (answered && attempt.status == 402) {
    if (billing_ + timing_.billing_wait > timing_.billing_total) return Fail{};
    billing_ += timing_.billing_wait;
    return Wait{timing_.billing_wait};
  }
  // In conflict with this very request, which arrived before.
  if (answered && attempt.status == 409 && maybe_done_) return Fail{};
  // What the service itself turned away was not carried out: too busy, too slow to arrive, in
  // conflict with another request.
  const bool refused =
      answered && (attempt.status == 408 || attempt.status == 409 || attempt.status == 429 ||
                   attempt.status == 503 || (attempt.status == 400 && attempt.empty_body));
  if (refused) return wait(attempt.retry_after, elapsed, jitter);
  if (!maybe_done) return Fail{};
  maybe_done_ = true;
  if (repeat_ == Repeat::when_refused) return Fail{};
  return wait(attempt.retry_after, elapsed, jitter);
}

}  // namespace xfer::tinker
