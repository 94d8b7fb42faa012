// SPDX-License-Identifier: Apache-2.0
#include "stats/drawn_rows.hpp"

#include "xfer/rng.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__) && defined(__GNUC__)
#define XFER_STATS_AVX2 1
#include <immintrin.h>
#endif

namespace xfer::stats {
namespace {

/// Columns that are added at once, and blocks of random words made at once.
constexpr std::size_t lanes = 8;
constexpr std::size_t group_words = 4 * lanes;

constexpr std::uint32_t low(std::uint64_t x) { return static_cast<std::uint32_t>(x); }
constexpr std::uint32_t high(std::uint64_t x) { return static_cast<std::uint32_t>(x >> 32U); }

struct Work {
  std::uint64_t seed;
  std::uint64_t stream;
  std::size_t rows;
  std::size_t stride;
  const float* values;
  /// Where each chosen row starts.
  std::uint64_t* chosen;
  float* sums;
};

using Block = std::array<std::uint32_t, 4>;

Block random_block(const Work& work, std::uint64_t block) {
  return philox4x32({low(block), high(block), low(work.stream), high(work.stream)},
                    {low(work.seed), high(work.seed)});
}

std::uint64_t start_of(std::uint32_t word, const Work& work) {
  return ((std::uint64_t{word} * work.rows) >> 32U) * work.stride;
}

/// Draws `done` and on. What is left over after whole groups comes word after word.
void choose_rest(const Work& work, std::size_t done) {
  for (std::uint64_t block = done / 4; done < work.rows; ++block)
    for (const std::uint32_t word : random_block(work, block)) {
      if (done == work.rows) return;
      work.chosen[done++] = start_of(word, work);
    }
}

/// Whole groups are kept word by word, each for all blocks of the group, as vector instructions
/// leave them. This changes the order of addition but not what is drawn.
std::size_t choose_groups(const Work& work) {
  std::size_t k = 0;
  for (; k + group_words <= work.rows; k += group_words)
    for (std::size_t lane = 0; lane < lanes; ++lane) {
      const Block words = random_block(work, k / 4 + lane);
      for (std::size_t w = 0; w < 4; ++w)
        work.chosen[k + w * lanes + lane] = start_of(words[w], work);
    }
  return k;
}

#ifdef XFER_STATS_AVX2
/// Four blocks of `philox4x32`, each 32-bit word in the lower half of 64 bits.
struct FourBlocks {
  __m256i a, b, c, d;
};

[[gnu::target("avx2"), gnu::always_inline]] inline __m256i all(std::uint64_t value) {
  return _mm256_set1_epi64x(static_cast<long long>(value));
}

[[gnu::target("avx2"), gnu::always_inline]] inline void philox_round(FourBlocks& x, __m256i key0,
                                                                     __m256i key1) {
  // Products of the lower halves; what is left in the upper halves is never read.
  const __m256i p = _mm256_mul_epu32(x.a, _mm256_set1_epi64x(0xD2511F53));
  const __m256i q = _mm256_mul_epu32(x.c, _mm256_set1_epi64x(0xCD9E8D57));
  x.a = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(q, 32), x.b), key0);
  x.b = q;
  x.c = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(p, 32), x.d), key1);
  x.d = p;
}

[[gnu::target("avx2")]] std::size_t choose_groups_avx2(const Work& work) {
  const __m256i rows = all(work.rows);
  const __m256i stride = all(work.stride);
  std::size_t k = 0;
  for (; k + group_words <= work.rows; k += group_words) {
    const std::uint64_t block = k / 4;  // below 2^29, so its upper word is 0
    const __m256i first = _mm256_add_epi64(all(block), _mm256_setr_epi64x(0, 1, 2, 3));
    FourBlocks x = {first, all(0), all(low(work.stream)), all(high(work.stream))};
    FourBlocks y = x;
    y.a = _mm256_add_epi64(first, all(4));
    std::uint32_t key0 = low(work.seed);
    std::uint32_t key1 = high(work.seed);
    for (int round = 0; round < 10; ++round) {
      philox_round(x, all(key0), all(key1));
      philox_round(y, all(key0), all(key1));
      key0 += 0x9E3779B9U;
      key1 += 0xBB67AE85U;
    }
    const __m256i words[] = {x.a, y.a, x.b, y.b, x.c, y.c, x.d, y.d};
    for (std::size_t w = 0; w < 8; ++w) {
      const __m256i row = _mm256_srli_epi64(_mm256_mul_epu32(words[w], rows), 32);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(work.chosen + k + 4 * w),
                          _mm256_mul_epu32(row, stride));
    }
  }
  return k;
}
#endif

using Lanes [[gnu::vector_size(lanes * sizeof(float))]] = float;

/// Adds up `lanes` columns of the chosen rows, in four chains.
[[gnu::always_inline]] inline void add_columns(const Work& work, std::size_t column) {
  const float* values = work.values + column;
  Lanes s0{}, s1{}, s2{}, s3{}, row;
  std::size_t k = 0;
  for (; k + 4 <= work.rows; k += 4) {
    std::memcpy(&row, values + work.chosen[k], sizeof row);
    s0 += row;
    std::memcpy(&row, values + work.chosen[k + 1], sizeof row);
    s1 += row;
    std::memcpy(&row, values + work.chosen[k + 2], sizeof row);
    s2 += row;
    std::memcpy(&row, values + work.chosen[k + 3], sizeof row);
    s3 += row;
  }
  for (; k < work.rows; ++k) {
    std::memcpy(&row, values + work.chosen[k], sizeof row);
    s0 += row;
  }
  s0 = (s0 + s1) + (s2 + s3);
  std::memcpy(work.sums + column, &s0, sizeof s0);
}

#ifdef XFER_STATS_AVX2
// Without FMA, which would round differently.
[[gnu::target("avx2")]] void resample_avx2(const Work& work) {
  choose_rest(work, choose_groups_avx2(work));
  for (std::size_t column = 0; column < work.stride; column += lanes) add_columns(work, column);
}
#endif

void resample_any(const Work& work) {
  choose_rest(work, choose_groups(work));
  for (std::size_t column = 0; column < work.stride; column += lanes) add_columns(work, column);
}

using Kernel = void (*)(const Work&);

Kernel best_kernel() {
#ifdef XFER_STATS_AVX2
  if (__builtin_cpu_supports("avx2")) return resample_avx2;
#endif
  return resample_any;
}

/// The stream of `Rng(seed, stream).fork(id)`.
std::uint64_t forked(std::uint64_t stream, std::uint64_t id) {
  const auto words = philox4x32({low(id), high(id), low(stream), high(stream)}, {0x78666572U, 1U});
  return (std::uint64_t{words[1]} << 32U) | words[0];
}

}  // namespace

DrawnRows::DrawnRows(std::size_t rows, std::size_t columns, Instructions instructions)
    : rows_(rows), stride_((columns + lanes - 1) / lanes * lanes), instructions_(instructions),
      values_(rows * stride_), chosen_(rows), sums_(stride_) {}

const std::vector<float>& DrawnRows::draw(std::uint64_t seed, std::uint64_t stream,
                                          std::uint64_t resample) {
  static const Kernel best = best_kernel();
  const Kernel kernel = instructions_ == Instructions::best ? best : resample_any;
  kernel({seed, forked(stream, resample), rows_, stride_, values_.data(), chosen_.data(),
          sums_.data()});
  return sums_;
}

}  // namespace xfer::stats
