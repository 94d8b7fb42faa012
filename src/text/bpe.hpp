// SPDX-License-Identifier: Apache-2.0
// Byte-pair encoding of one word.
#pragma once

#include "text/vocabulary.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace xfer::text {

/// "These two tokens in a row become `id`; lower ranks go first."
struct Merge {
  std::int32_t left = 0;
  std::int32_t right = 0;
  std::int32_t id = 0;
};

struct BpeOptions {
  /// Words begin as their characters, and a character without a token as the tokens of its bytes,
  /// of which `byte_tokens` has 256; else words begin as their bytes.
  bool characters = false;
  std::vector<std::int32_t> byte_tokens;
  /// A word that is a token is that token, even if merging would not arrive there.
  bool ignore_merges = false;
  /// What a byte without a token of its own becomes; nothing at all when unset.
  std::optional<std::int32_t> unknown;
  /// Whether a row of such bytes becomes one unknown token.
  bool fuse_unknown = false;
};

/// Applies merges in the order of their rank, leftmost first. Safe to use concurrently.
class Bpe {
public:
  /// `merges` in the order of their rank; of two for the same pair the last counts.
  Bpe(Vocabulary vocabulary, const std::vector<Merge>& merges, BpeOptions options);

  /// Appends the tokens of a word, which stays whole: nothing merges across its ends.
  void encode_word(std::string_view word, std::vector<std::int32_t>& out) const;

  const Vocabulary& vocabulary() const noexcept { return vocabulary_; }

private:
  struct Target {
    std::uint32_t rank = no_rank;
    std::int32_t id = -1;
  };
  struct Slot {
    std::uint64_t key = no_key;
    Target target;
  };
  struct Symbol;
  struct Candidate;
  static constexpr std::uint32_t no_rank = 0xFFFFFFFFU;
  static constexpr std::uint64_t no_key = ~std::uint64_t{0};
  /// Words up to this many bytes are merged by looking at every pair; longer ones with a heap.
  static constexpr std::size_t short_word_max = 48;

  Target find(std::int32_t left, std::int32_t right) const noexcept;
  void insert_merges(const std::vector<Merge>& merges);
  void encode_short(std::string_view word, std::vector<std::int32_t>& out) const;
  void encode_long(std::string_view word, std::vector<std::int32_t>& out) const;
  template <class Append>
  void start_symbols(std::string_view word, Append append) const;
  template <class Append>
  void start_characters(std::string_view word, Append append) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  std::vector<Slot> slots_;
  unsigned shift_ = 64;
  std::array<std::int32_t, 256> byte_ids_{};
  bool has_all_bytes_ = true;
  /// What two bytes in a row become: most lookups are of such pairs. Empty unless `has_all_bytes_`.
  std::vector<Target> byte_pairs_;

  enum : std::uint8_t { unseen, whole, split };
  /// For every token, whether its bytes encode to itself: a cache of words that is bounded by the
  /// vocabulary and needs no lock, as every thread would store the same answer.
  std::unique_ptr<std::atomic<std::uint8_t>[]> wholeness_;
};

}  // namespace xfer::text
