// SPDX-License-Identifier: Apache-2.0
// What a recording says about a binary body, beside its bytes.
#pragma once

#include "tinker/wire/json_fields.hpp"

#include <string>

namespace xfer::tinker {

enum class BinaryBody { training_request, training_result, sample_result };

/// The gist of a message, for people; null when it is too large, or not that message.
Json decoded_body(BinaryBody kind, const std::string& body);

}  // namespace xfer::tinker
