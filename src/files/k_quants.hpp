// SPDX-License-Identifier: Apache-2.0
// Decoders of the "K" block formats: 256 elements with scales that are quantised themselves.
#pragma once

#include <cstdint>

namespace xfer::files {

/// Each reads one block of its format and writes 256 floats.
void q2_k_block(const std::uint8_t* in, float* out) noexcept;
void q3_k_block(const std::uint8_t* in, float* out) noexcept;
void q4_k_block(const std::uint8_t* in, float* out) noexcept;
void q5_k_block(const std::uint8_t* in, float* out) noexcept;
void q6_k_block(const std::uint8_t* in, float* out) noexcept;

}  // namespace xfer::files
