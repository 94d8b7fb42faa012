// SPDX-License-Identifier: Apache-2.0
// TLS that always verifies.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <string>

namespace xfer::tinker {

using TlsStream = boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>;

/// TLS 1.2 or newer, certificates verified against `ca_file` or, when empty, the system's
/// authorities. Throws `io` naming the file when it cannot be read.
boost::asio::ssl::context make_tls_context(const std::string& ca_file);

/// Asks for `host` (SNI) and binds verification to it.
void expect_host(TlsStream& stream, const std::string& host);

/// After a failed handshake: why the certificate was refused and what to do; empty when that was
/// not the reason.
std::string refused_certificate(TlsStream& stream, const std::string& host);

}  // namespace xfer::tinker
