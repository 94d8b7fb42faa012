// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::tinker {

/// One zstd frame (RFC 8878).
std::string zstd_compress(std::string_view bytes);
/// Throws `bad_data` when the bytes are not whole zstd frames or hold more than `bytes_max`.
std::string zstd_decompress(std::string_view bytes, std::size_t bytes_max);

}  // namespace xfer::tinker
#pragma GCC visibility pop
