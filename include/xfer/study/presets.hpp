// SPDX-License-Identifier: Apache-2.0
// Whole studies by name: the phases of a programme, on the embedded model and on a service.
#pragma once

#include "xfer/study/spec.hpp"

#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// On the embedded models, in minutes: pilot (the defaults of `StudySpec`), main, ablations,
/// full_matrix, and programme, which has all of it in one study. The same phases on a
/// Tinker-compatible service: pilot_tinker, main_tinker, ablations_tinker, full_matrix_tinker.
/// Throws `invalid_argument` naming the known ones, and the nearest, for any other name.
StudySpec preset(std::string_view name);
std::vector<std::string> preset_names();
/// One line about it. Throws as `preset` does.
std::string preset_summary(std::string_view name);

}  // namespace xfer::study
#pragma GCC visibility pop
