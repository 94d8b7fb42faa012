// SPDX-License-Identifier: Apache-2.0
// What a grader reads of an example besides its answer; all of it is JSON text or plain text.
#pragma once

#include "xfer/dataset.hpp"

#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::grade {

/// Throws `bad_data`: this example cannot be judged by this grader.
[[noreturn]] void refuse(std::string_view grader, const Example& example, const std::string& what);

/// A text field that must be there.
const std::string& text_field(std::string_view grader, const Example& example,
                              const std::string& field);

/// A JSON array of at least one string.
std::vector<std::string> string_list(std::string_view grader, const Example& example,
                                     const std::string& field);

/// A JSON array of at least one array of at least one string: entities with their names.
std::vector<std::vector<std::string>> entity_list(std::string_view grader, const Example& example,
                                                  const std::string& field);

}  // namespace xfer::grade
#pragma GCC visibility pop
