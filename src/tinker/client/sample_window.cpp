// SPDX-License-Identifier: Apache-2.0
#include "tinker/client/sample_window.hpp"

#include <algorithm>

namespace xfer::tinker {

void SampleWindow::on_success() noexcept {
  if (limit_ >= max_ || ++successes_ < limit_) return;
  successes_ = 0;
  limit_ = std::min(max_, limit_ + std::max(1, limit_ / 8));
}

void SampleWindow::on_refused(std::uint64_t submitted_in, int in_flight, bool large,
                              std::chrono::milliseconds asked, Clock::time_point now) noexcept {
  const auto pause = std::max(asked, large ? 5 * pause_ : pause_);
  paused_until_ = std::max(paused_until_, now + pause);
  if (submitted_in != generation_) return;
  ++generation_;
  successes_ = 0;
  limit_ = std::max(1, std::min(limit_, in_flight) / 2);
}

}  // namespace xfer::tinker
