// SPDX-License-Identifier: Apache-2.0
// Several datasets as one domain.
#pragma once

#include "xfer/domains/domain.hpp"

#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// A dataset in a mixture, and its share of it.
struct MixturePart {
  Domain domain;
  /// Above 0; shares are relative to their sum.
  double weight = 1.0;
};

/// One domain in which every split holds its parts in the proportion of their weights: as many
/// items as the scarcest part allows, spread evenly over each part. Questions carry the standard
/// prompt of their part, each is graded by its part's grader, and kinds begin with its name. Parts
/// without items in a split are left out of that split. Throws `invalid_argument` when there are no
/// parts, two of one name, or a weight that is not above 0.
Domain mixed_domain(const std::string& name, const std::vector<MixturePart>& parts);

}  // namespace xfer::domains
#pragma GCC visibility pop
