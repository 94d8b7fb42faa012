// SPDX-License-Identifier: Apache-2.0
// Lets a limited number of coroutines in at a time, first come, first served.
#pragma once

#include "xfer/error.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// Used on one thread. Must outlive its passes.
class Gate {
public:
  /// Being inside; ends with the object.
  class Pass {
  public:
    Pass() = default;
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&& other) noexcept {
      std::swap(gate_, other.gate_);
      return *this;
    }
    ~Pass() {
      if (gate_ != nullptr) gate_->leave();
    }

  private:
    Gate* gate_ = nullptr;
  };

  Gate(boost::asio::any_io_executor executor, std::size_t limit, std::size_t queue_max)
      : executor_(std::move(executor)), limit_(limit), queue_max_(queue_max) {}

  /// Throws `rate_limited` when too many wait already. When cancelled while waiting it throws
  /// Asio's `operation_aborted` and is forgotten.
  task<Pass> enter() {
    if (inside_ < limit_ && waiting_.empty()) {
      ++inside_;
      co_return Pass(this);
    }
    if (waiting_.size() >= queue_max_)
      throw Error(Errc::rate_limited,
                  "more than " + std::to_string(queue_max_) + " requests are waiting to be sent");
    const auto waiter = std::make_shared<Waiter>(executor_);
    waiting_.push_back(waiter);
    boost::system::error_code woken;
    auto wait =
        waiter->timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
    co_await std::move(wait);
    if (!waiter->admitted) {
      waiting_.erase(std::find(waiting_.begin(), waiting_.end(), waiter));
      throw boost::system::system_error(boost::asio::error::operation_aborted);
    }
    co_return Pass(this);
  }

  /// Those inside stay when the limit falls.
  void set_limit(std::size_t limit) {
    limit_ = limit;
    admit();
  }
  std::size_t inside() const noexcept { return inside_; }

private:
  struct Waiter {
    explicit Waiter(const boost::asio::any_io_executor& executor)
        : timer(executor, boost::asio::steady_timer::time_point::max()) {}
    boost::asio::steady_timer timer;
    bool admitted = false;
  };

  void leave() {
    --inside_;
    admit();
  }
  void admit() {
    while (inside_ < limit_ && !waiting_.empty()) {
      waiting_.front()->admitted = true;
      waiting_.front()->timer.cancel();
      waiting_.pop_front();
      ++inside_;
    }
  }

  boost::asio::any_io_executor executor_;
  std::size_t limit_;
  std::size_t queue_max_;
  std::size_t inside_ = 0;
  std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace xfer::tinker
#pragma GCC visibility pop
