// SPDX-License-Identifier: Apache-2.0
#include "xfer/serve/server.hpp"

#include "serve/service.hpp"
#include "xfer/error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <future>
#include <mutex>
#include <thread>

namespace xfer::serve {

namespace asio = boost::asio;

namespace {

ServeOptions checked(ServeOptions options) {
  const auto refuse = [](const std::string& what) {
    throw Error(Errc::invalid_argument, "serve: " + what);
  };
  if (options.model_name.empty()) refuse("model_name is empty");
  if (options.folder.empty()) refuse("folder is empty");
  boost::system::error_code malformed;
  const auto address = asio::ip::make_address(options.host, malformed);
  if (malformed)
    refuse("host must be a numeric address such as 127.0.0.1 (got '" + options.host + "')");
  if (!address.is_loopback() && options.api_keys.empty())
    refuse("host " + options.host +
           " lets others in, so there must be API keys; 127.0.0.1 needs none");
  std::error_code failed;
  std::filesystem::create_directories(options.folder, failed);
  if (failed)
    throw Error(Errc::io, "serve: cannot make the folder " + options.folder.string() + ": " +
                              failed.message());
  options.folder = std::filesystem::absolute(options.folder, failed).lexically_normal();
  return options;
}

HttpOptions http_options(const ServeOptions& options) {
  HttpOptions out;
  out.host = options.host;
  out.port = options.port;
  out.connections_max = options.limits.connections;
  out.header_bytes_max = options.limits.header_bytes;
  out.idle = options.timing.connection_idle;
  out.transfer = options.timing.transfer;
  return out;
}

}  // namespace

class Server::State {
public:
  State(std::shared_ptr<const engine::Model> model, const ServeOptions& options)
      : timing_(options.timing), host_(options.host),
        service_(loop_.get_executor(), std::move(model), options),
        http_(make_http_server(loop_.get_executor(), service_, service_.bodies(),
                               http_options(options))) {
    http_->start();
    asio::co_spawn(loop_, sweep(timing_.sweep),
                   asio::bind_cancellation_slot(sweeping_.slot(), asio::detached));
    std::packaged_task<void()> run([this] { loop_.run(); });
    ended_ = run.get_future();
    thread_ = std::thread(std::move(run));
  }
  ~State() { stop(); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::uint16_t port() const noexcept { return http_->port(); }
  const std::string& host() const noexcept { return host_; }

  void stop() {
    const std::lock_guard lock(stopping_);
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] {
      http_->stop();
      service_.stop();
      sweeping_.emit(asio::cancellation_type::terminal);
    });
    // The loop ends by itself when nothing is left to do.
    if (ended_.wait_for(timing_.stop) != std::future_status::ready)
      asio::post(loop_, [this] { http_->close(); });
    thread_.join();
  }

private:
  task<void> sweep(std::chrono::milliseconds every) {
    asio::steady_timer timer(loop_);
    for (;;) {
      timer.expires_after(every);
      auto waiting = timer.async_wait(asio::use_awaitable);
      co_await std::move(waiting);
      try {
        service_.sweep();
      } catch (const std::exception&) {
        // The disk may be full: what is left is looked for again.
      }
    }
  }

  ServeTiming timing_;
  std::string host_;
  asio::io_context loop_{1};
  asio::cancellation_signal sweeping_;
  Service service_;
  std::unique_ptr<HttpServer> http_;
  std::future<void> ended_;
  std::mutex stopping_;
  std::thread thread_;
};

Server::Server(std::shared_ptr<const engine::Model> model, ServeOptions options)
    : state_(std::make_unique<State>(std::move(model), checked(std::move(options)))) {}

Server::~Server() = default;

std::uint16_t Server::port() const noexcept { return state_->port(); }

std::string Server::url() const {
  const bool v6 = state_->host().find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + state_->host() + "]" : state_->host()) + ":" +
         std::to_string(port());
}

void Server::stop() { state_->stop(); }

}  // namespace xfer::serve
