// Whole studies by name, each of which runs on the embedded model in minutes.
#pragma once

#include "xfer/study/spec.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xfer::study {

/// pilot        one pair, supervised, two seeds: the defaults of `StudySpec`
/// main         five pairs, every method, two seeds
/// full_matrix  every ordered pair of the seven domains, supervised, one seed
/// Throws `invalid_argument` naming the known ones, and the nearest, for any other name.
StudySpec preset(std::string_view name);
std::vector<std::string> preset_names();

}  // namespace xfer::study
