// SPDX-License-Identifier: Apache-2.0
// What all clients of one service share: its thread, its connections, its session.
#pragma once

#include "tinker/client/credential.hpp"
#include "tinker/client/gate.hpp"
#include "tinker/client/poll.hpp"
#include "tinker/client/retry.hpp"
#include "tinker/client/sample_window.hpp"
#include "xfer/tinker/client_options.hpp"
#include "xfer/tinker/service_client.hpp"
#include "xfer/tinker/transport.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <functional>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>

namespace xfer::tinker {

/// A session of the service, kept alive by heartbeats for as long as it is referred to.
struct Session {
  Session() = default;
  std::string id;
  int models = 0;
  int samplers = 0;
  /// The service has ended it.
  bool ended = false;
};

/// Takes in the body of a good answer; throws `bad_data` when it is not what it should be, which
/// counts as no answer.
using TakeBody = std::function<void(std::string_view)>;

/// How a request is treated.
struct CallRules {
  CallRules() = default;
  Repeat repeat = Repeat::freely;
  /// May be empty.
  TakeBody take;
  /// Hand an answer of 429 to the caller in place of waiting.
  bool return_429 = false;
  /// Set when the request may have been carried out by an attempt that brought no good answer.
  bool* maybe_done = nullptr;
};

/// A future of the service.
struct FutureCall {
  FutureCall(std::string id, std::string kind) : request_id(std::move(id)), type(std::move(kind)) {}
  std::string request_id;
  /// As X-Tinker-Request-Type has it.
  std::string type;
  /// The result is protobuf, not JSON.
  bool binary = false;
  TakeBody take;
};

/// Why a poll did not bring the result.
struct PollFailure {
  PollFailure() = default;
  /// Of the operation itself.
  std::string error;
  std::string category;
  /// Of the last poll.
  std::exception_ptr exception;
  HttpResponse response;
};

/// Lives on one thread of its own; everything but the constructor, `executor` and `shutdown` is
/// called there. Coroutines on it use plain references to it: it ends only after all of them.
class Core {
public:
  Core(ClientOptions options, const TransportFactory& transport);
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  /// The thread's work; returns after `shutdown`.
  void run() { context_.run(); }
  /// Ends heartbeats, lets running calls finish, then lets `run` return. From any thread.
  void shutdown();
  boost::asio::any_io_executor executor() { return context_.get_executor(); }

  const ClientOptions& options() const noexcept { return options_; }

  /// Asks for the service's configuration, once.
  task<ClientConfig> config();
  /// The session, opened when there is none or the last one has ended.
  task<std::shared_ptr<Session>> session();
  /// The next call of `session` opens a new one.
  void leave_session();
  /// Tells the service that the session is over, if there is one.
  task<void> finish_session(std::string reason, std::string detail);

  /// Sends until there is a final answer. Returns 2xx only (and 429 when asked to); throws
  /// `ServiceError` else.
  task<HttpResponse> call(HttpRequest request, CallRules rules);
  task<HttpResponse> post_json(std::string path, std::string body, CallRules rules);
  /// Waits for a future's result and hands it to `take`. False when the service has lost it.
  task<bool> wait(FutureCall future);
  task<void> sleep(std::chrono::milliseconds delay);
  /// Best effort, in the background.
  void cancel_future(std::string request_id);

  /// A seed as the service takes it.
  std::uint64_t seed_on_wire(std::uint64_t seed) const noexcept {
    return config_ && config_->unsigned_seeds ? seed : seed & ~(std::uint64_t{1} << 63U);
  }

  /// Samples in flight, over all sampling clients.
  Gate& sample_gate() noexcept { return sample_gate_; }
  SampleWindow& sample_window() noexcept { return sample_window_; }

private:
  task<HttpResponse> send_once(HttpRequest request);
  task<PollReply> poll_once(const FutureCall& future, int number, PollFailure& failure);
  bool uses_token() const noexcept { return config_ && config_->pjwt_auth_enabled; }
  task<void> renew_token();
  /// For as long as anybody uses the session.
  task<void> heartbeats(std::weak_ptr<Session> weak);
  RetryTiming timing() const;
  task<void> send_cancel(std::string request_id);
  void spawn(task<void> work);
  double jitter() { return std::uniform_real_distribution<double>(0.0, 1.0)(random_); }
  std::string new_idempotency_key();

  // The transport and all timers go before the context.
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> keep_running_{
      context_.get_executor()};
  ClientOptions options_;
  std::unique_ptr<Transport> transport_;
  std::mt19937_64 random_;
  std::list<boost::asio::cancellation_signal> background_;
  bool stopping_ = false;
  Gate starting_;
  Gate opening_;
  Gate renewing_;
  std::optional<ClientConfig> config_;
  std::shared_ptr<Session> session_;
  Token token_;
  Gate sample_gate_;
  SampleWindow sample_window_;
};

/// The core and its thread. Ends both; a last owner on that very thread leaves it to end alone.
class CoreThread {
public:
  CoreThread(ClientOptions options, const TransportFactory& transport);
  CoreThread(const CoreThread&) = delete;
  CoreThread& operator=(const CoreThread&) = delete;
  ~CoreThread();

  Core& core() noexcept { return *core_; }
  boost::asio::any_io_executor executor() const { return core_->executor(); }

private:
  std::shared_ptr<Core> core_;
  std::thread thread_;
};

/// Runs `work` on the owner's executor and waits for it on the caller's. Keeps `owner` (a
/// CoreThread, or what keeps one). Being cancelled throws `cancelled`.
template <class Owner, class T>
task<T> on_core(std::shared_ptr<Owner> owner, task<T> work) {
  try {
    auto running =
        boost::asio::co_spawn(owner->executor(), std::move(work), boost::asio::use_awaitable);
    if constexpr (std::is_void_v<T>) {
      co_await std::move(running);
      co_return;
    } else {
      T result = co_await std::move(running);
      co_return result;
    }
  } catch (const boost::system::system_error& e) {
    if (e.code() == boost::asio::error::operation_aborted)
      throw Error(Errc::cancelled, "the call was cancelled");
    throw;
  }
}

}  // namespace xfer::tinker
