// SPDX-License-Identifier: Apache-2.0
// What clients may call the model that is served.
#pragma once

#include "files/in_quotes.hpp"
#include "xfer/error.hpp"
#include "xfer/serve/server.hpp"

#include <algorithm>
#include <string>

namespace xfer::serve {

/// Throws `invalid_argument` for a model that is not served here.
inline void check_model_name(const ServeOptions& options, const std::string& name) {
  if (name == options.model_name ||
      std::find(options.model_aliases.begin(), options.model_aliases.end(), name) !=
          options.model_aliases.end())
    return;
  std::string all = files::in_quotes(options.model_name);
  for (const std::string& alias : options.model_aliases) all += ", " + files::in_quotes(alias);
  throw Error(Errc::invalid_argument,
              "base_model " + files::in_quotes(name) + " is not served here; allowed: " + all);
}

}  // namespace xfer::serve
