// SPDX-License-Identifier: Apache-2.0
#include "xfer/tinker/tinker_path.hpp"

#include "xfer/error.hpp"

namespace xfer::tinker {

TinkerPath parse_tinker_path(const std::string& text) {
  const std::string scheme = "tinker://";
  const auto refuse = [&] {
    throw Error(Errc::invalid_argument,
                "'" + text.substr(0, 200) +
                    "' is not a checkpoint path, tinker://<run>/<weights|sampler_weights|"
                    "external_weights>/<name>");
  };
  if (!text.starts_with(scheme)) refuse();
  const std::size_t first = text.find('/', scheme.size());
  const std::size_t second = first == std::string::npos ? first : text.find('/', first + 1);
  if (second == std::string::npos || text.find('/', second + 1) != std::string::npos) refuse();
  TinkerPath out;
  out.run_id = text.substr(scheme.size(), first - scheme.size());
  out.kind = text.substr(first + 1, second - first - 1);
  out.name = text.substr(second + 1);
  if (out.run_id.empty() || out.name.empty() ||
      (out.kind != "weights" && out.kind != "sampler_weights" && out.kind != "external_weights"))
    refuse();
  return out;
}

}  // namespace xfer::tinker
