// SPDX-License-Identifier: Apache-2.0
// Runs of words of the test items, and the pass over training text that looks them up.
#pragma once

#include "domains/overlap/words.hpp"

#include <array>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace xfer::domains {

/// Calls `take(key)` for each run of `words` words, by a rolling hash: no memory is asked for.
template <class Take>
void for_each_gram(std::string_view text, std::size_t words, Take take) {
  constexpr std::uint64_t base = 0xD6E8FEB86659FD93ULL;
  constexpr std::size_t words_max = 64;
  std::uint64_t leaving = 1;  // base to the power of `words`
  for (std::size_t i = 0; i < words; ++i) leaving *= base;
  std::array<std::uint64_t, words_max> window{};
  std::size_t place = 0;
  std::size_t seen = 0;
  std::uint64_t rolled = 0;
  for_each_word(text, [&](std::uint64_t word) {
    rolled = rolled * base + word - window[place] * leaving;
    window[place] = word;
    place = place + 1 == words ? 0 : place + 1;
    if (++seen >= words) take(rolled ^ (rolled >> 29U));
  });
}

/// The runs of one test split. Immutable once `finish` was called; then safe to share.
class GramIndex {
public:
  /// `words` in 1..64.
  explicit GramIndex(std::size_t words) : words_(words) {}

  /// In the order of the items, from 0.
  void add(std::string_view text);
  /// Drops runs that share words with a run that more than `common` items have.
  void finish(std::size_t common);

  /// Calls `hit(item)` for each run of the text that a test item has too.
  template <class Hit>
  void scan(std::string_view text, Hit hit) const {
    if (filter_.empty()) return;
    const auto look_up = [&](std::uint64_t key) {
      const std::uint64_t bits = filter_bits(key);
      if ((filter_[key & filter_mask_] & bits) != bits) return;
      const auto found = items_.find(key);
      if (found == items_.end()) return;
      for (const std::uint32_t item : found->second) hit(item);
    };
    // The filter is larger than the caches near the core: what is asked for some runs ahead is
    // there when it is looked at.
    constexpr std::size_t ahead = 32;
    std::array<std::uint64_t, ahead> asked{};
    std::size_t count = 0;
    for_each_gram(text, words_, [&](std::uint64_t key) {
      std::uint64_t& place = asked[count % ahead];
      if (count >= ahead) look_up(place);
      place = key;
      ++count;
      __builtin_prefetch(&filter_[key & filter_mask_]);
    });
    for (std::size_t i = count < ahead ? 0 : count - ahead; i < count; ++i)
      look_up(asked[i % ahead]);
  }

private:
  /// Four bits of a word of the filter, by parts of the key that do not choose the word.
  static std::uint64_t filter_bits(std::uint64_t key) noexcept {
    return std::uint64_t{1} << (key >> 58U) | std::uint64_t{1} << (key >> 52U & 63U) |
           std::uint64_t{1} << (key >> 46U & 63U) | std::uint64_t{1} << (key >> 40U & 63U);
  }

  std::size_t words_;
  /// The runs of each item in order, until `finish`.
  std::vector<std::vector<std::uint64_t>> runs_;
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> items_;
  /// A Bloom filter (1970) whose bits of one key are in one word (Putze et al. 2007): most text is
  /// no match, and is told so by one look into the cache.
  std::vector<std::uint64_t> filter_;
  std::uint64_t filter_mask_ = 0;
};

}  // namespace xfer::domains
