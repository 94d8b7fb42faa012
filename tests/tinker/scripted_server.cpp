// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/scripted_server.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <atomic>
#include <thread>

namespace xfer::tinker::testing {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
template <class T>
using coroutine = asio::awaitable<T>;

struct ScriptedServer::State {
  State(Handler h, const ServerIdentity& identity, BodyCut cut)
      : handler(std::move(h)), body_cut(std::move(cut)),
        acceptor(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    if (identity.certificate.empty()) return;
    tls = std::make_unique<asio::ssl::context>(asio::ssl::context::tls_server);
    tls->use_certificate_chain(asio::buffer(identity.certificate));
    tls->use_private_key(asio::buffer(identity.key), asio::ssl::context::pem);
  }

  coroutine<void> accept();
  coroutine<void> plain(tcp::socket socket, int number);
  coroutine<void> secure(tcp::socket socket, int number);
  template <class Stream>
  coroutine<void> serve(Stream& stream, int number);
  template <class Stream>
  coroutine<bool> answer(Stream& stream, const ServerReply& reply);
  template <class Stream>
  coroutine<void> flood(Stream& stream, bool slowly);

  Handler handler;
  BodyCut body_cut;
  asio::io_context loop{1};
  tcp::acceptor acceptor;
  std::unique_ptr<asio::ssl::context> tls;
  std::atomic<int> count{0};
  std::thread thread;
};

coroutine<void> ScriptedServer::State::accept() {
  for (;;) {
    auto accepting = acceptor.async_accept(asio::use_awaitable);
    tcp::socket socket = co_await std::move(accepting);
    const int number = count++;
    if (tls)
      asio::co_spawn(loop, secure(std::move(socket), number), asio::detached);
    else
      asio::co_spawn(loop, plain(std::move(socket), number), asio::detached);
  }
}

coroutine<void> ScriptedServer::State::plain(tcp::socket socket, int number) {
  auto serving = serve(socket, number);
  co_await std::move(serving);
}

coroutine<void> ScriptedServer::State::secure(tcp::socket socket, int number) {
  asio::ssl::stream<tcp::socket> stream(std::move(socket), *tls);
  auto shaking = stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  co_await std::move(shaking);
  auto serving = serve(stream, number);
  co_await std::move(serving);
}

template <class Stream>
coroutine<void> ScriptedServer::State::serve(Stream& stream, int number) {
  boost::beast::flat_buffer buffer;
  try {
    for (;;) {
      http::request_parser<http::string_body> parser;
      parser.body_limit(std::uint64_t{64} << 20U);
      auto beginning = http::async_read_header(stream, buffer, parser, asio::use_awaitable);
      co_await std::move(beginning);
      if (body_cut && body_cut(std::string(parser.get().target()))) co_return;
      if (!parser.is_done()) {
        auto reading = http::async_read(stream, buffer, parser, asio::use_awaitable);
        co_await std::move(reading);
      }
      ServerRequest request;
      request.connection = number;
      request.method = std::string(parser.get().method_string());
      request.target = std::string(parser.get().target());
      for (const auto& field : parser.get()) {
        std::string name(field.name_string());
        for (char& c : name)
          if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
        request.headers[name] = std::string(field.value());
      }
      request.body = parser.get().body();
      const ServerReply reply = handler(request);
      if (reply.delay.count() > 0) {
        asio::steady_timer timer(loop, reply.delay);
        auto waiting = timer.async_wait(asio::use_awaitable);
        co_await std::move(waiting);
      }
      auto answering = answer(stream, reply);
      const bool go_on = co_await std::move(answering);
      if (!go_on) co_return;
    }
  } catch (const boost::system::system_error&) {
    // The client went away.
  }
}

template <class Stream>
coroutine<void> ScriptedServer::State::flood(Stream& stream, bool slowly) {
  const std::string piece =
      slowly ? "1\r\nx\r\n" : "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  for (;;) {
    if (slowly) {
      asio::steady_timer timer(loop, std::chrono::milliseconds(5));
      auto waiting = timer.async_wait(asio::use_awaitable);
      co_await std::move(waiting);
    }
    auto writing = asio::async_write(stream, asio::buffer(piece), asio::use_awaitable);
    co_await std::move(writing);
  }
}

template <class Stream>
coroutine<bool> ScriptedServer::State::answer(Stream& stream, const ServerReply& reply) {
  if (reply.sending == Sending::cut) co_return false;
  std::string head = "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\n";
  if (reply.status != 204) head += "Content-Type: " + reply.type + "\r\n";
  for (const auto& [name, value] : reply.headers) head += name + ": " + value + "\r\n";
  const bool flooding = reply.sending == Sending::endless || reply.sending == Sending::drip;
  if (flooding)
    head += "Transfer-Encoding: chunked\r\n";
  else if (reply.status != 204)
    head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  if (reply.close) head += "Connection: close\r\n";
  std::string bytes = head + "\r\n";
  if (!flooding)
    bytes += reply.sending == Sending::truncate ? reply.body.substr(0, reply.body.size() / 2)
                                                : reply.body;
  if (reply.sending == Sending::cut_head) bytes.resize(head.size() / 2);
  if (reply.sending == Sending::garbage) bytes = "\x16\x03\x01 this is not HTTP\r\n\r\n";
  if (reply.sending == Sending::raw) bytes = reply.body;
  auto writing = asio::async_write(stream, asio::buffer(bytes), asio::use_awaitable);
  co_await std::move(writing);
  if (flooding) {
    auto flow = flood(stream, reply.sending == Sending::drip);
    co_await std::move(flow);
  }
  co_return reply.sending == Sending::whole && !reply.close;
}

ScriptedServer::ScriptedServer(Handler handler, ServerIdentity identity, BodyCut body_cut)
    : state_(std::make_unique<State>(std::move(handler), identity, std::move(body_cut))) {
  asio::co_spawn(state_->loop, state_->accept(), asio::detached);
  state_->thread = std::thread([state = state_.get()] { state->loop.run(); });
}

ScriptedServer::~ScriptedServer() {
  state_->loop.stop();
  state_->thread.join();
}

int ScriptedServer::port() const { return state_->acceptor.local_endpoint().port(); }
std::string ScriptedServer::url() const {
  return (state_->tls ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port());
}
int ScriptedServer::connections() const { return state_->count; }

}  // namespace xfer::tinker::testing
