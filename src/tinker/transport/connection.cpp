// SPDX-License-Identifier: Apache-2.0
#include "tinker/transport/connection.hpp"

#include "tinker/transport/address.hpp"
#include "tinker/transport/tls.hpp"
#include "tinker/wire/base64.hpp"
#include "tinker/wire/zstd_body.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <sys/socket.h>

namespace xfer::tinker {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint32_t header_bytes_max = 64U << 10U;
constexpr const char* user_agent = "xfer/0.1";

http::verb verb_of(Method method) {
  switch (method) {
    case Method::get: return http::verb::get;
    case Method::post: return http::verb::post;
    case Method::put: return http::verb::put;
    case Method::del: return http::verb::delete_;
  }
  return http::verb::get;
}

class BeastConnection final : public Connection,
                              public std::enable_shared_from_this<BeastConnection> {
public:
  BeastConnection(const asio::any_io_executor& executor, asio::ssl::context* tls, Route route)
      : route_(std::move(route)), resolver_(executor), socket_(executor), deadline_(executor),
        tls_context_(tls) {}

  task<void> open() override;
  task<HttpResponse> exchange(const HttpRequest& request) override;
  bool usable() override;

private:
  /// Closes the connection when an exchange takes too long. Ends with the object.
  class Deadline {
  public:
    Deadline(BeastConnection& connection, std::chrono::milliseconds budget) : c_(connection) {
      c_.timed_out_ = false;
      const std::uint64_t phase = ++c_.phase_;
      c_.deadline_.expires_after(budget);
      c_.deadline_.async_wait([weak = c_.weak_from_this(), phase](error_code rung) {
        const auto self = weak.lock();
        if (rung || !self || self->phase_ != phase) return;
        self->timed_out_ = true;
        self->close();
      });
    }
    Deadline(const Deadline&) = delete;
    Deadline& operator=(const Deadline&) = delete;
    ~Deadline() {
      ++c_.phase_;
      c_.deadline_.cancel();
    }

  private:
    BeastConnection& c_;
  };

  void close() {
    error_code ignored;
    resolver_.cancel();
    socket_.close(ignored);
    keep_alive_ = false;
  }
  task<void> connect();
  task<void> open_tunnel();
  task<void> secure();
  template <class Stream>
  task<HttpResponse> talk(Stream& stream, const HttpRequest& request);
  http::request<http::string_body> message_of(const HttpRequest& request) const;
  /// The failure of an operation, in terms of the transport.
  [[noreturn]] void fail(const std::string& what, const error_code& why, bool may_have_arrived);

  Route route_;
  tcp::resolver resolver_;
  tcp::socket socket_;
  asio::steady_timer deadline_;
  asio::ssl::context* tls_context_;
  std::optional<TlsStream> tls_;
  boost::beast::flat_buffer buffer_;
  bool keep_alive_ = false;
  bool timed_out_ = false;
  bool sent_ = false;
  std::uint64_t phase_ = 0;
};

void BeastConnection::fail(const std::string& what, const error_code& why, bool may_have_arrived) {
  close();
  if (timed_out_) throw TransportError(Errc::timeout, what + ": timed out", may_have_arrived);
  if (why == asio::error::operation_aborted) throw boost::system::system_error(why);
  if (why == http::error::body_limit || why == http::error::header_limit ||
      why == http::error::buffer_overflow)
    throw TransportError(Errc::bad_data, what + ": the answer is larger than allowed",
                         may_have_arrived);
  if (why.category() == make_error_code(http::error::bad_version).category() &&
      why != http::error::end_of_stream && why != http::error::partial_message)
    throw TransportError(Errc::bad_data,
                         what + ": the answer is not valid HTTP (" + why.message() + ")",
                         may_have_arrived);
  throw TransportError(Errc::unavailable, what + ": " + why.message(), may_have_arrived);
}

task<void> BeastConnection::connect() {
  const Address& next = route_.proxy ? *route_.proxy : route_.service;
  error_code failed;
  auto resolving = resolver_.async_resolve(next.host, std::to_string(next.port),
                                           asio::redirect_error(asio::use_awaitable, failed));
  const auto endpoints = co_await std::move(resolving);
  if (!failed) {
    auto connecting =
        asio::async_connect(socket_, endpoints, asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(connecting);
  }
  if (failed) fail("cannot reach " + next.host_port(), failed, false);
  error_code ignored;
  socket_.set_option(tcp::no_delay(true), ignored);
}

task<void> BeastConnection::open_tunnel() {
  const std::string what = "proxy " + route_.proxy->host_port();
  http::request<http::empty_body> ask(http::verb::connect, route_.service.host_port(), 11);
  ask.set(http::field::host, route_.service.host_port());
  if (!route_.proxy->credentials.empty())
    ask.set(http::field::proxy_authorization, "Basic " + base64_encode(route_.proxy->credentials));
  error_code failed;
  auto writing = http::async_write(socket_, ask, asio::redirect_error(asio::use_awaitable, failed));
  co_await std::move(writing);
  if (failed) fail(what, failed, false);
  http::response_parser<http::empty_body> answer;
  answer.header_limit(header_bytes_max);
  answer.skip(true);  // what follows belongs to the tunnel
  auto reading = http::async_read_header(socket_, buffer_, answer,
                                         asio::redirect_error(asio::use_awaitable, failed));
  co_await std::move(reading);
  if (failed) fail(what, failed, false);
  const unsigned status = answer.get().result_int();
  if (status == 407)
    throw TransportError(Errc::unauthorized,
                         what +
                             " asks for credentials: give them in its address, "
                             "http://user:password@host:port",
                         false);
  if (status / 100 != 2)
    throw TransportError(Errc::unavailable,
                         what + " refused the connection (status " + std::to_string(status) + ")",
                         false);
}

task<void> BeastConnection::secure() {
  const std::string& host = route_.service.host;
  tls_.emplace(socket_, *tls_context_);
  expect_host(*tls_, host);
  error_code failed;
  auto shaking = tls_->async_handshake(asio::ssl::stream_base::client,
                                       asio::redirect_error(asio::use_awaitable, failed));
  co_await std::move(shaking);
  if (!failed) co_return;
  const std::string refused = refused_certificate(*tls_, host);
  if (!refused.empty() && !timed_out_) {
    close();
    throw TransportError(Errc::unauthorized, refused, false);
  }
  fail("TLS with " + route_.service.host_port(), failed, false);
}

task<void> BeastConnection::open() {
  const auto self = shared_from_this();
  const Deadline deadline(*this, route_.connect_timeout);
  auto connecting = connect();
  co_await std::move(connecting);
  if (route_.service.tls) {
    if (route_.proxy) {
      auto tunnel = open_tunnel();
      co_await std::move(tunnel);
    }
    auto securing = secure();
    co_await std::move(securing);
  }
  keep_alive_ = true;
}

http::request<http::string_body> BeastConnection::message_of(const HttpRequest& request) const {
  std::string target = route_.service.prefix + request.path;
  const bool plain_proxy = route_.proxy && !route_.service.tls;
  if (plain_proxy) target.insert(0, "http://" + route_.service.authority());
  http::request<http::string_body> message(verb_of(request.method), target, 11);
  message.set(http::field::host, route_.service.authority());
  message.set(http::field::user_agent, user_agent);
  message.set(http::field::accept, request.accept);
  message.set(http::field::accept_encoding, "zstd");
  if (plain_proxy && !route_.proxy->credentials.empty())
    message.set(http::field::proxy_authorization,
                "Basic " + base64_encode(route_.proxy->credentials));
  if (!request.content_type.empty()) message.set(http::field::content_type, request.content_type);
  for (const auto& [name, value] : request.headers) message.set(name, value);
  if (request.compress) {
    message.set(http::field::content_encoding, "zstd");
    message.body() = zstd_compress(request.body);
  } else {
    message.body() = request.body;
  }
  message.prepare_payload();
  return message;
}

template <class Stream>
task<HttpResponse> BeastConnection::talk(Stream& stream, const HttpRequest& request) {
  const std::string what = std::string(to_string(request.method)) + " " + request.path;
  const auto message = message_of(request);
  error_code failed;
  auto writing =
      http::async_write(stream, message, asio::redirect_error(asio::use_awaitable, failed));
  co_await std::move(writing);
  // A failed write leaves a part unsent, and nobody acts on part of a body.
  if (failed) fail(what, failed, false);
  sent_ = true;
  for (int interim = 0; interim < 8; ++interim) {
    http::response_parser<http::string_body> answer;
    answer.header_limit(header_bytes_max);
    answer.body_limit(request.response_bytes_max);
    auto reading = http::async_read(stream, buffer_, answer,
                                    asio::redirect_error(asio::use_awaitable, failed));
    co_await std::move(reading);
    if (failed) fail(what, failed, true);
    auto& got = answer.get();
    if (got.result_int() < 200) continue;
    keep_alive_ = answer.keep_alive();
    HttpResponse out;
    out.status = static_cast<int>(got.result_int());
    for (const auto& field : got)
      out.headers.emplace_back(lower(field.name_string()), std::string(field.value()));
    out.body = std::move(got.body());
    co_return out;
  }
  throw TransportError(Errc::bad_data, what + ": interim answers without end", true);
}

task<HttpResponse> BeastConnection::exchange(const HttpRequest& request) {
  const auto self = shared_from_this();
  sent_ = false;
  HttpResponse out;
  {
    const Deadline deadline(*this, request.timeout);
    auto talking = tls_ ? talk(*tls_, request) : talk(socket_, request);
    out = co_await std::move(talking);
  }
  const std::string* encoding = out.header("content-encoding");
  if (encoding != nullptr && *encoding != "identity") {
    if (*encoding != "zstd")
      throw TransportError(Errc::bad_data, request.path + ": the answer's encoding is unknown",
                           true);
    try {
      out.body = zstd_decompress(out.body, request.response_bytes_max);
    } catch (const Error& e) {
      throw TransportError(Errc::bad_data, request.path + ": " + e.what(), true);
    }
  }
  co_return out;
}

bool BeastConnection::usable() {
  if (!keep_alive_ || !socket_.is_open() || buffer_.size() != 0) return false;
  char byte = 0;
  const auto got = ::recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace

std::shared_ptr<Connection> make_connection(const asio::any_io_executor& executor,
                                            asio::ssl::context* tls, const Route& route) {
  return std::make_shared<BeastConnection>(executor, tls, route);
}

}  // namespace xfer::tinker
