// SPDX-License-Identifier: Apache-2.0
#include "tests/tinker/fuzz_target.hpp"
#include "tinker/transport/address.hpp"
#include "tinker/wire/base64.hpp"
#include "tinker/wire/zstd_body.hpp"
#include "xfer/error.hpp"
#include "xfer/tinker/tinker_path.hpp"

#include <cstdlib>

static std::vector<std::string> bodies() {
  return {xfer::tinker::zstd_compress(std::string(300, 'a') + "b"),
          "aGVsbG8gd29ybGQ=", "https://host.example:8443/services/prefix",
          "http://user:p%40ss@[::1]:8080", "tinker://session:train:0/sampler_weights/name"};
}

/// What is not JSON and not protobuf: compressed bodies, addresses, paths, base64.
XFER_FUZZ_TARGET(bodies, &bodies) {
  using namespace xfer::tinker;
  constexpr std::size_t bytes_max = 4096;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto run = [](const auto& read) {
    try {
      read();
    } catch (const xfer::Error& e) {
      if (e.code() != xfer::Errc::bad_data && e.code() != xfer::Errc::invalid_argument)
        std::abort();
    }
  };
  run([&] {
    if (zstd_decompress(text, bytes_max).size() > bytes_max) std::abort();
  });
  run([&] { parse_address(text, AddressOf::service); });
  run([&] { parse_address(text, AddressOf::proxy); });
  run([&] { parse_tinker_path(text); });
  const auto bytes = base64_decode(text);
  if (bytes && base64_decode(base64_encode(*bytes)) != bytes) std::abort();
  return 0;
}
