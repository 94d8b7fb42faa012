// SPDX-License-Identifier: Apache-2.0
// The program inside a model's answer.
#pragma once

#include <string>
#include <string_view>

namespace xfer::grade {

/// What was taken out of an answer, and whether anything marked it as code.
struct ExtractedCode {
  std::string code;
  /// A fence or a [BEGIN] / [DONE] mark was there; otherwise the whole text is taken.
  bool marked = false;
};

/// Between [BEGIN] and [DONE] where they are (the prompt may have opened already), then the first
/// fenced block, python ones preferred; CRLF becomes LF.
ExtractedCode extract_python(std::string_view completion);

}  // namespace xfer::grade
