// SPDX-License-Identifier: Apache-2.0
// The examples that stand for a domain.
#pragma once

#include "xfer/domains/domain.hpp"

#include <cstdint>
#include <vector>

namespace xfer::similarity {

/// At most `count` examples of the train split, or where it is empty of the first split that is
/// not; the same for every caller with the same seed. Throws `bad_data` naming the domain when it
/// has none.
std::vector<Example> draw_examples(const domains::Domain& domain, int count, std::uint64_t seed);

}  // namespace xfer::similarity
