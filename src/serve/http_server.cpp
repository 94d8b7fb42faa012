// SPDX-License-Identifier: Apache-2.0
#include "serve/http.hpp"
#include "tinker/wire/server_answers.hpp"
#include "xfer/error.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <list>

namespace xfer::serve {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;
using Parser = http::request_parser<http::string_body>;

struct Connection {
  explicit Connection(tcp::socket socket) : stream(std::move(socket)) {}
  beast::tcp_stream stream;
  beast::flat_buffer buffer;
  bool idle = false;
  std::list<std::shared_ptr<Connection>>::iterator place;

  void close() {
    error_code ignored;
    stream.socket().close(ignored);
  }
};

std::string field_of(const Parser& parser, beast::string_view name) {
  const auto found = parser.get().find(name);
  return found == parser.get().end() ? std::string() : std::string(found->value());
}

HttpAnswer refusal(int status, const std::string& why) {
  return HttpAnswer(status, tinker::failure_answer(why, "user"));
}

class BeastServer final : public HttpServer {
public:
  BeastServer(asio::any_io_executor executor, HttpHandler& handler, ByteBudget& bodies,
              HttpOptions options)
      : executor_(std::move(executor)), handler_(handler), bodies_(bodies),
        options_(std::move(options)), acceptor_(executor_) {
    listen();
  }

  std::uint16_t port() const noexcept override { return port_; }

  void start() override { asio::co_spawn(executor_, accept(), asio::detached); }

  void stop() override {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    for (const auto& connection : connections_)
      if (connection->idle) connection->close();
  }

  void close() override {
    stop();
    for (const auto& connection : connections_) connection->close();
  }

private:
  void listen() {
    error_code failed;
    const tcp::endpoint endpoint(asio::ip::make_address(options_.host, failed), options_.port);
    const auto check = [&](const char* doing) {
      if (failed)
        throw Error(Errc::io, std::string("serve: cannot ") + doing + " " + options_.host + ":" +
                                  std::to_string(options_.port) + ": " + failed.message());
    };
    check("use");
    acceptor_.open(endpoint.protocol(), failed);
    check("use");
    acceptor_.set_option(asio::socket_base::reuse_address(true), failed);
    check("use");
    acceptor_.bind(endpoint, failed);
    check("listen on");
    acceptor_.listen(asio::socket_base::max_listen_connections, failed);
    check("listen on");
    port_ = acceptor_.local_endpoint().port();
  }

  task<void> accept();
  task<void> serve(std::shared_ptr<Connection> connection);
  task<bool> exchange(std::shared_ptr<Connection> connection);
  task<HttpAnswer> answer_to(std::shared_ptr<Connection> connection, Parser& parser,
                             bool& body_read);
  task<void> write(std::shared_ptr<Connection> connection, HttpAnswer answer, bool keep_alive);
  task<void> linger(std::shared_ptr<Connection> connection);
  std::optional<HttpHead> head_of(const Parser& parser) const;

  asio::any_io_executor executor_;
  HttpHandler& handler_;
  ByteBudget& bodies_;
  HttpOptions options_;
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  bool stopping_ = false;
  /// Those that have been idle longest come first.
  std::list<std::shared_ptr<Connection>> connections_;
};

task<void> BeastServer::accept() {
  while (!stopping_) {
    error_code failed;
    auto accepting = acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, failed));
    tcp::socket socket = co_await std::move(accepting);
    if (stopping_) co_return;
    if (failed) {
      // No descriptors left, most likely: give others time to end.
      asio::steady_timer pause(executor_, std::chrono::milliseconds(100));
      auto waiting = pause.async_wait(asio::use_awaitable);
      co_await std::move(waiting);
      continue;
    }
    if (connections_.size() >= options_.connections_max) {
      // Whoever does nothing makes room; when all are at work the newcomer has to come again.
      const auto oldest = std::find_if(connections_.begin(), connections_.end(),
                                       [](const auto& other) { return other->idle; });
      if (oldest == connections_.end()) continue;
      (*oldest)->idle = false;
      (*oldest)->close();
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    auto connection = std::make_shared<Connection>(std::move(socket));
    connection->place = connections_.insert(connections_.end(), connection);
    asio::co_spawn(executor_, serve(std::move(connection)), asio::detached);
  }
}

task<void> BeastServer::serve(std::shared_ptr<Connection> connection) {
  try {
    for (bool more = true; more;) {
      auto exchanging = exchange(connection);
      more = co_await std::move(exchanging);
    }
  } catch (const std::exception&) {
    // The client went away, was too slow, or did not speak HTTP; or memory ran out.
  }
  connection->close();
  connections_.erase(connection->place);
}

std::optional<HttpHead> BeastServer::head_of(const Parser& parser) const {
  const auto target = parser.get().target();
  auto head = parse_target(std::string_view(target.data(), target.size()));
  if (!head) return head;
  const auto method = parser.get().method_string();
  head->method.assign(method.data(), method.size());
  head->api_key = field_of(parser, "X-API-Key");
  head->content_type = field_of(parser, "Content-Type");
  head->content_encoding = field_of(parser, "Content-Encoding");
  return head;
}

/// One request and its answer; whether the connection can take another.
task<bool> BeastServer::exchange(std::shared_ptr<Connection> connection) {
  Connection& c = *connection;
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options_.header_bytes_max));
  parser.body_limit(boost::none);  // set when the kind of request is known
  if (c.buffer.size() == 0) {
    // To the end of the line of those that may be closed to make room.
    connections_.splice(connections_.end(), connections_, c.place);
    c.idle = true;
    c.stream.expires_after(options_.idle);
    auto waiting = c.stream.async_read_some(c.buffer.prepare(4096), asio::use_awaitable);
    const std::size_t count = co_await std::move(waiting);
    c.idle = false;
    c.buffer.commit(count);
  }
  // For the whole request, so that a slow drip does not last for ever.
  c.stream.expires_after(options_.transfer);
  auto reading = http::async_read_header(c.stream, c.buffer, parser, asio::use_awaitable);
  co_await std::move(reading);
  bool body_read = false;
  auto answering = answer_to(connection, parser, body_read);
  HttpAnswer answer = co_await std::move(answering);
  const bool keep_alive = body_read && parser.get().keep_alive() && !stopping_;
  auto writing = write(connection, std::move(answer), keep_alive);
  co_await std::move(writing);
  if (!keep_alive) {
    auto parting = linger(connection);
    co_await std::move(parting);
  }
  co_return keep_alive;
}

/// Lets the client read the answer before the connection is closed under what it still sends.
task<void> BeastServer::linger(std::shared_ptr<Connection> connection) {
  constexpr std::chrono::seconds patience(2);
  error_code failed;
  connection->stream.socket().shutdown(tcp::socket::shutdown_send, failed);
  connection->stream.expires_after(patience);
  std::array<char, 4096> ignored;
  while (!failed) {
    auto reading = connection->stream.async_read_some(
        asio::buffer(ignored), asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(reading);
  }
}

task<HttpAnswer> BeastServer::answer_to(std::shared_ptr<Connection> connection, Parser& parser,
                                        bool& body_read) {
  Connection& c = *connection;
  auto head = head_of(parser);
  if (!head) co_return refusal(400, "the address of the request is malformed");
  body_read = parser.is_done();  // there is none
  if (auto refused = handler_.refuse(*head)) co_return std::move(*refused);
  const std::size_t bytes_max = handler_.body_bytes_max(*head);
  const auto announced = parser.content_length();
  if (announced && *announced > bytes_max)
    co_return refusal(413, "the body has " + std::to_string(*announced) + " bytes, at most " +
                               std::to_string(bytes_max) + " are allowed");
  ByteBudget::Hold hold;
  const std::size_t expected =
      announced ? static_cast<std::size_t>(*announced) : (parser.chunked() ? bytes_max : 0);
  if (!bodies_.take(expected, hold))
    co_return refusal(429, "too much is being sent at once; try again later");
  parser.body_limit(static_cast<std::uint64_t>(bytes_max));
  if (beast::iequals(field_of(parser, "Expect"), "100-continue")) {
    static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    auto inviting = asio::async_write(c.stream, asio::buffer(go_on), asio::use_awaitable);
    co_await std::move(inviting);
  }
  error_code failed;
  auto reading = http::async_read(c.stream, c.buffer, parser,
                                  asio::redirect_error(asio::use_awaitable, failed));
  co_await std::move(reading);
  if (failed == http::error::body_limit)
    co_return refusal(413,
                      "the body has more than the allowed " + std::to_string(bytes_max) + " bytes");
  if (failed) throw boost::system::system_error(failed);
  body_read = true;
  c.stream.expires_never();
  auto handling = handler_.handle(std::move(*head), std::move(parser.get().body()));
  HttpAnswer answer = co_await std::move(handling);
  co_return answer;
}

task<void> BeastServer::write(std::shared_ptr<Connection> connection, HttpAnswer answer,
                              bool keep_alive) {
  const std::string& body = answer.shared_body ? *answer.shared_body : answer.body;
  http::response<http::empty_body> response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::server, "xfer");
  if (answer.status != 204) {
    response.set(http::field::content_type, answer.content_type);
    response.content_length(body.size());
  }
  response.keep_alive(keep_alive);
  http::response_serializer<http::empty_body> serializer(response);
  connection->stream.expires_after(options_.transfer);
  auto starting = http::async_write_header(connection->stream, serializer, asio::use_awaitable);
  co_await std::move(starting);
  if (answer.status == 204 || body.empty()) co_return;
  auto sending = asio::async_write(connection->stream, asio::buffer(body), asio::use_awaitable);
  co_await std::move(sending);
}

}  // namespace

std::unique_ptr<HttpServer> make_http_server(asio::any_io_executor executor, HttpHandler& handler,
                                             ByteBudget& bodies, HttpOptions options) {
  return std::make_unique<BeastServer>(std::move(executor), handler, bodies, std::move(options));
}

}  // namespace xfer::serve
