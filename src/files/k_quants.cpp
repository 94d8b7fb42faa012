// SPDX-License-Identifier: Apache-2.0
#include "k_quants.hpp"

#include "half.hpp"

namespace xfer::files {
namespace {

// Layouts: ggml-common.h of ggml-org/ggml. The order of products and roundings is the reference
// decoder's, so that every bit agrees.
using Byte = const std::uint8_t*;

struct ScaleAndMin {
  int scale;
  int min;
};

// Q4_K and Q5_K pack eight 6-bit scales and eight 6-bit minima into 12 bytes: groups 0 to 3 in the
// low 6 bits of bytes 0-3 (scales) and 4-7 (minima); groups 4 to 7 have their low 4 bits in bytes
// 8-11 and their upper 2 bits on top of bytes 0-7.
ScaleAndMin scale_and_min(Byte packed, int group) noexcept {
  if (group < 4) return {packed[group] & 63, packed[group + 4] & 63};
  return {(packed[group + 4] & 15) | ((packed[group - 4] >> 6) << 4),
          (packed[group + 4] >> 4) | ((packed[group] >> 6) << 4)};
}

}  // namespace

void q2_k_block(const std::uint8_t* in, float* out) noexcept {
  const Byte scales = in;
  const Byte quants = in + 16;
  const float scale = half_at(in + 80);
  const float min = half_at(in + 82);
  for (int group = 0; group < 16; ++group) {
    const float group_scale = scale * static_cast<float>(scales[group] & 15);
    const float group_min = min * static_cast<float>(scales[group] >> 4);
    // 128 elements share 32 bytes, 2 bits each: 32 elements per bit position.
    const Byte part = quants + group / 8 * 32 + group % 2 * 16;
    const int shift = group % 8 / 2 * 2;
    for (int i = 0; i < 16; ++i) {
      const auto quant = static_cast<float>((part[i] >> shift) & 3);
      out[group * 16 + i] = group_scale * quant - group_min;
    }
  }
}

void q3_k_block(const std::uint8_t* in, float* out) noexcept {
  const Byte high = in;
  const Byte quants = in + 32;
  const Byte scales = in + 96;
  const float scale = half_at(in + 108);
  for (int group = 0; group < 16; ++group) {
    const int low_bits = (scales[group % 8] >> (group / 8 * 4)) & 15;
    const int high_bits = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
    const float group_scale = scale * static_cast<float>((low_bits | (high_bits << 4)) - 32);
    const int half = group % 2 * 16;
    const Byte part = quants + group / 8 * 32 + half;
    const int shift = group % 8 / 2 * 2;
    const int bit = group / 2;
    for (int i = 0; i < 16; ++i) {
      // A third bit of 1 means "do not subtract 4".
      const int offset = ((high[half + i] >> bit) & 1) != 0 ? 0 : 4;
      const auto quant = static_cast<float>(((part[i] >> shift) & 3) - offset);
      out[group * 16 + i] = group_scale * quant;
    }
  }
}

void q4_k_block(const std::uint8_t* in, float* out) noexcept {
  const float scale = half_at(in);
  const float min = half_at(in + 2);
  const Byte quants = in + 16;
  for (int group = 0; group < 8; ++group) {
    const auto packed = scale_and_min(in + 4, group);
    const float group_scale = scale * static_cast<float>(packed.scale);
    const float group_min = min * static_cast<float>(packed.min);
    const Byte part = quants + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const auto quant = static_cast<float>((part[i] >> shift) & 15);
      out[group * 32 + i] = group_scale * quant - group_min;
    }
  }
}

void q5_k_block(const std::uint8_t* in, float* out) noexcept {
  const float scale = half_at(in);
  const float min = half_at(in + 2);
  const Byte high = in + 16;
  const Byte quants = in + 48;
  for (int group = 0; group < 8; ++group) {
    const auto packed = scale_and_min(in + 4, group);
    const float group_scale = scale * static_cast<float>(packed.scale);
    const float group_min = min * static_cast<float>(packed.min);
    const Byte part = quants + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int fifth = ((high[i] >> group) & 1) << 4;
      const auto quant = static_cast<float>(((part[i] >> shift) & 15) | fifth);
      out[group * 32 + i] = group_scale * quant - group_min;
    }
  }
}

void q6_k_block(const std::uint8_t* in, float* out) noexcept {
  const Byte low = in;
  const Byte high = in + 128;
  const Byte scales = in + 192;
  const float scale = half_at(in + 208);
  for (int group = 0; group < 8; ++group) {
    // 128 elements share 64 bytes of low and 32 bytes of high bits.
    const Byte low_part = low + group / 4 * 64 + group % 2 * 32;
    const int low_shift = group % 4 / 2 * 4;
    const Byte high_part = high + group / 4 * 32;
    const int high_shift = group % 4 * 2;
    for (int i = 0; i < 32; ++i) {
      const auto signed_scale = static_cast<std::int8_t>(scales[group * 2 + i / 16]);
      const float group_scale = scale * static_cast<float>(signed_scale);
      const int quant =
          ((low_part[i] >> low_shift) & 15) | (((high_part[i] >> high_shift) & 3) << 4);
      out[group * 32 + i] = group_scale * static_cast<float>(quant - 32);
    }
  }
}

}  // namespace xfer::files
