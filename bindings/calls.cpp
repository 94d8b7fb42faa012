// SPDX-License-Identifier: Apache-2.0
#include "calls.hpp"

#include "xfer/error.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace asio = boost::asio;
namespace py = pybind11;

namespace xfer::bindings {
namespace {

/// In a process that was forked from one whose threads were started: a fork copies no threads.
std::atomic<bool> threads_are_gone = false;

/// Never destroyed: threads may still be inside when static objects go.
asio::thread_pool& threads() {
  static auto* pool = [] {
    ::pthread_atfork(nullptr, nullptr, [] { threads_are_gone = true; });
    return new asio::thread_pool(std::max(4U, std::thread::hardware_concurrency()));
  }();
  return *pool;
}

/// A call would wait for ever for a thread that is not there.
void refuse_after_fork() {
  if (threads_are_gone)
    throw Error(
        Errc::not_available,
        "this process was forked from one in which xfer was at work, and has none of its "
        "threads; start processes by spawn or forkserver (see multiprocessing.get_context)");
}

/// Calls that have not ended yet, for `stop_calls`.
class RunningCalls {
public:
  void add(const std::shared_ptr<Cancellation>& call) {
    const std::lock_guard lock(mutex_);
    std::erase_if(calls_, [](const auto& weak) { return weak.expired(); });
    calls_.push_back(call);
  }
  /// Whether there are none, waiting for that a while.
  bool none_within(std::chrono::milliseconds budget) {
    const auto end = std::chrono::steady_clock::now() + budget;
    for (;;) {
      {
        const std::lock_guard lock(mutex_);
        std::erase_if(calls_, [](const auto& weak) { return weak.expired(); });
        if (calls_.empty()) return true;
      }
      if (std::chrono::steady_clock::now() >= end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  void cancel_all() {
    const std::lock_guard lock(mutex_);
    for (const auto& weak : calls_)
      if (const auto call = weak.lock()) cancel(call);
  }

private:
  std::mutex mutex_;
  std::vector<std::weak_ptr<Cancellation>> calls_;
};

RunningCalls& running_calls() {
  static RunningCalls calls;
  return calls;
}

}  // namespace

Queue new_queue() {
  refuse_after_fork();
  return asio::make_strand(threads());
}

void stop_calls() {
  if (threads_are_gone) return;
  const py::gil_scoped_release nogil;
  running_calls().cancel_all();
  // Those that wait for a service's thread end there first.
  running_calls().none_within(std::chrono::seconds(2));
  threads().stop();
  threads().join();
}

std::shared_ptr<Cancellation> new_call(const Queue& queue) {
  refuse_after_fork();
  auto call = std::make_shared<Cancellation>(queue);
  running_calls().add(call);
  return call;
}

void cancel(const std::shared_ptr<Cancellation>& call) {
  call->stop = true;
  asio::post(call->queue, [call] { call->signal.emit(asio::cancellation_type::terminal); });
}

namespace detail {

LoopFuture::LoopFuture(const std::shared_ptr<Cancellation>& call)
    : loop_(py::module_::import("asyncio").attr("get_running_loop")()),
      future_(loop_.attr("create_future")()) {
  future_.attr("add_done_callback")(
      py::cpp_function([weak = std::weak_ptr<Cancellation>(call)](const py::object& future) {
        if (!future.attr("cancelled")().cast<bool>()) return;
        if (const auto running = weak.lock()) cancel(running);
      }));
}

LoopFuture::~LoopFuture() {
  const py::gil_scoped_acquire gil;
  loop_ = py::object();
  future_ = py::object();
}

void LoopFuture::set(const char* how, const py::object& what) const {
  const auto set_unless_done = py::cpp_function([future = future_, how](const py::object& value) {
    if (!future.attr("done")().cast<bool>()) future.attr(how)(value);
  });
  try {
    loop_.attr("call_soon_threadsafe")(set_unless_done, what);
  } catch (py::error_already_set& error) {
    // The loop was closed while the call ran: nobody is left to be told.
    if (!error.matches(PyExc_RuntimeError)) error.discard_as_unraisable("xfer call");
  }
}

}  // namespace detail
}  // namespace xfer::bindings
