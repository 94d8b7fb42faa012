// SPDX-License-Identifier: Apache-2.0
// What fits into this machine's memory.
#pragma once

#include <cstdint>
#include <string>

namespace xfer::engine {

/// Bytes that this process can still take: what the system has available, or what the control
/// groups it runs in leave, whichever is less. The largest number when neither can be read.
std::int64_t available_memory();

/// Throws `out_of_memory` when `bytes` more do not fit; `what` says what they are for.
void require_memory(std::int64_t bytes, const std::string& what);

}  // namespace xfer::engine
