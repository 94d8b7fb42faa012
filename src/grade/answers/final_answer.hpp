// SPDX-License-Identifier: Apache-2.0
// The answer behind the last '#': how the procedural domains end a solution.
#pragma once

#include <optional>
#include <string_view>

namespace xfer::grade {

/// Without white space (space, tab, CR, LF, VT, FF) at either end.
std::string_view trim(std::string_view text) noexcept;

/// The text after the last '#' up to the end of its line, trimmed; nothing when there is no '#'.
/// A run such as "####" is one mark, since only its last '#' counts.
std::optional<std::string_view> text_after_mark(std::string_view text) noexcept;

}  // namespace xfer::grade
