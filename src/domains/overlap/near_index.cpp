// SPDX-License-Identifier: Apache-2.0
#include "domains/overlap/near_index.hpp"

#include "domains/overlap/words.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace xfer::domains {
namespace {

// 80 bands of 3: of texts with similarity 0.385 (two words in ten edited, the worst case of a
// fifth) 1 - (1 - 0.385^3)^80 = 99 % become candidates, of texts with 0.02 one in 1,600.
constexpr std::size_t bands = 80;
constexpr std::size_t rows = 3;

/// Fewer pairs say too little: "how many are left" is no duplicate of another such question.
constexpr std::size_t pairs_min = 5;

std::vector<std::uint64_t> word_pairs(std::string_view text) {
  std::vector<std::uint64_t> pairs;
  std::uint64_t before = 0;
  bool first = true;
  for_each_word(text, [&](std::uint64_t word) {
    if (!first) pairs.push_back(mixed(before * 3 + word));
    before = word;
    first = false;
  });
  std::sort(pairs.begin(), pairs.end());
  pairs.erase(std::unique(pairs.begin(), pairs.end()), pairs.end());
  return pairs;
}

double jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
  std::size_t both = 0;
  auto left = a.begin();
  auto right = b.begin();
  while (left != a.end() && right != b.end()) {
    if (*left < *right) {
      ++left;
    } else if (*right < *left) {
      ++right;
    } else {
      ++both, ++left, ++right;
    }
  }
  return static_cast<double>(both) / static_cast<double>(a.size() + b.size() - both);
}

/// One key for each band: the band's number and its least hashes.
std::array<std::uint64_t, bands> band_keys(const std::vector<std::uint64_t>& pairs) {
  std::array<std::uint64_t, bands * rows> least;
  least.fill(std::numeric_limits<std::uint64_t>::max());
  for (const std::uint64_t pair : pairs) {
    std::uint64_t hash = pair;
    for (std::uint64_t& each : least) {
      // A family of hashes from one: steps of a generator that starts at the pair.
      hash = hash * 0x5851F42D4C957F2DULL + 0x14057B7EF767814FULL;
      each = std::min(each, hash ^ (hash >> 32U));
    }
  }
  std::array<std::uint64_t, bands> keys;
  for (std::size_t band = 0; band < bands; ++band) {
    std::uint64_t key = band;
    for (std::size_t row = 0; row < rows; ++row) key = mixed(key ^ least[band * rows + row]);
    keys[band] = key;
  }
  return keys;
}

}  // namespace

NearIndex::Pairs NearIndex::telling(Pairs pairs) const {
  std::erase_if(pairs, [&](std::uint64_t pair) { return common_.contains(pair); });
  return pairs;
}

void NearIndex::add(std::string_view text) { items_.push_back(word_pairs(text)); }

void NearIndex::finish(std::size_t common) {
  std::unordered_map<std::uint64_t, std::size_t> counts;
  for (const Pairs& pairs : items_)
    for (const std::uint64_t pair : pairs) ++counts[pair];
  for (const auto& [pair, count] : counts)
    if (count > common) common_.insert(pair);
  for (std::uint32_t item = 0; item < items_.size(); ++item) {
    items_[item] = telling(std::move(items_[item]));
    if (items_[item].size() < pairs_min) continue;
    for (const std::uint64_t key : band_keys(items_[item])) bands_[key].push_back(item);
  }
}

std::vector<std::pair<std::uint32_t, double>> NearIndex::find(std::string_view text) const {
  const Pairs pairs = telling(word_pairs(text));
  if (pairs.size() < pairs_min) return {};
  std::vector<std::uint32_t> candidates;
  for (const std::uint64_t key : band_keys(pairs)) {
    const auto found = bands_.find(key);
    if (found != bands_.end())
      candidates.insert(candidates.end(), found->second.begin(), found->second.end());
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  std::vector<std::pair<std::uint32_t, double>> all;
  for (const std::uint32_t item : candidates) {
    const double alike = jaccard(pairs, items_[item]);
    if (alike >= similarity_) all.emplace_back(item, alike);
  }
  return all;
}

}  // namespace xfer::domains
