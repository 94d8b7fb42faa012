// SPDX-License-Identifier: Apache-2.0
// Requests as the service sees them, and its answers.
#pragma once

#include "serve/byte_budget.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xfer::serve {

/// What is known before a body is read.
struct HttpHead {
  HttpHead() = default;
  std::string method;
  /// Percent-decoded, and cut at slashes: "/api/v1/x" is {"api", "v1", "x"}.
  std::vector<std::string> path;
  std::vector<std::pair<std::string, std::string>> query;
  std::string api_key;
  std::string content_type;
  std::string content_encoding;
};

struct HttpAnswer {
  HttpAnswer() = default;
  explicit HttpAnswer(std::string json) : body(std::move(json)) {}
  HttpAnswer(int code, std::string json) : status(code), body(std::move(json)) {}
  int status = 200;
  std::string content_type = "application/json";
  /// Instead of `body` when set: shared, as results are sent again when asked for again.
  std::shared_ptr<const std::string> shared_body;
  std::string body;
};

/// Takes a request target apart. Nothing when it is malformed.
std::optional<HttpHead> parse_target(std::string_view target);

class HttpHandler {
public:
  HttpHandler() = default;
  HttpHandler(const HttpHandler&) = delete;
  HttpHandler& operator=(const HttpHandler&) = delete;
  virtual ~HttpHandler() = default;

  /// Called before the body is read: the answer when the request is refused already.
  virtual std::optional<HttpAnswer> refuse(const HttpHead& head) = 0;
  /// Largest body that may come with it.
  virtual std::size_t body_bytes_max(const HttpHead& head) = 0;
  /// Does not throw.
  virtual task<HttpAnswer> handle(HttpHead head, std::string body) = 0;
};

struct HttpOptions {
  HttpOptions() = default;
  std::string host;
  std::uint16_t port = 0;
  std::size_t connections_max = 0;
  std::size_t header_bytes_max = 0;
  std::chrono::milliseconds idle{};
  std::chrono::milliseconds transfer{};
};

/// HTTP/1.1 with keep-alive. All on one executor, which must run on one thread.
class HttpServer {
public:
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const noexcept = 0;
  virtual void start() = 0;
  /// Accepts no more and closes unused connections; others end with their next answer.
  virtual void stop() = 0;
  /// Closes all connections at once.
  virtual void close() = 0;

protected:
  HttpServer() = default;
};

/// `handler` and `bodies` must outlive the server. Throws `io` when the address cannot be listened
/// on.
std::unique_ptr<HttpServer> make_http_server(boost::asio::any_io_executor executor,
                                             HttpHandler& handler, ByteBudget& bodies,
                                             HttpOptions options);

}  // namespace xfer::serve
