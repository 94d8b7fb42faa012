// SPDX-License-Identifier: Apache-2.0
#include "tinker/transport/address.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/src.hpp>  // the library's compiled part, here alone
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace xfer::tinker {
namespace {

/// "example.org" covers itself and what ends in ".example.org"; a port must match when given.
bool covers(std::string entry, const Address& service) {
  if (entry == "*") return true;
  const std::string port = ":" + std::to_string(service.port);
  if (entry.ends_with(port) && std::count(entry.begin(), entry.end(), ':') == 1)
    entry.resize(entry.size() - port.size());
  if (entry.starts_with('.')) entry.erase(0, 1);
  return !entry.empty() && (service.host == entry || service.host.ends_with("." + entry));
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

std::string Address::host_port() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

std::string Address::authority() const {
  const std::string full = host_port();
  return port == (tls ? 443 : 80) ? full.substr(0, full.rfind(':')) : full;
}

Address parse_address(std::string_view text, AddressOf what) {
  const bool service = what == AddressOf::service;
  const auto refuse = [&](const std::string& why) {
    throw Error(Errc::invalid_argument,
                std::string(service ? "base_url" : "proxy address") + ": " + why);
  };
  std::string whole(text);
  if (!service && whole.find("://") == std::string::npos) whole.insert(0, "http://");
  const std::string form =
      service ? "not of the form http[s]://host[:port][/path]" : "not of the form http://host:port";
  const std::size_t scheme_size = whole.find("://");
  if (scheme_size == std::string::npos) refuse(form);
  // Before the rest is parsed: Boost.URL 1.81 fails an assertion on paths without a host ("R:]").
  const std::string scheme = lower(std::string_view(whole).substr(0, scheme_size));
  if (scheme != "http" && scheme != "https") refuse("must begin with http:// or https://");
  const auto parsed = boost::urls::parse_uri(whole);
  if (!parsed) refuse(form);
  const boost::urls::url_view url = *parsed;
  Address out;
  out.tls = scheme == "https";
  if (!service && out.tls) refuse("proxies are reached by http:// only");
  out.host = lower(url.host_address());
  if (out.host.empty()) refuse("has no host");
  out.port = out.tls ? 443 : 80;
  if (url.has_port()) {
    const std::string digits(url.port());
    const char* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, out.port);
    if (error != std::errc() || stop != end || out.port == 0)
      refuse("the port must be in 1..65535");
  }
  if (!service) {
    out.credentials = url.userinfo();
    return out;
  }
  if (url.has_userinfo()) refuse("must not hold a user name; the key is given apart");
  if (url.has_query() || url.has_fragment()) refuse("must not have a query or a fragment");
  out.prefix = std::string(url.encoded_path());
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  return out;
}

bool is_ip_address(const std::string& host) {
  boost::system::error_code not_one;
  boost::asio::ip::make_address(host, not_one);
  return !not_one;
}

std::optional<Address> proxy_for(const Address& service, const TransportOptions& options) {
  const std::string& proxy = service.tls ? options.https_proxy : options.http_proxy;
  if (proxy.empty()) return std::nullopt;
  boost::system::error_code not_one;
  const auto ip = boost::asio::ip::make_address(service.host, not_one);
  if (service.host == "localhost" || (!not_one && ip.is_loopback())) return std::nullopt;
  std::string entry;
  for (const char c : lower(options.no_proxy) + ",") {
    if (c != ',' && c != ' ') {
      entry += c;
    } else {
      if (covers(entry, service)) return std::nullopt;
      entry.clear();
    }
  }
  return parse_address(proxy, AddressOf::proxy);
}

}  // namespace xfer::tinker
