// SPDX-License-Identifier: Apache-2.0
// A file replaced as a whole, from several pieces of memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace xfer::files {

/// As `write_atomically`, with the content given in pieces, so that large tensors need no copy.
void write_pieces_atomically(const std::filesystem::path& path,
                             std::span<const std::span<const std::byte>> pieces);

}  // namespace xfer::files
