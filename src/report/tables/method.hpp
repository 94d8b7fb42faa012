// SPDX-License-Identifier: Apache-2.0
// The method in words and formulas, the same for every format.
#pragma once

#include "xfer/report/report.hpp"

#include <string>
#include <utility>
#include <vector>

namespace xfer::report {

/// Terms with what they mean, in reading order; those of reinforcement only where it was used.
std::vector<std::pair<std::string, std::string>> definitions(const study::StudySpec& spec);

/// The study as the file that runs it again, and the command.
struct Reproduction {
  std::string file;
  std::string command;
};
/// Of scores measured elsewhere, of whose training nothing is known.
bool imported(const study::StudyResult& result);

/// For imported scores `file` is empty and `command` a sentence.
Reproduction reproduction(const Report& report);

/// One answer of the baseline beside the transfer model's to the same item.
struct ExamplePair {
  /// "fixed", "broken", "both right" or "both wrong".
  std::string change;
  std::uint64_t seed = 0;
  const study::ItemResult* baseline = nullptr;
  const study::ItemResult* transfer = nullptr;
};

/// A few items chosen by a fixed rule, not by look: by item id, the first four that training fixed,
/// the first four it broke, one wrong and one right under both; for the first seed. Points into
/// `cell`.
std::vector<ExamplePair> example_pairs(const study::CellResult& cell);

}  // namespace xfer::report
