// SPDX-License-Identifier: Apache-2.0
// Which example is drawn when: a pure function of seed and position.
#pragma once

#include "xfer/rng.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace xfer::study {

/// Goes through 0..size-1 in a random order, then through all of them again in another order, and
/// so on. Any position costs the same, however large the set: the permutation is a Feistel network
/// over the next even number of bits, walked until it lands inside (Black and Rogaway, "Ciphers
/// with arbitrary finite domains", CT-RSA 2002).
class IndexStream {
public:
  /// `size` must be at least 1.
  IndexStream(std::uint64_t seed, std::string_view name, std::uint64_t size)
      : size_(size), key_(Rng(seed, name).next_u64()) {
    const auto bits = static_cast<unsigned>(std::bit_width(size - 1));
    half_bits_ = bits < 2 ? 1 : (bits + 1) / 2;
  }

  std::uint64_t at(std::uint64_t position) const {
    const std::uint64_t epoch = position / size_;
    std::uint64_t index = position % size_;
    do index = permute(index, epoch);
    while (index >= size_);
    return index;
  }

private:
  std::uint64_t permute(std::uint64_t value, std::uint64_t epoch) const {
    constexpr std::uint32_t rounds = 6;
    const std::uint64_t mask = (std::uint64_t{1} << half_bits_) - 1;
    std::uint64_t left = value >> half_bits_;
    std::uint64_t right = value & mask;
    for (std::uint32_t round = 0; round < rounds; ++round) {
      const auto word =
          philox4x32({static_cast<std::uint32_t>(right), static_cast<std::uint32_t>(epoch),
                      static_cast<std::uint32_t>(epoch >> 32U), round},
                     {static_cast<std::uint32_t>(key_), static_cast<std::uint32_t>(key_ >> 32U)});
      const std::uint64_t mixed = left ^ (((std::uint64_t{word[1]} << 32U) | word[0]) & mask);
      left = right;
      right = mixed;
    }
    return (left << half_bits_) | right;
  }

  std::uint64_t size_;
  std::uint64_t key_;
  unsigned half_bits_ = 1;
};

/// How many of the examples of steps 0 to `step` - 1 come from source `place` of an even mixture.
/// A batch that does not divide alternates which source gives one more.
inline std::uint64_t drawn_before(int step, int batch_size, std::size_t sources,
                                  std::size_t place) {
  const std::uint64_t all =
      static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(batch_size);
  return (all + (sources - 1 - place)) / sources;
}

}  // namespace xfer::study
