// SPDX-License-Identifier: Apache-2.0
// Near-duplicates of the test items: MinHash of word pairs (Broder 1997), in bands, each candidate
// checked by the true similarity.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace xfer::domains {

/// The word pairs of one test split. Immutable once `finish` was called; then safe to share.
class NearIndex {
public:
  explicit NearIndex(double similarity) : similarity_(similarity) {}

  /// In the order of the items, from 0.
  void add(std::string_view text);
  /// Ignores pairs of words that are in more than `common` items.
  void finish(std::size_t common);

  /// Items at least as similar as asked for, with their similarity.
  std::vector<std::pair<std::uint32_t, double>> find(std::string_view text) const;

private:
  using Pairs = std::vector<std::uint64_t>;  ///< sorted, each once
  Pairs telling(Pairs pairs) const;

  double similarity_;
  std::vector<Pairs> items_;
  std::unordered_set<std::uint64_t> common_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> bands_;
};

}  // namespace xfer::domains
