// SPDX-License-Identifier: Apache-2.0
#include "serve/http.hpp"
#include "tests/tinker/fuzz_target.hpp"

#include <cstdlib>

static std::vector<std::string> targets() {
  return {"/api/v1/training_runs/a%3Ab/checkpoints?limit=2&offset=&x=%20y",
          "/api/v1/training_runs/r/checkpoints/weights%2Fone/publish", "/api/v1/client/config",
          "/?%41=%42&&c", "/a%zz"};
}

/// The first line of a request: where it goes.
XFER_FUZZ_TARGET(http_target, &targets) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto head = xfer::serve::parse_target(text);
  if (!head) return 0;
  const auto clean = [](const std::string& part) {
    for (const char c : part)
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) std::abort();
  };
  for (const std::string& segment : head->path) {
    clean(segment);
    if (segment.find('/') != std::string::npos) std::abort();
  }
  for (const auto& [name, value] : head->query) {
    clean(name);
    clean(value);
  }
  return 0;
}
