// SPDX-License-Identifier: Apache-2.0
// The coroutine type of every call that waits.
#pragma once

#include <boost/asio/awaitable.hpp>

#pragma GCC visibility push(default)
namespace xfer {

/// A call that may wait: `co_await` it, or hand it to `boost::asio::co_spawn`, or to `run_blocking`
/// (`xfer/run_blocking.hpp`). Lazy: nothing happens before it is awaited.
template <class T>
using task = boost::asio::awaitable<T>;

}  // namespace xfer
#pragma GCC visibility pop
