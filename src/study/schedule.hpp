// Which work of a study can be done when.
#pragma once

#include "xfer/study/plan.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace xfer::study {

/// Hands out the evaluations of the base model, then the legs, in the order of the plan; a leg
/// only when its parent is done. Used on one thread.
class Schedule {
public:
  struct Job {
    enum class Kind { evaluation, leg };
    Job(Kind what, std::size_t which) : kind(what), index(which) {}
    Kind kind;
    std::size_t index;
  };

  Schedule(const Plan& plan, const boost::asio::any_io_executor& executor)
      : plan_(plan),
        taken_(plan.legs.size()),
        done_(plan.legs.size()),
        changed_(executor, boost::asio::steady_timer::time_point::max()) {
    for (std::size_t e = 0; e < plan.evaluations.size(); ++e)
      if (!plan.evaluations[e].leg) base_evaluations_.push_back(e);
  }

  /// Waits until there is something to do; nothing when all is taken or something failed.
  task<std::optional<Job>> next() {
    while (!failure_) {
      if (next_evaluation_ < base_evaluations_.size())
        co_return Job(Job::Kind::evaluation, base_evaluations_[next_evaluation_++]);
      bool left = false;
      for (std::size_t leg = 0; leg < taken_.size(); ++leg) {
        if (taken_[leg]) continue;
        left = true;
        const auto parent = plan_.legs[leg].parent;
        if (parent && !done_[*parent]) continue;
        taken_[leg] = true;
        co_return Job(Job::Kind::leg, leg);
      }
      if (!left) break;
      boost::system::error_code woken;
      auto waiting =
          changed_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
      co_await std::move(waiting);
    }
    co_return std::nullopt;
  }
  void finished(const Job& job) {
    if (job.kind == Job::Kind::leg) done_[job.index] = true;
    changed_.cancel();
  }
  /// The first failure is the one that counts.
  void failed(std::exception_ptr failure) {
    if (!failure_) failure_ = std::move(failure);
    changed_.cancel();
  }
  const std::exception_ptr& failure() const noexcept { return failure_; }

private:
  const Plan& plan_;
  std::vector<std::size_t> base_evaluations_;
  std::size_t next_evaluation_ = 0;
  std::vector<bool> taken_;
  std::vector<bool> done_;
  std::exception_ptr failure_;
  boost::asio::steady_timer changed_;
};

}  // namespace xfer::study
