// SPDX-License-Identifier: Apache-2.0
// The pool of connections.
#include "tinker/client/gate.hpp"
#include "tinker/transport/connection.hpp"
#include "tinker/transport/tls.hpp"
#include "xfer/tinker/transport.hpp"

#include <algorithm>

namespace xfer::tinker {
namespace {

using Clock = std::chrono::steady_clock;

class HttpTransport final : public Transport {
public:
  HttpTransport(boost::asio::any_io_executor executor, const TransportOptions& options)
      : executor_(executor), idle_max_(options.idle_max),
        calls_(executor, options.connections_max, options.queue_max),
        polls_(executor, options.poll_connections_max, options.queue_max) {
    if (options.connections_max < 1 || options.poll_connections_max < 1)
      throw Error(Errc::invalid_argument, "connections_max: must be at least 1");
    route_.service = parse_address(options.base_url, AddressOf::service);
    route_.proxy = proxy_for(route_.service, options);
    route_.connect_timeout = options.connect_timeout;
    if (route_.service.tls) tls_.emplace(make_tls_context(options.ca_file));
  }

  task<HttpResponse> send(HttpRequest request) override {
    Pool& pool = request.long_poll ? polls_ : calls_;
    auto entering = pool.gate.enter();
    const Gate::Pass pass = co_await std::move(entering);
    std::shared_ptr<Connection> connection = take_idle(pool);
    if (!connection) {
      connection = make_connection(executor_, tls_ ? &*tls_ : nullptr, route_);
      auto opening = connection->open();
      co_await std::move(opening);
    }
    auto exchanging = connection->exchange(request);
    HttpResponse response = co_await std::move(exchanging);
    if (connection->usable()) pool.idle.emplace_back(std::move(connection));
    co_return response;
  }

private:
  struct Idle {
    explicit Idle(std::shared_ptr<Connection> unused) : connection(std::move(unused)) {}
    std::shared_ptr<Connection> connection;
    Clock::time_point since = Clock::now();
  };
  struct Pool {
    Pool(boost::asio::any_io_executor executor, std::size_t limit, std::size_t queue_max)
        : gate(std::move(executor), limit, queue_max) {}
    Gate gate;
    /// Longest unused first.
    std::vector<Idle> idle;
  };

  std::shared_ptr<Connection> take_idle(Pool& pool) {
    const auto oldest = Clock::now() - idle_max_;
    std::erase_if(pool.idle, [&](const Idle& i) { return i.since < oldest; });
    while (!pool.idle.empty()) {
      const auto connection = std::move(pool.idle.back().connection);
      pool.idle.pop_back();
      if (connection->usable()) return connection;
    }
    return nullptr;
  }

  boost::asio::any_io_executor executor_;
  std::chrono::milliseconds idle_max_;
  Route route_;
  std::optional<boost::asio::ssl::context> tls_;
  Pool calls_;
  Pool polls_;
};

}  // namespace

std::unique_ptr<Transport> make_http_transport(boost::asio::any_io_executor executor,
                                               const TransportOptions& options) {
  return std::make_unique<HttpTransport>(std::move(executor), options);
}

}  // namespace xfer::tinker
