// SPDX-License-Identifier: Apache-2.0
// Runs tasks to their end from ordinary code.
#pragma once

#include "xfer/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#pragma GCC visibility push(default)
namespace xfer {

/// Runs `work` on a private event loop in the calling thread and returns its result, or throws
/// what it threw. Must not be called from inside a coroutine of the same loop.
template <class T>
T run_blocking(task<T> work) {
  boost::asio::io_context loop(1);
  std::exception_ptr failure;
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(loop, std::move(work), [&failure](std::exception_ptr e) { failure = e; });
    loop.run();
    if (failure) std::rethrow_exception(failure);
  } else {
    std::optional<T> result;
    boost::asio::co_spawn(loop, std::move(work),
                          [&failure, &result](std::exception_ptr e, T value) {
                            failure = e;
                            if (!e) result.emplace(std::move(value));
                          });
    loop.run();
    if (failure) std::rethrow_exception(failure);
    return std::move(*result);
  }
}

}  // namespace xfer
#pragma GCC visibility pop
