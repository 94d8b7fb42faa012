// SPDX-License-Identifier: Apache-2.0
// A counter-based random number generator: the n-th number of a stream is a pure function of
// (seed, stream, n), so any part of a study can be drawn again alone.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#pragma GCC visibility push(default)
namespace xfer {

/// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011).
/// One block of four 32-bit words for a 128-bit counter and a 64-bit key.
constexpr std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                                  std::array<std::uint32_t, 2> key) noexcept {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = std::uint64_t{0xD2511F53U} * counter[0];
    const std::uint64_t b = std::uint64_t{0xCD9E8D57U} * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32U) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32U) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9U;
    key[1] += 0xBB67AE85U;
  }
  return counter;
}

/// 64-bit FNV-1a of a name, to derive streams from words.
constexpr std::uint64_t stream_id(std::string_view name) noexcept {
  std::uint64_t h = 0xcbf29ce484222325ULL;
  for (const char c : name) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return h;
}

/// A stream of random numbers. Cheap to copy; a copy continues independently from the same place.
/// Not safe to share between threads without a lock: give each its own stream.
class Rng {
public:
  explicit constexpr Rng(std::uint64_t seed, std::uint64_t stream = 0) noexcept
      : seed_(seed), stream_(stream) {}
  constexpr Rng(std::uint64_t seed, std::string_view stream) noexcept
      : Rng(seed, stream_id(stream)) {}

  /// Another stream of the same seed, independent of how much was drawn from this one.
  constexpr Rng fork(std::uint64_t id) const noexcept {
    const auto b = philox4x32({low(id), high(id), low(stream_), high(stream_)}, {0x78666572U, 1U});
    return Rng(seed_, (std::uint64_t{b[1]} << 32U) | b[0]);
  }
  constexpr Rng fork(std::string_view name) const noexcept { return fork(stream_id(name)); }

  constexpr std::uint32_t next_u32() noexcept {
    if (used_ == 4) {
      block_ = philox4x32({low(index_), high(index_), low(stream_), high(stream_)},
                          {low(seed_), high(seed_)});
      ++index_;
      used_ = 0;
    }
    return block_[used_++];
  }
  constexpr std::uint64_t next_u64() noexcept {
    const std::uint64_t lo = next_u32();
    return (std::uint64_t{next_u32()} << 32U) | lo;
  }

  /// Uniform in [0, 1) with 53 random bits.
  constexpr double uniform() noexcept { return static_cast<double>(next_u64() >> 11U) * 0x1.0p-53; }
  /// Uniform in [0, bound), without bias. `bound` must be at least 1.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept {
    const std::uint64_t rest = (0 - bound) % bound;  // 2^64 mod bound
    for (;;) {
      const std::uint64_t draw = next_u64();
      if (draw >= rest) return draw % bound;
    }
  }
  /// Uniform integer in [first, last], both ends included.
  constexpr std::int64_t between(std::int64_t first, std::int64_t last) noexcept {
    return first + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(last - first) + 1));
  }
  /// Standard normal (Box-Muller, one value a call; portable libm differences aside exact).
  double normal() noexcept {
    const double u = 1.0 - uniform();
    const double v = uniform();
    return std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v);
  }
  /// Fisher-Yates.
  template <class T>
  constexpr void shuffle(std::span<T> items) noexcept {
    for (std::size_t i = items.size(); i > 1; --i) {
      using std::swap;
      swap(items[i - 1], items[static_cast<std::size_t>(below(i))]);
    }
  }
  /// One of a non-empty list.
  template <class Container>
  constexpr const auto& pick(const Container& items) noexcept {
    return items[static_cast<std::size_t>(below(items.size()))];
  }

private:
  static constexpr std::uint32_t low(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x);
  }
  static constexpr std::uint32_t high(std::uint64_t x) noexcept {
    return static_cast<std::uint32_t>(x >> 32U);
  }

  std::uint64_t seed_;
  std::uint64_t stream_;
  std::uint64_t index_ = 0;
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
};

}  // namespace xfer
#pragma GCC visibility pop
