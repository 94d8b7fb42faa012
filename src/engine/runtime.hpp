// SPDX-License-Identifier: Apache-2.0
// The engine's own thread: everything that computes on a model runs there, one piece after another.
#pragma once

#include "engine/kernels/thread_pool.hpp"
#include "xfer/task.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

namespace xfer::text {
class Tokenizer;
}

namespace xfer::engine {

struct Network;
class SampleScheduler;

class Runtime {
public:
  explicit Runtime(int threads);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Only to be used on the engine's thread.
  ThreadPool& pool() noexcept { return pool_; }
  int threads() const noexcept { return pool_.threads(); }
  boost::asio::thread_pool::executor_type executor() { return thread_.get_executor(); }

  /// The scheduler that all samplers of the model's own weights share.
  std::shared_ptr<SampleScheduler> base_scheduler(const std::shared_ptr<const Network>& network,
                                                  const text::Tokenizer& tokenizer);

private:
  ThreadPool pool_;
  boost::asio::thread_pool thread_;
  std::mutex mutex_;
  std::weak_ptr<SampleScheduler> base_scheduler_;
};

template <class Work>
task<std::invoke_result_t<Work>> as_task(Work work) {
  co_return work();
}

/// Calls `work` on the engine's thread; the awaiting coroutine goes on where it was. Calls are
/// carried out in the order in which they are awaited.
template <class Work>
task<std::invoke_result_t<Work>> on_engine(Runtime& runtime, Work work) {
  auto inner = as_task(std::move(work));
  if constexpr (std::is_void_v<std::invoke_result_t<Work>>) {
    co_await boost::asio::co_spawn(runtime.executor(), std::move(inner),
                                   boost::asio::use_awaitable);
  } else {
    auto result = co_await boost::asio::co_spawn(runtime.executor(), std::move(inner),
                                                 boost::asio::use_awaitable);
    co_return result;
  }
}

}  // namespace xfer::engine
