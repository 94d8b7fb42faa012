// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace xfer::tinker {

/// A name, percent-encoded where needed, fit to stand between two slashes of a path. Throws
/// `invalid_argument` naming `what` for an empty one, one above 512 characters, "." and "..".
std::string url_segment(const std::string& name, const char* what);

}  // namespace xfer::tinker
