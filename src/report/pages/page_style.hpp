// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace xfer::report {

/// The style sheet of report.html: light and dark, phone and paper.
extern const std::string_view page_style;

}  // namespace xfer::report
