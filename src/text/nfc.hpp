// SPDX-License-Identifier: Apache-2.0
// Unicode normalization form C.
#pragma once

#include <string>
#include <string_view>

namespace xfer::text {

/// `text` in normalization form C. Bytes that are not valid UTF-8 stay as they are. Returns `text`
/// itself when it is in that form already, otherwise a view of `buffer`. Linear time, but for
/// sorting the combining marks on one letter.
std::string_view to_nfc(std::string_view text, std::string& buffer);

}  // namespace xfer::text
