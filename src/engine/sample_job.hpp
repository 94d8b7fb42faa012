// SPDX-License-Identifier: Apache-2.0
// Requests on their way from a waiting coroutine to the engine's thread and back.
#pragma once

#include "engine/linear.hpp"
#include "xfer/sampler.hpp"

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <atomic>
#include <exception>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

namespace xfer::engine {

/// A request: filled by the engine's thread, ended exactly once.
template <class RequestType, class ResultType>
struct Job {
  using Result = ResultType;
  Job(RequestType r, std::shared_ptr<const Adapter> a)
      : request(std::move(r)), adapter(std::move(a)) {}

  RequestType request;
  std::shared_ptr<const Adapter> adapter;
  Result result;
  std::atomic<bool> cancelled{false};
  std::function<void(std::exception_ptr, Result)> finish;

  /// Hands over the result, or the failure; does nothing the second time.
  void end(const std::exception_ptr& failure) {
    if (!finish) return;
    auto call = std::move(finish);
    finish = nullptr;
    call(failure, std::move(result));
  }
};
using SampleJob = Job<SampleRequest, std::vector<Completion>>;
using ScoreJob = Job<ScoreRequest, std::vector<float>>;

/// Calls `start`, and waits for the job's end without holding a thread. Cancelling the awaiting
/// coroutine marks the job; it still ends, with what the engine's thread makes of the mark.
template <class JobType, class Start>
task<typename JobType::Result> until_end(std::shared_ptr<JobType> job, Start start) {
  using Result = typename JobType::Result;
  namespace asio = boost::asio;
  auto initiate = [job, start](auto handler) {
    using Handler = decltype(handler);
    auto guard = asio::make_work_guard(asio::get_associated_executor(handler));
    if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
      slot.assign([weak = std::weak_ptr<JobType>(job)](asio::cancellation_type) {
        if (const auto it = weak.lock()) it->cancelled = true;
      });
    }
    auto kept = std::make_shared<Handler>(std::move(handler));
    job->finish = [kept, guard](std::exception_ptr failure, Result result) {
      asio::post(guard.get_executor(), [kept, failure, moved = std::move(result)]() mutable {
        (*kept)(failure, std::move(moved));
      });
    };
    start(job);
  };
  auto operation =
      asio::async_initiate<const asio::use_awaitable_t<>&, void(std::exception_ptr, Result)>(
          initiate, asio::use_awaitable);
  auto result = co_await std::move(operation);
  co_return result;
}

}  // namespace xfer::engine
