// SPDX-License-Identifier: Apache-2.0
// Where a service or a proxy is.
#pragma once

#include "xfer/tinker/transport.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace xfer::tinker {

/// ASCII letters in lower case.
std::string lower(std::string_view text);

struct Address {
  Address() = default;
  bool tls = false;
  /// Without brackets, in lower case.
  std::string host;
  std::uint16_t port = 0;
  /// Path before "/api/v1/...", without a slash at its end.
  std::string prefix;
  /// "user:password", decoded; of proxies only.
  std::string credentials;

  /// As in a Host header: the port only where it is not the scheme's own.
  std::string authority() const;
  /// "host:port", IPv6 in brackets.
  std::string host_port() const;
};

enum class AddressOf { service, proxy };

/// Throws `invalid_argument` (never showing credentials) for anything but an http or https address;
/// a service's must not have credentials, query or fragment. A proxy's scheme may be left out.
Address parse_address(std::string_view text, AddressOf what);

/// The proxy through which an address is reached, or none: services on this machine are reached
/// directly, and those that `no_proxy` names.
std::optional<Address> proxy_for(const Address& service, const TransportOptions& options);

/// Whether the host is an IP address rather than a name.
bool is_ip_address(const std::string& host);

}  // namespace xfer::tinker
