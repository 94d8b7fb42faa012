// SPDX-License-Identifier: Apache-2.0
// How far a study is and how long it will take.
#pragma once

#include "study/run/adaptive.hpp"

#include "xfer/study/plan.hpp"
#include "xfer/study/runner.hpp"

#include <array>
#include <chrono>
#include <cstddef>

namespace xfer::study {

/// Counts units of work and learns, for training and for testing apart, how long one takes.
class Progress {
public:
  enum class Work { training, testing };

  Progress(const Plan& plan, const Wanted& wanted) {
    for (std::size_t leg = 0; leg < plan.legs.size(); ++leg)
      if (wanted.legs[leg]) of(Work::training).planned += plan.legs[leg].units;
    for (std::size_t e = 0; e < plan.evaluations.size(); ++e)
      if (wanted.evaluations[e]) of(Work::testing).planned += plan.evaluations[e].units;
  }

  /// Work that an earlier attempt did.
  void skip(Work work, double units) { of(work).done += units; }
  /// Work done since the last call of `finish` or `mark`.
  void finish(Work work, double units) {
    const auto now = std::chrono::steady_clock::now();
    of(work).done += units;
    of(work).measured += units;
    of(work).seconds += std::chrono::duration<double>(now - last_).count();
    last_ = now;
  }
  /// The time up to now belongs to neither kind of work.
  void mark() { last_ = std::chrono::steady_clock::now(); }

  void fill(Event& event) const {
    double all_seconds = 0.0;
    double all_measured = 0.0;
    for (const Kind& kind : kinds_) {
      event.done_units += kind.done;
      event.total_units += kind.planned;
      all_seconds += kind.seconds;
      all_measured += kind.measured;
    }
    if (all_measured <= 0.0) return;
    for (const Kind& kind : kinds_) {
      const double pace =
          kind.measured > 0.0 ? kind.seconds / kind.measured : all_seconds / all_measured;
      event.seconds_left += pace * (kind.planned > kind.done ? kind.planned - kind.done : 0.0);
    }
  }

private:
  struct Kind {
    double planned = 0.0;
    double done = 0.0;
    double measured = 0.0;
    double seconds = 0.0;
  };
  Kind& of(Work work) { return kinds_[static_cast<std::size_t>(work)]; }

  std::array<Kind, 2> kinds_;
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace xfer::study
