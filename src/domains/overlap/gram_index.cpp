// SPDX-License-Identifier: Apache-2.0
#include "domains/overlap/gram_index.hpp"

#include <algorithm>
#include <bit>
#include <utility>

namespace xfer::domains {

void GramIndex::add(std::string_view text) {
  std::vector<std::uint64_t>& runs = runs_.emplace_back();
  for_each_gram(text, words_, [&](std::uint64_t key) { runs.push_back(key); });
}

void GramIndex::finish(std::size_t common) {
  for (std::uint32_t item = 0; item < runs_.size(); ++item)
    for (const std::uint64_t key : runs_[item]) {
      std::vector<std::uint32_t>& items = items_[key];
      if (items.empty() || items.back() != item) items.push_back(item);
    }
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> kept;
  for (std::uint32_t item = 0; item < runs_.size(); ++item) {
    const std::vector<std::uint64_t>& runs = runs_[item];
    const auto is_common = [&](std::size_t i) { return items_.at(runs[i]).size() > common; };
    // Run i has the words i to i + words_ - 1: those of the wording up to `used`, and of the next
    // run of it, are none of the item's own.
    std::size_t used = 0;
    std::size_t next = 0;
    for (std::size_t i = 0; i < runs.size(); ++i) {
      while (next < runs.size() && (next < i || !is_common(next))) ++next;
      if (next == i) used = i + words_;
      if (i >= used && (next == runs.size() || next - i >= words_)) {
        std::vector<std::uint32_t>& items = kept[runs[i]];
        if (items.empty() || items.back() != item) items.push_back(item);
      }
    }
  }
  items_ = std::move(kept);
  runs_.clear();
  if (items_.empty()) return;
  // Sixteen bits or more for each run: about one look in four hundred goes on to the table.
  filter_.assign(std::bit_ceil(items_.size() / 4 + 1), 0);
  filter_mask_ = filter_.size() - 1;
  for (const auto& entry : items_) filter_[entry.first & filter_mask_] |= filter_bits(entry.first);
}

}  // namespace xfer::domains
