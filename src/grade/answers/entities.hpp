// SPDX-License-Identifier: Apache-2.0
// Names of things, compared as people mean them.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

/// The form in which two names are compared: ASCII letters in lower case, white space collapsed,
/// no quotation marks, emphasis or full stop around it.
std::string entity_key(std::string_view name);

/// Which entity has a name, by its key; of two entities with one name the first.
std::map<std::string, std::size_t> entity_names(std::span<const std::vector<std::string>> gold);

}  // namespace xfer::grade
