// SPDX-License-Identifier: Apache-2.0
// Which split each row goes to.
#pragma once

#include "domains/file_dataset.hpp"

#include <optional>
#include <string>
#include <vector>

namespace xfer::domains {

struct SortedRow {
  RowPlace place;
  Side side = Side::by_file;
  /// `percentile` of its example.
  std::uint8_t hundredth = 0;
};

/// 0..99 by a hash of the cluster, or of the question in canonical form: the same question, however
/// it is spaced and capitalised, and all items on one passage or molecule, are on the same side.
std::uint8_t percentile(const Example& example);

/// Gives every row a side, in place, and says in words what was done. Splits that the authors made
/// are kept; a test split that is missing takes a tenth of the train rows, by hash, and a
/// validation split that is missing another tenth. Test rows are never made into train rows.
std::string sort_into_splits(std::vector<SortedRow>& rows, bool validation_is_test);

/// Nothing for few-shot and unused rows.
std::optional<Split> to_split(Side side);

}  // namespace xfer::domains
