// SPDX-License-Identifier: Apache-2.0
// Several coroutines at once.
#pragma once

#include "xfer/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

namespace xfer::study {

/// Runs all workers on the caller's executor (one thread) and waits for every one; then throws the
/// first failure, if any.
inline task<void> all_of(std::vector<task<void>> workers) {
  namespace asio = boost::asio;
  struct Latch {
    Latch(const asio::any_io_executor& executor, std::size_t count)
        : timer(executor, asio::steady_timer::time_point::max()), running(count) {}
    asio::steady_timer timer;
    std::size_t running;
    std::exception_ptr first_failure;
  };
  const auto executor = co_await asio::this_coro::executor;
  const auto latch = std::make_shared<Latch>(executor, workers.size());
  for (task<void>& worker : workers) {
    asio::co_spawn(executor, std::move(worker), [latch](std::exception_ptr failure) {
      if (failure && !latch->first_failure) latch->first_failure = failure;
      if (--latch->running == 0) latch->timer.cancel();
    });
  }
  while (latch->running > 0) {
    boost::system::error_code cancelled;
    auto waiting = latch->timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    co_await std::move(waiting);
  }
  if (latch->first_failure) std::rethrow_exception(latch->first_failure);
}

}  // namespace xfer::study
