// SPDX-License-Identifier: Apache-2.0
// Answers to mathematical questions, inside prose.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace xfer::grade {

/// What must not decide about equality taken away: blanks but between digits, dollar signs, \left
/// and \right, \text{}, spacing commands, a full stop at the end.
std::string plain_form(std::string_view text);

/// Whether an answer is words rather than a formula; `plain` is its plain form.
bool is_words(std::string_view text, std::string_view plain);

/// The content of the last \boxed{...} or \fbox{...}; of "\boxed 3" the first word behind it.
std::optional<std::string_view> last_boxed(std::string_view text);

/// The final answer under lenient reading: the last box, else what stands behind the last words
/// that announce an answer, else the last formula between dollar signs or \( \) or \[ \], else the
/// last number.
std::optional<std::string_view> find_math_answer(std::string_view text);

/// Under strict reading: the last box, or the formula of "The final answer is $...$".
std::optional<std::string_view> find_marked_math_answer(std::string_view text);

}  // namespace xfer::grade
