// SPDX-License-Identifier: Apache-2.0
// Sizes of tensors whose shapes come from a file: nothing here may overflow.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace xfer::files {

inline constexpr std::size_t rank_max = 8;
inline constexpr std::uint64_t dimension_max = std::uint64_t{1} << 48U;

/// Nothing when the product does not fit.
inline std::optional<std::uint64_t> checked_product(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t product = 0;
  if (__builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

/// Nothing when the count, or the product of the dimensions that are not 0, exceeds an int64:
/// readers may then multiply dimensions in any order.
inline std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) noexcept {
  std::uint64_t product = 1;
  bool empty = false;
  for (const auto dimension : shape) {
    if (dimension < 0) return std::nullopt;
    empty = empty || dimension == 0;
    const auto next =
        checked_product(product, static_cast<std::uint64_t>(std::max<std::int64_t>(dimension, 1)));
    if (!next || *next > static_cast<std::uint64_t>(INT64_MAX)) return std::nullopt;
    product = *next;
  }
  return empty ? 0 : product;
}

}  // namespace xfer::files
