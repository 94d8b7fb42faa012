// SPDX-License-Identifier: Apache-2.0
// One request at a time: what the connections and their pool promise.
#include "xfer/tinker/transport.hpp"
#include "tests/tinker/certificates.hpp"
#include "tests/tinker/scripted_server.hpp"
#include "tinker/transport/address.hpp"
#include "tinker/wire/zstd_body.hpp"
#include "xfer/run_blocking.hpp"

#include <gtest/gtest.h>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace xfer::tinker {
namespace {

using namespace std::chrono_literals;
using testing::Authority;
using testing::ScriptedServer;
using testing::Sending;
using testing::ServerReply;
using testing::ServerRequest;

ServerReply echo(const ServerRequest& request) { return ServerReply(request.body); }

HttpRequest post(std::string body) {
  HttpRequest request(Method::post, "/api/v1/x");
  request.body = std::move(body);
  request.content_type = "application/json";
  request.timeout = 5s;
  return request;
}

/// Runs a coroutine that gets a transport made on its own executor.
template <class T>
task<T> with_transport(TransportOptions options, task<T> (*work)(Transport&)) {
  const auto transport = make_http_transport(co_await boost::asio::this_coro::executor, options);
  auto running = work(*transport);
  T result = co_await std::move(running);
  co_return result;
}

TransportOptions options_for(const std::string& url) {
  TransportOptions options;
  options.base_url = url;
  return options;
}

task<HttpResponse> send_one(TransportOptions options, HttpRequest request) {
  const auto transport = make_http_transport(co_await boost::asio::this_coro::executor, options);
  auto sending = transport->send(std::move(request));
  HttpResponse response = co_await std::move(sending);
  co_return response;
}

HttpResponse one(const TransportOptions& options, HttpRequest request) {
  return run_blocking(send_one(options, std::move(request)));
}

/// The transport's failure, which must be one.
TransportError failure(const TransportOptions& options, HttpRequest request) {
  try {
    one(options, std::move(request));
  } catch (const TransportError& e) {
    return e;
  }
  ADD_FAILURE() << "nothing was thrown";
  return TransportError(Errc::internal, "", false);
}

TEST(Address, is_read_or_refused) {
  const auto a = parse_address("https://Example.org/services/x/", AddressOf::service);
  EXPECT_TRUE(a.tls);
  EXPECT_EQ(a.host, "example.org");
  EXPECT_EQ(a.port, 443);
  EXPECT_EQ(a.prefix, "/services/x");
  EXPECT_EQ(a.authority(), "example.org");
  const auto v6 = parse_address("http://[::1]:8000", AddressOf::service);
  EXPECT_EQ(v6.host, "::1");
  EXPECT_EQ(v6.authority(), "[::1]:8000");
  const auto proxy = parse_address("http://user:p%40ss@proxy:3128", AddressOf::proxy);
  EXPECT_EQ(proxy.credentials, "user:p@ss");
  EXPECT_EQ(parse_address("proxy:3128", AddressOf::proxy).port, 3128);
  for (const char* bad :
       {"", "example.org", "ftp://x", "http://", "http://x:0", "http://x:99999",
        "http://user:secret@x", "http://x?y", "http://x#y", "http://x\r\ny", "R:]", "http:]"}) {
    try {
      parse_address(bad, AddressOf::service);
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      EXPECT_EQ(e.code(), Errc::invalid_argument);
      EXPECT_EQ(std::string(e.what()).find("secret"), std::string::npos);
    }
  }
}

TEST(Address, the_environment_chooses_the_proxy) {
  TransportOptions options;
  options.http_proxy = "http://plain:1";
  options.https_proxy = "http://secure:2";
  options.no_proxy = "internal.net, .lab.org,exact.com:8443";
  const auto host_of_proxy = [&](const char* url) -> std::string {
    const auto proxy = proxy_for(parse_address(url, AddressOf::service), options);
    return proxy ? proxy->host : "";
  };
  EXPECT_EQ(host_of_proxy("http://a.org"), "plain");
  EXPECT_EQ(host_of_proxy("https://a.org"), "secure");
  EXPECT_EQ(host_of_proxy("https://internal.net"), "");
  EXPECT_EQ(host_of_proxy("https://x.internal.net"), "");
  EXPECT_EQ(host_of_proxy("https://notinternal.net"), "secure");
  EXPECT_EQ(host_of_proxy("https://x.lab.org"), "");
  EXPECT_EQ(host_of_proxy("https://exact.com:8443"), "");
  EXPECT_EQ(host_of_proxy("https://exact.com"), "secure");
  EXPECT_EQ(host_of_proxy("http://localhost:8000"), "");
  EXPECT_EQ(host_of_proxy("http://127.0.0.1:8000"), "");
  options.no_proxy = "*";
  EXPECT_EQ(host_of_proxy("https://a.org"), "");
}

TEST(Zstd, gives_back_what_it_got_within_limits) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1} << 20U}) {
    const std::string text(size, 'x');
    EXPECT_EQ(zstd_decompress(zstd_compress(text), size), text);
  }
  const std::string bomb = zstd_compress(std::string(std::size_t{64} << 20U, '\0'));
  EXPECT_LT(bomb.size(), 10'000U);
  EXPECT_THROW(zstd_decompress(bomb, std::size_t{1} << 20U), Error);
  EXPECT_THROW(zstd_decompress(bomb.substr(0, bomb.size() / 2), std::size_t{1} << 30U), Error);
  EXPECT_THROW(zstd_decompress("nonsense", 100), Error);
}

TEST(HttpTransport, carries_requests_and_answers) {
  ServerRequest seen;
  ScriptedServer server([&](const ServerRequest& request) {
    seen = request;
    ServerReply reply(429, R"({"a":1})");
    reply.headers.emplace_back("Retry-After", "3");
    return reply;
  });
  auto options = options_for(server.url() + "/prefix/");
  HttpRequest request = post("{}");
  request.headers.emplace_back("X-API-Key", "tml-key");
  const auto response = one(options, std::move(request));
  EXPECT_EQ(response.status, 429);
  EXPECT_EQ(response.body, R"({"a":1})");
  EXPECT_EQ(*response.header("retry-after"), "3");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target, "/prefix/api/v1/x");
  EXPECT_EQ(seen.headers["content-type"], "application/json");
  EXPECT_EQ(seen.headers["content-length"], "2");
  EXPECT_EQ(seen.headers["x-api-key"], "tml-key");
  EXPECT_EQ(seen.headers["host"], "127.0.0.1:" + std::to_string(server.port()));
  one(options, HttpRequest(Method::get, "/y"));
  EXPECT_EQ(seen.method, "GET");
  EXPECT_EQ(seen.headers.count("content-length"), 0U);
}

TEST(HttpTransport, compresses_and_decompresses) {
  std::string encoding;
  ScriptedServer server([&](const ServerRequest& request) {
    encoding = request.headers.at("content-encoding");
    ServerReply reply(request.body);  // still compressed
    reply.headers.emplace_back("Content-Encoding", "zstd");
    return reply;
  });
  HttpRequest request = post(std::string(100'000, 'z'));
  request.compress = true;
  EXPECT_EQ(one(options_for(server.url()), std::move(request)).body, std::string(100'000, 'z'));
  EXPECT_EQ(encoding, "zstd");
}

task<int> five_calls(Transport& transport) {
  for (int i = 0; i < 5; ++i) {
    auto sending = transport.send(post("{}"));
    co_await std::move(sending);
  }
  co_return 0;
}

TEST(HttpTransport, keeps_connections_and_drops_those_the_service_closed) {
  ScriptedServer keeping(&echo);
  run_blocking(with_transport(options_for(keeping.url()), &five_calls));
  EXPECT_EQ(keeping.connections(), 1);
  ScriptedServer closing([](const ServerRequest& request) {
    ServerReply reply = echo(request);
    reply.close = true;
    return reply;
  });
  run_blocking(with_transport(options_for(closing.url()), &five_calls));
  EXPECT_EQ(closing.connections(), 5);
}

task<int> forty_at_once(Transport& transport) {
  const auto executor = co_await boost::asio::this_coro::executor;
  int done = 0;
  boost::asio::steady_timer finished(executor, 10s);
  for (int i = 0; i < 40; ++i)
    boost::asio::co_spawn(executor, transport.send(post("{}")),
                          [&](std::exception_ptr failed, const HttpResponse&) {
                            EXPECT_FALSE(failed);
                            if (++done == 40) finished.cancel();
                          });
  boost::system::error_code cancelled;
  auto waiting =
      finished.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, cancelled));
  co_await std::move(waiting);
  co_return done;
}

TEST(HttpTransport, opens_no_more_connections_than_allowed) {
  ScriptedServer server([](const ServerRequest& request) {
    ServerReply reply = echo(request);
    reply.delay = 5ms;
    return reply;
  });
  auto options = options_for(server.url());
  options.connections_max = 3;
  EXPECT_EQ(run_blocking(with_transport(options, &forty_at_once)), 40);
  EXPECT_EQ(server.connections(), 3);
}

TEST(HttpTransport, tells_whether_a_request_may_have_arrived) {
  ScriptedServer server([](const ServerRequest&) {
    ServerReply reply("{}");
    reply.sending = Sending::cut;
    return reply;
  });
  const auto cut = failure(options_for(server.url()), post("{}"));
  EXPECT_EQ(cut.code(), Errc::unavailable);
  EXPECT_TRUE(cut.may_have_arrived());
  const auto nobody = failure(options_for("http://127.0.0.1:1"), post("{}"));
  EXPECT_EQ(nobody.code(), Errc::unavailable);
  EXPECT_FALSE(nobody.may_have_arrived());
  EXPECT_NE(std::string(nobody.what()).find("127.0.0.1:1"), std::string::npos);
}

TEST(HttpTransport, bad_answers_end_in_an_error_within_limits) {
  const auto ending = [](Sending sending, std::chrono::milliseconds timeout) {
    ScriptedServer server([sending](const ServerRequest&) {
      ServerReply reply(std::string(1000, 'x'));
      reply.sending = sending;
      return reply;
    });
    HttpRequest request = post("{}");
    request.timeout = timeout;
    request.response_bytes_max = std::size_t{1} << 20U;
    return failure(options_for(server.url()), std::move(request)).code();
  };
  EXPECT_EQ(ending(Sending::truncate, 5s), Errc::unavailable);
  EXPECT_EQ(ending(Sending::endless, 5s), Errc::bad_data);
  EXPECT_EQ(ending(Sending::garbage, 5s), Errc::bad_data);
  EXPECT_EQ(ending(Sending::drip, 200ms), Errc::timeout);
}

TEST(HttpTransport, refuses_unknown_encodings_and_bombs) {
  for (const bool bomb : {true, false}) {
    ScriptedServer server([bomb](const ServerRequest&) {
      ServerReply reply(bomb ? zstd_compress(std::string(std::size_t{32} << 20U, '\0')) : "x");
      reply.headers.emplace_back("Content-Encoding", bomb ? "zstd" : "br");
      return reply;
    });
    EXPECT_EQ(failure(options_for(server.url()), post("{}")).code(), Errc::bad_data);
  }
}

task<int> cancelled_call(Transport& transport) {
  const auto executor = co_await boost::asio::this_coro::executor;
  boost::asio::cancellation_signal stop;
  boost::asio::steady_timer later(executor, 50ms);
  later.async_wait(
      [&](boost::system::error_code) { stop.emit(boost::asio::cancellation_type::terminal); });
  int outcome = 0;
  boost::asio::steady_timer finished(executor, 10s);
  boost::asio::co_spawn(executor, transport.send(post("{}")),
                        boost::asio::bind_cancellation_slot(
                            stop.slot(), [&](std::exception_ptr failed, const HttpResponse&) {
                              try {
                                if (failed) std::rethrow_exception(failed);
                              } catch (const boost::system::system_error& e) {
                                outcome = e.code() == boost::asio::error::operation_aborted ? 1 : 2;
                              } catch (...) {
                                outcome = 3;
                              }
                              finished.cancel();
                            }));
  boost::system::error_code ignored;
  auto waiting =
      finished.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
  co_await std::move(waiting);
  co_return outcome;
}

TEST(HttpTransport, a_cancelled_request_ends_at_once) {
  ScriptedServer server([](const ServerRequest&) {
    ServerReply reply("{}");
    reply.delay = 5s;
    return reply;
  });
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(run_blocking(with_transport(options_for(server.url()), &cancelled_call)), 1);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 2s);
}

TEST(HttpTransport, reaches_services_through_a_proxy) {
  std::string target;
  std::string credentials;
  ScriptedServer proxy([&](const ServerRequest& request) {
    target = request.target;
    credentials = request.headers.count("proxy-authorization") != 0
                      ? request.headers.at("proxy-authorization")
                      : "";
    return ServerReply("{}");
  });
  auto options = options_for("http://service.invalid:8080/root");
  options.http_proxy = "http://user:pass@127.0.0.1:" + std::to_string(proxy.port());
  EXPECT_EQ(one(options, post("{}")).status, 200);
  EXPECT_EQ(target, "http://service.invalid:8080/root/api/v1/x");
  EXPECT_EQ(credentials, "Basic dXNlcjpwYXNz");
  // By TLS it asks for a tunnel, and says what a refusal means.
  ScriptedServer refusing([&](const ServerRequest& request) {
    target = request.target;
    return ServerReply(407, "");
  });
  auto secure = options_for("https://service.invalid/root");
  secure.https_proxy = "127.0.0.1:" + std::to_string(refusing.port());
  const auto refused = failure(secure, post("{}"));
  EXPECT_EQ(refused.code(), Errc::unauthorized);
  EXPECT_EQ(target, "service.invalid:443");
}

class Tls : public ::testing::Test {
protected:
  void SetUp() override {
    file_ =
        std::filesystem::temp_directory_path() / ("xfer-ca-" + std::to_string(::getpid()) + ".pem");
    std::ofstream(file_) << authority_.certificate();
  }
  void TearDown() override { std::filesystem::remove(file_); }

  TransportOptions trusting(const std::string& url) const {
    auto options = options_for(url);
    options.ca_file = file_.string();
    return options;
  }
  static std::string refusal(const TransportOptions& options) {
    const auto e = failure(options, post("{}"));
    EXPECT_EQ(e.code(), Errc::unauthorized) << e.what();
    EXPECT_FALSE(e.may_have_arrived());
    return e.what();
  }

  Authority authority_;
  std::filesystem::path file_;
};

TEST_F(Tls, works_with_a_trusted_certificate_for_the_host) {
  ScriptedServer by_address(&echo, authority_.issue("IP:127.0.0.1"));
  EXPECT_EQ(one(trusting(by_address.url()), post("hello")).body, "hello");
  ScriptedServer by_name(&echo, authority_.issue("DNS:localhost"));
  const std::string url = "https://localhost:" + std::to_string(by_name.port());
  EXPECT_EQ(one(trusting(url), post("hello")).body, "hello");
}

TEST_F(Tls, refuses_strangers_and_says_what_to_do) {
  ScriptedServer alone(&echo, testing::self_signed("IP:127.0.0.1"));
  EXPECT_NE(refusal(trusting(alone.url())).find("ca_file"), std::string::npos);
  EXPECT_NE(refusal(options_for(alone.url())).find("ca_file"), std::string::npos);
  ScriptedServer unknown(&echo, authority_.issue("IP:127.0.0.1"));
  refusal(options_for(unknown.url()));
  ScriptedServer other(&echo, authority_.issue("DNS:other.example"));
  EXPECT_NE(refusal(trusting(other.url())).find("another host"), std::string::npos);
  ScriptedServer name(&echo, authority_.issue("DNS:other.example"));
  EXPECT_NE(
      refusal(trusting("https://localhost:" + std::to_string(name.port()))).find("another host"),
      std::string::npos);
  ScriptedServer expired(&echo, authority_.issue("IP:127.0.0.1", -1));
  EXPECT_NE(refusal(trusting(expired.url())).find("clock"), std::string::npos);
}

TEST_F(Tls, needs_a_readable_file_and_a_tls_service) {
  auto options = trusting("https://127.0.0.1:1");
  options.ca_file = "/nonexistent.pem";
  EXPECT_THROW(one(options, post("{}")), Error);
  ScriptedServer plain(&echo);
  const auto e = failure(trusting("https://127.0.0.1:" + std::to_string(plain.port())), post("{}"));
  EXPECT_EQ(e.code(), Errc::unavailable);
}

}  // namespace
}  // namespace xfer::tinker
