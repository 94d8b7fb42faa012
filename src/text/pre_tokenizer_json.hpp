// SPDX-License-Identifier: Apache-2.0
// The `pre_tokenizer` of a tokenizer.json.
#pragma once

#include "text/json_field.hpp"
#include "text/splitter.hpp"

#include <memory>
#include <vector>

namespace xfer::text {

/// Steps in order. Throws `not_available` naming the field for a step that is not supported, or
/// when the text would not end up as bytes.
std::vector<std::unique_ptr<Splitter>> read_pre_tokenizer(const JsonField& field);

}  // namespace xfer::text
