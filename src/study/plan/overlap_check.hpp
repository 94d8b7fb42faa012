// SPDX-License-Identifier: Apache-2.0
// Whether a study's test items are among the text that it trains on.
#pragma once

#include "xfer/study/materials.hpp"
#include "xfer/study/result.hpp"
#include "xfer/study/spec.hpp"

#include <vector>

namespace xfer::study {

/// The test items that the study asks of each target, looked for in the training examples that it
/// draws from, of every domain of its pairs; see `domains::find_overlap`. Splits without end (of
/// generators) are left out. Throws what reading the datasets throws.
std::vector<OverlapCheck> check_overlap(const StudySpec& spec, const Materials& materials);

}  // namespace xfer::study
