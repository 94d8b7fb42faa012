// SPDX-License-Identifier: Apache-2.0
// How coroutines run for Python: on a thread pool, with the GIL released, either waited for or as
// an asyncio future.
#pragma once

#include "errors.hpp"
#include "xfer/task.hpp"

#include <pybind11/pybind11.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>

namespace xfer::bindings {

/// Calls on one queue run one after another, in the order in which they were made.
using Queue = boost::asio::strand<boost::asio::thread_pool::executor_type>;

/// A new queue on the threads that all calls from Python share.
Queue new_queue();

/// Asks every running call to stop and waits until they have. Called once, when Python exits.
void stop_calls();

/// How one running call is asked to stop: coroutines by the signal, which is touched on the call's
/// own queue only, and computations that hold their thread by the flag.
struct Cancellation {
  explicit Cancellation(Queue q) : queue(std::move(q)) {}
  Queue queue;
  boost::asio::cancellation_signal signal;
  std::atomic<bool> stop = false;
};
std::shared_ptr<Cancellation> new_call(const Queue& queue);
void cancel(const std::shared_ptr<Cancellation>& call);

/// Where a blocking call waits for its result.
template <class T>
struct Outcome {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  std::exception_ptr failure;
  std::optional<std::conditional_t<std::is_void_v<T>, bool, T>> value;

  void settle(std::exception_ptr e) {
    const std::lock_guard lock(mutex);
    failure = std::move(e);
    done = true;
    changed.notify_all();
  }
  /// Whether it is over by then.
  bool wait_for(std::chrono::milliseconds budget) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, budget, [this] { return done; });
  }
};

namespace detail {

template <class T, class Handler>
void spawn(const std::shared_ptr<Cancellation>& call, task<T> work, Handler on_end) {
  auto handler = [call, on_end = std::move(on_end)](std::exception_ptr e, auto&&... value) mutable {
    on_end(std::move(e), std::forward<decltype(value)>(value)...);
  };
  boost::asio::co_spawn(
      call->queue, std::move(work),
      boost::asio::bind_cancellation_slot(call->signal.slot(), std::move(handler)));
}

/// Waits with the GIL released and looks for Ctrl-C in between, calling `between` each time with
/// the GIL held. When either raises, the call is cancelled and the exception goes on, at once or,
/// if `to_the_end`, when the call has ended.
template <class T, class Between>
void wait(Outcome<T>& outcome, const std::shared_ptr<Cancellation>& call, bool to_the_end,
          Between between) {
  const auto wait_a_little = [&outcome] {
    const pybind11::gil_scoped_release nogil;
    return outcome.wait_for(std::chrono::milliseconds(20));
  };
  try {
    while (!wait_a_little()) {
      between();
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
    }
    between();
  } catch (pybind11::error_already_set&) {
    cancel(call);
    while (to_the_end && !wait_a_little())
      if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();  // asked twice
    throw;
  }
}

/// An asyncio future of the running loop, to be settled from another thread.
class LoopFuture {
public:
  /// Throws Python's RuntimeError when no loop is running. Cancelling the future cancels the call.
  explicit LoopFuture(const std::shared_ptr<Cancellation>& call);
  ~LoopFuture();
  LoopFuture(const LoopFuture&) = delete;
  LoopFuture& operator=(const LoopFuture&) = delete;

  pybind11::object future() const { return future_; }
  /// From any thread: the failure, or else what `make_result` returns or throws (called with the
  /// GIL held). Does nothing when the future was cancelled or its loop is closed.
  template <class MakeResult>
  void settle(std::exception_ptr failure, MakeResult make_result) const {
    const pybind11::gil_scoped_acquire gil;
    pybind11::object result;
    try {
      if (!failure) result = make_result();
    } catch (...) {  // a failed conversion is the call's failure
      failure = std::current_exception();
    }
    if (failure)
      set("set_exception", python_exception(failure));
    else
      set("set_result", result);
  }

private:
  void set(const char* how, const pybind11::object& what) const;
  pybind11::object loop_;
  pybind11::object future_;
};

template <class T, class Owner>
std::shared_ptr<Outcome<T>> start(const std::shared_ptr<Cancellation>& call,
                                  std::shared_ptr<Owner> owner, task<T> work) {
  auto outcome = std::make_shared<Outcome<T>>();
  if constexpr (std::is_void_v<T>) {
    spawn(call, std::move(work),
          [outcome, owner](std::exception_ptr e) { outcome->settle(std::move(e)); });
  } else {
    spawn(call, std::move(work), [outcome, owner](std::exception_ptr e, T value) {
      if (!e) outcome->value.emplace(std::move(value));
      outcome->settle(std::move(e));
    });
  }
  return outcome;
}

template <class T>
T take(Outcome<T>& outcome) {
  if (outcome.failure) std::rethrow_exception(outcome.failure);
  if constexpr (!std::is_void_v<T>) return std::move(*outcome.value);
}

}  // namespace detail

/// Runs `work` on the queue and waits for it. `owner` is kept alive until the work has ended, also
/// when Ctrl-C ends the wait earlier. Called with the GIL held, which is released meanwhile.
template <class T, class Owner>
T call_blocking(const Queue& queue, std::shared_ptr<Owner> owner, task<T> work) {
  const auto call = new_call(queue);
  const auto outcome = detail::start(call, std::move(owner), std::move(work));
  detail::wait(*outcome, call, false, [] {});
  return detail::take(*outcome);
}

/// The same as an asyncio future. `convert` makes the Python result, with the GIL held.
template <class T, class Owner, class Convert>
pybind11::object call_async(const std::shared_ptr<Cancellation>& call, std::shared_ptr<Owner> owner,
                            task<T> work, Convert convert) {
  auto future = std::make_shared<detail::LoopFuture>(call);
  if constexpr (std::is_void_v<T>) {
    detail::spawn(call, std::move(work), [future, owner](const std::exception_ptr& e) {
      future->settle(e, [] { return pybind11::none(); });
    });
  } else {
    detail::spawn(call, std::move(work),
                  [future, owner, convert](const std::exception_ptr& e, T value) {
                    future->settle(e, [&] { return convert(std::move(value)); });
                  });
  }
  return future->future();
}

}  // namespace xfer::bindings
