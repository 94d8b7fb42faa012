// SPDX-License-Identifier: Apache-2.0
#include "report/scores/align.hpp"
#include "report/tables/method.hpp"

#include <array>

namespace xfer::report {

std::vector<ExamplePair> example_pairs(const study::CellResult& cell) {
  const AlignedCell aligned = align(cell);
  const Arm* base = aligned.find(Condition::baseline);
  const Arm* transfer = aligned.find(Condition::transfer);
  if (!base || !transfer) return {};
  struct Wanted {
    const char* change;
    bool right_before;
    bool right_after;
    std::size_t count;
  };
  static constexpr std::array<Wanted, 4> wanted = {{{"fixed", false, true, 4},
                                                    {"broken", true, false, 4},
                                                    {"both wrong", false, false, 1},
                                                    {"both right", true, true, 1}}};
  std::vector<ExamplePair> pairs;
  for (const Wanted& w : wanted) {
    std::size_t found = 0;
    for (std::size_t i = 0; i < aligned.items.size() && found < w.count; ++i) {
      const study::ItemResult* before = base->items[0][i];
      const study::ItemResult* after = transfer->items[0][i];
      if ((before->score >= 1.0) != w.right_before || (after->score >= 1.0) != w.right_after)
        continue;
      pairs.push_back({w.change, transfer->seeds[0], before, after});
      ++found;
    }
  }
  return pairs;
}

}  // namespace xfer::report
