// SPDX-License-Identifier: Apache-2.0
// The alphabet in which byte-level vocabularies spell bytes as printable characters (GPT-2,
// openai/gpt-2, src/encoder.py: bytes_to_unicode).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace xfer::text {

/// The bytes that `spelled` stands for, or nothing when a character is outside the alphabet.
std::optional<std::string> bytes_from_alphabet(std::string_view spelled);

}  // namespace xfer::text
