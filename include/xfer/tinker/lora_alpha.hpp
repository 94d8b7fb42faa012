// SPDX-License-Identifier: Apache-2.0
// The scale of a Tinker service's adapters.
#pragma once

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// The alpha that services use for every adapter; it is not on the wire.
inline constexpr double service_lora_alpha = 32.0;

}  // namespace xfer::tinker
#pragma GCC visibility pop
