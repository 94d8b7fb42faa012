// SPDX-License-Identifier: Apache-2.0
#include "similarity/examples.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <set>

namespace xfer::similarity {

std::vector<Example> draw_examples(const domains::Domain& domain, int count, std::uint64_t seed) {
  for (const Split split : all_splits) {
    const std::uint64_t size = domain.dataset->size(split);
    if (size == 0) continue;
    const auto wanted = static_cast<std::uint64_t>(count);
    std::set<std::uint64_t> chosen;
    if (size <= wanted) {
      for (std::uint64_t i = 0; i < size; ++i) chosen.insert(i);
    } else {
      // Floyd's algorithm (Bentley 1987): every subset is as likely.
      Rng rng(seed, "similarity examples");
      for (std::uint64_t last = size - wanted; last < size; ++last)
        if (!chosen.insert(rng.below(last + 1)).second) chosen.insert(last);
    }
    std::vector<Example> examples;
    for (const std::uint64_t i : chosen)
      examples.push_back(domain.dataset->at(split, static_cast<std::size_t>(i)));
    return examples;
  }
  throw Error(Errc::bad_data, "domain " + domain.name + ": has no example to compare");
}

}  // namespace xfer::similarity
