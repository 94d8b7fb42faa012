// SPDX-License-Identifier: Apache-2.0
// Text as words: hashes of runs of letters and digits, whatever their case.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace xfer::domains {

/// A strong mix of 64 bits (the finaliser of SplitMix64, Steele et al. 2014).
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31U);
}

/// Letters, digits and every byte of other alphabets belong to words.
constexpr bool is_word_byte(unsigned char c) noexcept {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c >= 0x80;
}

/// Bit i: whether byte i of the 64 belongs to a word.
inline std::uint64_t word_bits(const char* text) noexcept {
#if defined(__SSE2__)
  // Signed comparisons: bytes from 0x80 are below zero.
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < 4; ++i) {
    const __m128i c = _mm_loadu_si128(reinterpret_cast<const __m128i*>(text + 16 * i));
    const __m128i low = _mm_or_si128(c, _mm_set1_epi8(0x20));
    const __m128i letter = _mm_and_si128(_mm_cmpgt_epi8(low, _mm_set1_epi8('a' - 1)),
                                         _mm_cmplt_epi8(low, _mm_set1_epi8('z' + 1)));
    const __m128i digit = _mm_and_si128(_mm_cmpgt_epi8(c, _mm_set1_epi8('0' - 1)),
                                        _mm_cmplt_epi8(c, _mm_set1_epi8('9' + 1)));
    const __m128i other = _mm_cmplt_epi8(c, _mm_setzero_si128());
    const int found = _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, digit), other));
    bits |= static_cast<std::uint64_t>(static_cast<unsigned>(found)) << (16 * i);
  }
  return bits;
#else
  std::uint64_t bits = 0;
  for (unsigned i = 0; i < 64; ++i)
    if (is_word_byte(static_cast<unsigned char>(text[i]))) bits |= std::uint64_t{1} << i;
  return bits;
#endif
}

/// Hash of a word. Setting bit 5 makes ASCII letters lower-case and leaves digits as they are;
/// other alphabets lose a little, which a match by hash is checked for anyway.
/// `end` is that of the text.
inline std::uint64_t word_hash(const char* word, std::size_t size, const char* end) noexcept {
  constexpr std::uint64_t lower_case = 0x2020202020202020ULL;
  std::uint64_t hash = size * 0x9E3779B97F4A7C15ULL;
  while (size > 8) {
    std::uint64_t piece;
    std::memcpy(&piece, word, 8);
    hash = (std::rotl(hash, 23) ^ (piece | lower_case)) * 0x9FB21C651E98DF25ULL;
    word += 8;
    size -= 8;
  }
  std::uint64_t last = 0;
  if (end - word >= 8) {
    // Eight bytes at once and the excess cut off: copies of other sizes are slow.
    std::memcpy(&last, word, 8);
    last &= ~std::uint64_t{0} >> (64 - 8 * size);
  } else {
    std::memcpy(&last, word, size);
  }
  hash = (std::rotl(hash, 23) ^ (last | lower_case)) * 0x9FB21C651E98DF25ULL;
  return hash ^ (hash >> 32U);
}

/// Calls `take(hash)` for each word in turn.
template <class Take>
void for_each_word(std::string_view text, Take take) {
  constexpr std::size_t none = static_cast<std::size_t>(-1);
  const char* const data = text.data();
  const char* const end = data + text.size();
  std::size_t start = none;  // of a word that goes on into the next block
  for (std::size_t at = 0; at < text.size(); at += 64) {
    char tail[64];
    const char* block = data + at;
    if (text.size() - at < 64) {
      std::memset(tail, ' ', sizeof tail);
      std::memcpy(tail, block, text.size() - at);
      block = tail;
    }
    std::uint64_t bits = word_bits(block);
    if (start != none) {
      const auto length = static_cast<std::size_t>(std::countr_one(bits));
      if (length == 64) continue;
      take(word_hash(data + start, at + length - start, end));
      start = none;
      bits &= ~std::uint64_t{0} << length;
    }
    while (bits != 0) {
      const auto first = static_cast<unsigned>(std::countr_zero(bits));
      const auto length = static_cast<unsigned>(std::countr_one(bits >> first));
      if (first + length == 64) {
        start = at + first;
        break;
      }
      take(word_hash(data + at + first, length, end));
      bits &= ~std::uint64_t{0} << (first + length);
    }
  }
  if (start != none) take(word_hash(data + start, text.size() - start, end));
}

}  // namespace xfer::domains
