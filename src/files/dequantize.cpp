// SPDX-License-Identifier: Apache-2.0
#include "half.hpp"
#include "k_quants.hpp"
#include "xfer/error.hpp"
#include "xfer/files/gguf.hpp"

#include <cstring>

namespace xfer::files {
namespace {

// Layouts: ggml-common.h of ggml-org/ggml. Blocks of 32 keep elements 0 to 15 in the low nibbles
// and 16 to 31 in the high ones. Every product is rounded to float32 on its own, as the reference
// does; the build forbids contraction.
using Byte = const std::uint8_t*;

void f32_block(Byte in, float* out) noexcept { std::memcpy(out, in, sizeof *out); }

void f16_block(Byte in, float* out) noexcept { *out = half_at(in); }

void bf16_block(Byte in, float* out) noexcept {
  std::uint16_t bits = 0;
  std::memcpy(&bits, in, sizeof bits);
  *out = bfloat_to_float(bits);
}

void q8_0_block(Byte in, float* out) noexcept {
  const float scale = half_at(in);
  for (int i = 0; i < 32; ++i) {
    out[i] = static_cast<float>(static_cast<std::int8_t>(in[2 + i])) * scale;
  }
}

void q4_0_block(Byte in, float* out) noexcept {
  const float scale = half_at(in);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>((in[2 + i] & 15) - 8);
    out[i + 16] = scale * static_cast<float>((in[2 + i] >> 4) - 8);
  }
}

void q4_1_block(Byte in, float* out) noexcept {
  const float scale = half_at(in);
  const float lowest = half_at(in + 2);
  for (int i = 0; i < 16; ++i) {
    out[i] = scale * static_cast<float>(in[4 + i] & 15) + lowest;
    out[i + 16] = scale * static_cast<float>(in[4 + i] >> 4) + lowest;
  }
}

// The fifth bits of the 32 elements are one little-endian word.
int fifth_bit(Byte word, int i) noexcept { return ((word[i / 8] >> (i % 8)) & 1) << 4; }

void q5_0_block(Byte in, float* out) noexcept {
  const float scale = half_at(in);
  for (int i = 0; i < 16; ++i) {
    const int low = (in[6 + i] & 15) | fifth_bit(in + 2, i);
    const int high = (in[6 + i] >> 4) | fifth_bit(in + 2, i + 16);
    out[i] = scale * static_cast<float>(low - 16);
    out[i + 16] = scale * static_cast<float>(high - 16);
  }
}

void q5_1_block(Byte in, float* out) noexcept {
  const float scale = half_at(in);
  const float lowest = half_at(in + 2);
  for (int i = 0; i < 16; ++i) {
    const int low = (in[8 + i] & 15) | fifth_bit(in + 4, i);
    const int high = (in[8 + i] >> 4) | fifth_bit(in + 4, i + 16);
    out[i] = scale * static_cast<float>(low) + lowest;
    out[i + 16] = scale * static_cast<float>(high) + lowest;
  }
}

// A template, so that the decoder of a block is inlined into the loop over blocks.
template <void decode(Byte, float*) noexcept>
void decode_blocks(GgmlBlock block, std::span<const std::byte> bytes, std::span<float> out) {
  const auto* in = reinterpret_cast<Byte>(bytes.data());
  for (std::size_t i = 0; i < out.size(); i += block.elements, in += block.bytes) {
    decode(in, out.data() + i);
  }
}

}  // namespace

int code_bits(GgmlType type) noexcept {
  if (type == GgmlType::q4_0 || type == GgmlType::q4_1) return 4;
  return type == GgmlType::q8_0 ? 8 : 0;
}

// Scales are binary16 and codes short, so their products are exact and one rounding is left.
QuantBlock read_block(GgmlType type, const std::byte* bytes) noexcept {
  const auto* in = reinterpret_cast<Byte>(bytes);
  QuantBlock block{};
  block.scale = half_at(in);
  if (type == GgmlType::q8_0) {
    std::memcpy(block.codes.data(), in + 2, block.codes.size());
    return block;
  }
  const bool with_lowest = type == GgmlType::q4_1;
  block.offset = with_lowest ? half_at(in + 2) : -8.0F * block.scale;
  const Byte codes = in + (with_lowest ? 4 : 2);
  for (std::size_t i = 0; i < 16; ++i) {
    block.codes[i] = static_cast<std::int8_t>(codes[i] & 15);
    block.codes[i + 16] = static_cast<std::int8_t>(codes[i] >> 4);
  }
  return block;
}

void dequantize(GgmlType type, std::span<const std::byte> bytes, std::span<float> out) {
  const GgmlBlock block = block_of(type);
  if (out.size() % block.elements != 0 ||
      bytes.size() / block.bytes < out.size() / block.elements) {
    throw Error(Errc::invalid_argument,
                "dequantize: " + std::to_string(out.size()) + " elements of " + to_string(type) +
                    " are not whole blocks of " + std::to_string(block.elements) +
                    ", or more than " + std::to_string(bytes.size()) + " bytes hold");
  }
  switch (type) {
    case GgmlType::f32: return decode_blocks<f32_block>(block, bytes, out);
    case GgmlType::f16: return decode_blocks<f16_block>(block, bytes, out);
    case GgmlType::bf16: return decode_blocks<bf16_block>(block, bytes, out);
    case GgmlType::q8_0: return decode_blocks<q8_0_block>(block, bytes, out);
    case GgmlType::q4_0: return decode_blocks<q4_0_block>(block, bytes, out);
    case GgmlType::q4_1: return decode_blocks<q4_1_block>(block, bytes, out);
    case GgmlType::q5_0: return decode_blocks<q5_0_block>(block, bytes, out);
    case GgmlType::q5_1: return decode_blocks<q5_1_block>(block, bytes, out);
    case GgmlType::q2_k: return decode_blocks<q2_k_block>(block, bytes, out);
    case GgmlType::q3_k: return decode_blocks<q3_k_block>(block, bytes, out);
    case GgmlType::q4_k: return decode_blocks<q4_k_block>(block, bytes, out);
    case GgmlType::q5_k: return decode_blocks<q5_k_block>(block, bytes, out);
    case GgmlType::q6_k: return decode_blocks<q6_k_block>(block, bytes, out);
  }
}

}  // namespace xfer::files
