// SPDX-License-Identifier: Apache-2.0
// Which work of a study can be done when.
#pragma once

#include "study/run/adaptive.hpp"

#include "xfer/study/plan.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <optional>
#include <queue>
#include <utility>
#include <vector>

namespace xfer::study {

/// Hands out the evaluations of the base model, then the legs, in the order of the plan; a leg
/// only when its parent is done. Takes the same time however long the plan is. Used on one thread.
class Schedule {
public:
  struct Job {
    enum class Kind { evaluation, leg };
    Job(Kind what, std::size_t which) : kind(what), index(which) {}
    Kind kind;
    std::size_t index;
  };

  Schedule(const Plan& plan, const Wanted& wanted, const boost::asio::any_io_executor& executor)
      : children_(plan.legs.size()),
        changed_(executor, boost::asio::steady_timer::time_point::max()) {
    for (std::size_t e = 0; e < plan.evaluations.size(); ++e)
      if (!plan.evaluations[e].leg && wanted.evaluations[e]) base_evaluations_.push_back(e);
    for (std::size_t leg = 0; leg < plan.legs.size(); ++leg) {
      if (!wanted.legs[leg]) continue;
      if (const auto parent = plan.legs[leg].parent) {
        children_[*parent].push_back(leg);
        ++waiting_;
      } else {
        ready_.push(leg);
      }
    }
  }

  /// Waits until there is something to do; nothing when all is taken or something failed.
  task<std::optional<Job>> next() {
    while (!failure_) {
      if (next_evaluation_ < base_evaluations_.size())
        co_return Job(Job::Kind::evaluation, base_evaluations_[next_evaluation_++]);
      if (!ready_.empty()) {
        const std::size_t leg = ready_.top();
        ready_.pop();
        co_return Job(Job::Kind::leg, leg);
      }
      if (waiting_ == 0) break;
      boost::system::error_code woken;
      auto waiting =
          changed_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
      co_await std::move(waiting);
    }
    co_return std::nullopt;
  }
  void finished(const Job& job) {
    if (job.kind != Job::Kind::leg) return;
    for (const std::size_t leg : children_[job.index]) ready_.push(leg);
    waiting_ -= children_[job.index].size();
    // One who waits for each that is ready; all when nothing is left to wait for.
    if (waiting_ == 0) changed_.cancel();
    for (std::size_t i = 0; i < children_[job.index].size() && waiting_ > 0; ++i)
      changed_.cancel_one();
  }
  /// The first failure is the one that counts.
  void failed(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    changed_.cancel();
  }
  const std::exception_ptr& failure() const noexcept { return failure_; }

private:
  std::vector<std::size_t> base_evaluations_;
  std::size_t next_evaluation_ = 0;
  std::vector<std::vector<std::size_t>> children_;
  /// The first in the order of the plan on top.
  std::priority_queue<std::size_t, std::vector<std::size_t>, std::greater<>> ready_;
  /// Legs whose parent is not done.
  std::size_t waiting_ = 0;
  std::exception_ptr failure_;
  boost::asio::steady_timer changed_;
};

}  // namespace xfer::study
