// SPDX-License-Identifier: Apache-2.0
// One HTTP/1.1 connection. No Beast in this header: it takes long to compile.
#pragma once

#include "tinker/transport/address.hpp"
#include "xfer/tinker/transport.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ssl/context.hpp>

#include <chrono>
#include <memory>
#include <optional>

namespace xfer::tinker {

/// How a service is reached.
struct Route {
  Address service;
  std::optional<Address> proxy;
  std::chrono::milliseconds connect_timeout{10'000};
};

/// Open, exchange, exchange, ...; closed by its end, by any failure, and by cancellation. Kept
/// alive by shared pointers, as its deadline may ring late.
class Connection {
public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  virtual ~Connection() = default;

  /// Resolves, connects (through the proxy) and secures. Throws `TransportError`.
  virtual task<void> open() = 0;
  /// One request and its answer. Throws as `Transport::send`. `request` must outlive the task.
  virtual task<HttpResponse> exchange(const HttpRequest& request) = 0;
  /// Whether another exchange can follow: the service keeps it and has said nothing unasked.
  virtual bool usable() = 0;

protected:
  Connection() = default;
};

/// `tls` may be null for services reached by plain HTTP, and must outlive the connection.
std::shared_ptr<Connection> make_connection(const boost::asio::any_io_executor& executor,
                                            boost::asio::ssl::context* tls, const Route& route);

}  // namespace xfer::tinker
