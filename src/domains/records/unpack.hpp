// SPDX-License-Identifier: Apache-2.0
// Unpacking gzip and zstd with bounded memory.
#pragma once

#include "xfer/files/mapped_file.hpp"

#include <filesystem>
#include <string_view>

namespace xfer::domains {

bool is_gzip(std::string_view bytes) noexcept;
bool is_zstd(std::string_view bytes) noexcept;

/// The unpacked content of either. Throws `bad_data` naming `path`.
files::MappedFile unpack(std::string_view packed, const std::filesystem::path& path);

}  // namespace xfer::domains
