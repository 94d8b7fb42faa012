// SPDX-License-Identifier: Apache-2.0
// Scores that others measured, as the same results that xfer's own studies give.
#pragma once

#include "xfer/study/result.hpp"

#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::report {

/// One answer's score.
struct ScoreRow {
  /// "" for the base model.
  std::string trained_on;
  std::string tested_on;
  /// A condition's name where it is not plain from the two above: sequential, joint and the
  /// controls are runs that start from (or spoil) `trained_on` for the target `tested_on`.
  std::string condition;
  /// "sl", "rl" or "sl_rl"; that of the base model has no meaning.
  std::string method = "sl";
  std::uint64_t seed = 0;
  std::string item;
  /// In [0, 1].
  double score = 0.0;
  std::string kind;
  std::string cluster;
  /// How the score was made; rows of one target must agree.
  std::string protocol;
  /// "" for the test items under the usual prompt, else the name of another wording.
  std::string prompt;
  /// On a held-out set of the domain rather than its test items.
  bool held_out = false;
  std::string question;
  std::string reference;
  std::string completion;
  std::string answer;
  std::string failure;
  /// Whether an answer was found; unknown counts as found.
  bool extracted = true;
  bool truncated = false;
  /// -log2 probability of the reference and its length; 0 bytes where it was not measured.
  double reference_bits = 0.0;
  std::int64_t reference_bytes = 0;
};

struct ImportedStudy {
  std::string name = "imported";
  std::string model = "not named";
};

/// A result whose cells are all pairs of a domain that was trained on and another that was tested;
/// the base model's and the direct runs' scores are in every cell of their target. Throws
/// `bad_data` naming the row (from 1) for a name that is empty where it may not be, an unknown
/// condition or method, or a score outside [0, 1], and when no pair has a trained model.
study::StudyResult result_of_scores(const std::vector<ScoreRow>& rows,
                                    const ImportedStudy& about = {});

}  // namespace xfer::report
#pragma GCC visibility pop
