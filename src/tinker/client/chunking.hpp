// SPDX-License-Identifier: Apache-2.0
// A large batch as several requests, and their results as one.
#pragma once

#include "xfer/tinker/wire.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace xfer::tinker {

struct ChunkLimits {
  std::size_t datums_max = 1024;
  std::size_t bytes_max = 5'000'000;
};

/// What a datum is taken to weigh: 4 bytes a token, its tensors, 8 bytes a sparse index.
std::size_t estimated_bytes(const Datum& datum) noexcept;

/// Sizes of the chunks, in order, all at least 1: a new one begins when another datum would exceed
/// a limit.
std::vector<std::size_t> chunk_sizes(std::span<const Datum> data, const ChunkLimits& limits);

/// Outputs joined in order; metrics reduced by the suffix of their names: sum, mean (weighted by
/// datums), min, max, slack (largest less mean), hash2 (sum of integers modulo 2^64), unique (the
/// others as `name_1`, ...). Metrics with another suffix, or without one, are dropped, also of one
/// chunk.
ForwardBackwardOutput join_chunks(std::vector<ForwardBackwardOutput> chunks);

}  // namespace xfer::tinker
