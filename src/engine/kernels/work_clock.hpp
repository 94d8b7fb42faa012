// SPDX-License-Identifier: Apache-2.0
// Adds up where time goes, for `Model::profile`.
#pragma once

#include "xfer/engine/profile.hpp"

#include <atomic>
#include <chrono>

namespace xfer::engine {

/// Written by the engine's own thread, read by any.
class WorkClock {
public:
  void add(WorkKind kind, std::chrono::nanoseconds time, double flops) noexcept {
    Sum& sum = sums_[static_cast<std::size_t>(kind)];
    sum.nanoseconds.store(sum.nanoseconds.load(std::memory_order_relaxed) + time.count(),
                          std::memory_order_relaxed);
    sum.flops.store(sum.flops.load(std::memory_order_relaxed) + flops, std::memory_order_relaxed);
  }
  Profile read() const noexcept {
    Profile profile;
    for (std::size_t i = 0; i < sums_.size(); ++i)
      profile.sums[i] = {1e-9 * static_cast<double>(sums_[i].nanoseconds.load()),
                         sums_[i].flops.load()};
    return profile;
  }

private:
  struct Sum {
    std::atomic<std::int64_t> nanoseconds{0};
    std::atomic<double> flops{0.0};
  };
  std::array<Sum, all_work_kinds.size()> sums_;
};

/// Counts its own lifetime. Only around work that holds no other one: times would count twice.
class Timed {
public:
  Timed(WorkClock& clock, WorkKind kind, double flops = 0.0) noexcept
      : clock_(clock), kind_(kind), flops_(flops) {}
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;
  ~Timed() { clock_.add(kind_, std::chrono::steady_clock::now() - start_, flops_); }

private:
  WorkClock& clock_;
  WorkKind kind_;
  double flops_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace xfer::engine
