// SPDX-License-Identifier: Apache-2.0
// Rewriting Oniguruma patterns for PCRE2.
#pragma once

#include <string>
#include <string_view>

namespace xfer::text {

/// `pattern` in the syntax of PCRE2, matching what Oniguruma matches. Throws `not_available` naming
/// a construct that has no such equal. Does not check the syntax otherwise.
std::string pcre2_from_oniguruma(std::string_view pattern);

}  // namespace xfer::text
