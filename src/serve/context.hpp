// SPDX-License-Identifier: Apache-2.0
// What all parts of the service share.
#pragma once

#include "serve/byte_budget.hpp"
#include "serve/checkpoints.hpp"
#include "serve/futures.hpp"
#include "serve/sessions.hpp"
#include "serve/store.hpp"
#include "xfer/serve/server.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <type_traits>
#include <utility>

namespace xfer::serve {

/// Everything but `workers` is used on the executor's one thread only.
struct Context {
  Context(boost::asio::any_io_executor io, std::shared_ptr<const engine::Model> served,
          ServeOptions wanted)
      : executor(std::move(io)), model(std::move(served)), options(std::move(wanted)),
        store(options.folder / "serve.db"),
        sessions(store, options.limits.sessions, options.timing.session_idle),
        checkpoints(options.folder, store),
        futures(executor, FutureLimits{options.limits.result_bytes, options.timing.keep_delivered,
                                       options.timing.keep_result}),
        waiting(options.limits.waiting_bytes), workers(2) {}

  boost::asio::any_io_executor executor;
  std::shared_ptr<const engine::Model> model;
  ServeOptions options;
  Store store;
  Sessions sessions;
  Checkpoints checkpoints;
  Futures futures;
  ByteBudget waiting;
  bool stopping = false;
  /// For what takes time and is not the engine's: disks, large messages.
  boost::asio::thread_pool workers;

  /// `work` must not throw.
  void spawn(task<void> work) {
    boost::asio::co_spawn(executor, std::move(work), boost::asio::detached);
  }
  void remove_folder(std::filesystem::path folder) {
    boost::asio::post(workers, [folder = std::move(folder)] { Checkpoints::remove(folder); });
  }
};

template <class Work>
task<std::invoke_result_t<Work>> worker_task(Work work) {
  co_return work();
}

/// Calls `work` on a worker; the awaiting coroutine goes on where it was.
template <class Work>
task<std::invoke_result_t<Work>> on_worker(Context& context, Work work) {
  auto inner = worker_task(std::move(work));
  auto result =
      co_await boost::asio::co_spawn(context.workers, std::move(inner), boost::asio::use_awaitable);
  co_return result;
}

}  // namespace xfer::serve
