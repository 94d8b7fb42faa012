// SPDX-License-Identifier: Apache-2.0
// The evaluations of one cell side by side, item by item.
#pragma once

#include "xfer/study/result.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xfer::report {

/// All evaluations of one condition: `items[s][i]` is item i of the cell under seed s. Points into
/// the cell that was aligned.
struct Arm {
  Condition condition = Condition::baseline;
  std::vector<std::uint64_t> seeds;
  std::vector<std::vector<const study::ItemResult*>> items;
  /// Keys of the training runs of all seeds.
  std::vector<std::string> legs;
};

struct AlignedCell {
  /// In the order of `all_conditions`, seeds ascending: the order of the evaluations in the result
  /// has no influence on the report.
  std::vector<Arm> arms;
  /// The test items, by id.
  std::vector<const study::ItemResult*> items;
  std::string protocol_hash;
  std::string items_hash;

  const Arm* find(Condition condition) const noexcept;
};

/// Throws `run_mismatch` with the difference when two evaluations were not made under one protocol
/// on the same items, `bad_data` for a duplicate or for values that no evaluation can give.
AlignedCell align(const study::CellResult& cell);

}  // namespace xfer::report
