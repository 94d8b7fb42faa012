// SPDX-License-Identifier: Apache-2.0
// Where a checkpoint is, as services write it.
#pragma once

#include <string>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// "tinker://<run>/<kind>/<name>"; kind is "weights", "sampler_weights" or "external_weights".
struct TinkerPath {
  TinkerPath() = default;
  std::string run_id;
  std::string kind;
  std::string name;
  std::string checkpoint_id() const { return kind + "/" + name; }
};

/// Throws `invalid_argument` naming the text when it is not such a path.
TinkerPath parse_tinker_path(const std::string& text);

}  // namespace xfer::tinker
#pragma GCC visibility pop
