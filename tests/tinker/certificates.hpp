// SPDX-License-Identifier: Apache-2.0
// Certificates made for one test.
#pragma once

#include "tests/tinker/scripted_server.hpp"

#include <string>

namespace xfer::tinker::testing {

/// Signs certificates.
struct Authority {
  Authority();
  ~Authority();
  Authority(const Authority&) = delete;
  Authority& operator=(const Authority&) = delete;

  /// For a host ("DNS:name" or "IP:address"), valid from now for `days` (negative: expired).
  ServerIdentity issue(const std::string& alternative_name, int days = 1) const;
  /// The authority's own certificate, PEM.
  std::string certificate() const;

private:
  struct Parts;
  Parts* parts_;
};

/// Signed by itself.
ServerIdentity self_signed(const std::string& alternative_name);

}  // namespace xfer::tinker::testing
