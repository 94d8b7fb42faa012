// SPDX-License-Identifier: Apache-2.0
// How many samples may be in flight: adapts to a service that asks to slow down. No clock.
#pragma once

#include <chrono>
#include <cstdint>

namespace xfer::tinker {

/// Each 429 halves the window, but only once for the samples that were submitted before it was
/// halved; each window's worth of successes widens it by an eighth. While nobody refuses the window
/// stays at its maximum.
class SampleWindow {
public:
  using Clock = std::chrono::steady_clock;

  SampleWindow(int window_max, std::chrono::milliseconds pause)
      : max_(window_max), limit_(window_max), pause_(pause) {}

  int limit() const noexcept { return limit_; }
  /// No sample is submitted before this.
  Clock::time_point paused_until() const noexcept { return paused_until_; }

  /// A sample is submitted; hand the result to `on_refused`.
  std::uint64_t on_submit() const noexcept { return generation_; }
  void on_success() noexcept;
  /// `large`: prompts above 128 KiB wait five times as long. A longer `asked` is obeyed.
  void on_refused(std::uint64_t submitted_in, int in_flight, bool large,
                  std::chrono::milliseconds asked, Clock::time_point now) noexcept;

private:
  int max_;
  int limit_;
  std::chrono::milliseconds pause_;
  int successes_ = 0;
  std::uint64_t generation_ = 0;
  Clock::time_point paused_until_{};
};

}  // namespace xfer::tinker
