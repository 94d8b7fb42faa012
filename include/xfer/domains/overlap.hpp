// SPDX-License-Identifier: Apache-2.0
// Whether test items, or texts near to them, are among what a model is trained on.
#pragma once

#include "xfer/domains/domain.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// How a test item was found in training text, from the strongest to the weakest.
enum class Overlap {
  exact,       ///< The same question, byte for byte.
  normalised,  ///< The same words, whatever their case, spacing and punctuation.
  gram,        ///< A run of 13 words in common (Brown et al. 2020, arXiv 2005.14165, appendix C).
  near,        ///< Word pairs alike: Jaccard similarity, found by MinHash (Broder 1997).
};

std::string_view to_string(Overlap kind) noexcept;

/// One split of one domain.
struct OverlapSet {
  /// Shown in the matrix, e.g. "gsm8k".
  std::string name;
  std::shared_ptr<const Dataset> dataset;
  Split split = Split::train;
};

struct OverlapOptions {
  /// Words of a run.
  int gram_words = 13;
  /// Least Jaccard similarity of near-duplicates, in (0, 1]. Editing a fifth of the words leaves
  /// about 0.4; texts that have nothing to do with each other are below 0.1.
  double similarity = 0.35;
  /// Items looked at in each split; generators have no end.
  std::uint64_t items_max = 100'000;
  /// Pairs listed for each cell; all are counted.
  std::uint64_t pairs_max = 1000;
};

/// A test item and a training item that overlap, by the strongest kind that holds.
struct OverlapPair {
  std::string test_id;
  std::string train_id;
  Overlap kind = Overlap::near;
  /// Runs in common for `gram`, Jaccard similarity for `near`, else 1.
  double strength = 1.0;
};

/// One train split against one test split.
struct OverlapCell {
  std::string train;
  std::string test;
  std::uint64_t train_items = 0;
  std::uint64_t test_items = 0;
  /// Test items whose strongest match is of this kind, by `Overlap`.
  std::array<std::uint64_t, 4> flagged{};
  std::vector<OverlapPair> pairs;
  /// Ids of all test items with a match, in their order.
  std::vector<std::string> flagged_ids;
};

/// Every train split against every test split, rows by train split. Text that is in more than a
/// tenth of the items of a test split (its wording around each question) is not counted as shared.
/// Memory goes with the test splits alone. Throws what reading the datasets throws, and
/// `invalid_argument` for options out of range.
std::vector<OverlapCell> find_overlap(const std::vector<OverlapSet>& train,
                                      const std::vector<OverlapSet>& test,
                                      const OverlapOptions& options = {});

/// The domain with the items left out of a split. Its manifest hash tells it from the whole.
Domain without_items(const Domain& domain, Split split, const std::vector<std::string>& ids);

}  // namespace xfer::domains
#pragma GCC visibility pop
