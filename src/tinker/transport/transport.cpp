// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/transport.hpp"

#include <cstdlib>

namespace xfer::tinker {

std::string_view to_string(Method method) noexcept {
  switch (method) {
    case Method::get: return "GET";
    case Method::post: return "POST";
    case Method::put: return "PUT";
    case Method::del: return "DELETE";
  }
  return "GET";
}

const std::string* HttpResponse::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers)
    if (key == name) return &value;
  return nullptr;
}

void TransportOptions::read_environment() {
  const auto first_of = [](std::initializer_list<const char*> names) -> std::string {
    for (const char* name : names)
      if (const char* value = std::getenv(name); value != nullptr && *value != '\0') return value;
    return "";
  };
  // Upper-case HTTP_PROXY is not read: in a CGI program a client could set it (CVE-2016-5385).
  http_proxy = first_of({"http_proxy", "all_proxy", "ALL_PROXY"});
  https_proxy = first_of({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
  no_proxy = first_of({"no_proxy", "NO_PROXY"});
  ca_file = first_of({"SSL_CERT_FILE"});
}

}  // namespace xfer::tinker
