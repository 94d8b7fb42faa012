// SPDX-License-Identifier: Apache-2.0
#include "domains/splitting.hpp"

#include "domains/records/text_tools.hpp"
#include "xfer/rng.hpp"

#include <algorithm>

namespace xfer::domains {
namespace {

bool has(const std::vector<SortedRow>& rows, Side side) {
  return std::any_of(rows.begin(), rows.end(),
                     [&](const SortedRow& row) { return row.side == side; });
}

/// Rows of `from` whose hash lies in [first, last) go to `to`.
void move(std::vector<SortedRow>& rows, Side from, int first, int last, Side to) {
  for (SortedRow& row : rows)
    if (row.side == from && row.hundredth >= first && row.hundredth < last) row.side = to;
}

}  // namespace

std::uint8_t percentile(const Example& example) {
  const auto stem = example.extra.find("stem");
  const std::string key = !example.cluster.empty()      ? example.cluster
                          : stem != example.extra.end() ? canonical(stem->second)
                                                        : canonical(example.question);
  const std::uint64_t h = stream_id(key);
  return static_cast<std::uint8_t>(
      philox4x32({static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(h >> 32U), 0, 0},
                 {0x67736d38U, 1})[0] %
      100);
}

std::string sort_into_splits(std::vector<SortedRow>& rows, bool validation_is_test) {
  if (validation_is_test && !has(rows, Side::test))
    move(rows, Side::validation, 0, 100, Side::test);
  const bool named = has(rows, Side::train) || has(rows, Side::validation) ||
                     has(rows, Side::test) || has(rows, Side::few_shot);
  if (!named) {
    move(rows, Side::by_file, 80, 90, Side::validation);
    move(rows, Side::by_file, 90, 100, Side::test);
    move(rows, Side::by_file, 0, 80, Side::train);
    return "no official splits: cut 80/10/10 % by hash of the question into "
           "train/validation/test";
  }
  // Rows that nobody placed beside rows that somebody did: only to be learned from.
  move(rows, Side::by_file, 0, 100, Side::train);
  const bool train = has(rows, Side::train);
  const bool validation = has(rows, Side::validation);
  const bool test = has(rows, Side::test);
  if (train && validation && test) return "official splits";
  if (!train) {
    const std::string which = !validation ? "test" : test ? "test and validation" : "validation";
    return "official " + which + " rows alone; there is nothing to train on";
  }
  std::string note = test ? "official test rows" : "";
  if (!test) {
    move(rows, Side::train, 90, 100, Side::test);
    note = "no official test rows: a tenth of the train rows by hash of the question";
  }
  if (!validation) {
    move(rows, Side::train, test ? 90 : 80, test ? 100 : 90, Side::validation);
    note += "; validation is a tenth of the train rows, by hash of the question";
  }
  return note;
}

std::optional<Split> to_split(Side side) {
  switch (side) {
    case Side::train: return Split::train;
    case Side::validation: return Split::validation;
    case Side::test: return Split::test;
    default: return std::nullopt;
  }
}

}  // namespace xfer::domains
