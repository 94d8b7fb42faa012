// SPDX-License-Identifier: Apache-2.0
// 16-bit floats as float32. Both conversions are exact.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace xfer::files {

/// IEEE binary16, given as its bits. Free of denormal arithmetic, so the result does not depend on
/// the flush-to-zero mode of the calling thread.
inline float half_to_float(std::uint16_t bits) noexcept {
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  const std::uint32_t shifted = magnitude << 13U;
  std::uint32_t result = shifted + 0x38000000U;              // rebias the exponent from 15 to 127
  if (magnitude >= 0x7C00U) result = shifted | 0x7F800000U;  // infinity and NaN
  if (magnitude < 0x0400U) {                                 // zero and subnormals
    result = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24F);
  }
  return std::bit_cast<float>(result | sign);
}

/// The binary16 at an address of any alignment.
inline float half_at(const std::uint8_t* bytes) noexcept {
  std::uint16_t bits = 0;
  std::memcpy(&bits, bytes, sizeof bits);
  return half_to_float(bits);
}

/// bfloat16, given as its bits: the upper half of a float32.
inline float bfloat_to_float(std::uint16_t bits) noexcept {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

}  // namespace xfer::files
