// SPDX-License-Identifier: Apache-2.0
// How requests reach a service: an interface, and the real thing over HTTP/1.1.
#pragma once

#include "xfer/error.hpp"
#include "xfer/task.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::tinker {

enum class Method { get, post, put, del };
std::string_view to_string(Method method) noexcept;

using Headers = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  HttpRequest(Method verb, std::string target) : method(verb), path(std::move(target)) {}
  Method method;
  /// From the service's root, e.g. "/api/v1/asample".
  std::string path;
  std::string body;
  /// Empty: no body.
  std::string content_type;
  std::string accept = "application/json";
  /// Others than content-type and accept.
  Headers headers;
  /// Send the body as zstd.
  bool compress = false;
  /// Waits for something to happen at the service: kept apart from requests that are answered at
  /// once, so that those never queue behind it.
  bool long_poll = false;
  /// For the whole exchange, from the moment a connection is free.
  std::chrono::milliseconds timeout{60'000};
  std::size_t response_bytes_max = std::size_t{16} << 20U;
};

struct HttpResponse {
  HttpResponse() = default;
  int status = 0;
  /// Names in lower case.
  Headers headers;
  /// Decompressed.
  std::string body;

  /// Null when there is none of that (lower-case) name.
  const std::string* header(std::string_view name) const noexcept;
};

/// No answer arrived.
class TransportError : public ServiceError {
public:
  TransportError(Errc code, const std::string& message, bool may_have_arrived)
      : ServiceError(code, message, 0, ""), may_have_arrived_(may_have_arrived) {}
  /// False when the service cannot have got the whole request.
  bool may_have_arrived() const noexcept { return may_have_arrived_; }

private:
  bool may_have_arrived_;
};

/// Carries requests to one service. Not safe to use from several threads: all calls of one
/// transport run on one executor.
class Transport {
public:
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  /// Any HTTP status is an answer. Throws `TransportError` when there is none, and `bad_data` when
  /// it is not HTTP or larger than allowed. When cancelled the connection is closed; the service
  /// may have got the request. The transport must outlive the task.
  virtual task<HttpResponse> send(HttpRequest request) = 0;

protected:
  Transport() = default;
};

struct TransportOptions {
  TransportOptions() = default;
  /// "https://host[:port][/prefix]"; "http" is for services on this machine or a trusted network.
  std::string base_url;
  /// PEM file with the authorities to trust; empty: the system's. Certificates and host names are
  /// always verified.
  std::string ca_file;
  /// Proxy addresses ("http://[user:password@]host:port") as in the usual environment variables;
  /// empty: none.
  std::string http_proxy;
  std::string https_proxy;
  /// Hosts reached directly: comma-separated names, ".domain" suffixes, or "*".
  std::string no_proxy;
  /// Most open connections for ordinary requests, and for long polls.
  std::size_t connections_max = 64;
  std::size_t poll_connections_max = 512;
  /// Most requests that wait for a connection; further ones fail with `rate_limited`.
  std::size_t queue_max = 16'384;
  std::chrono::milliseconds connect_timeout{10'000};
  /// Connections unused for longer are not used again; shorter than common servers keep them.
  std::chrono::milliseconds idle_max{4'000};

  /// Proxies as https_proxy, http_proxy (lower case only), all_proxy and no_proxy say, and the
  /// CA file of SSL_CERT_FILE when set.
  void read_environment();
};

/// HTTP/1.1 with keep-alive. Throws `invalid_argument` for a malformed address, `io` when the CA
/// file cannot be read.
std::unique_ptr<Transport> make_http_transport(boost::asio::any_io_executor executor,
                                               const TransportOptions& options);

}  // namespace xfer::tinker
#pragma GCC visibility pop
