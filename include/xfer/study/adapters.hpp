// SPDX-License-Identifier: Apache-2.0
// The adapters that a run has trained.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#pragma GCC visibility push(default)
namespace xfer::study {

/// For each domain that a run trained on alone, the folder of the adapter (PEFT's layout) at the
/// end of its training: of the study's first method and seed. Without those that are not finished,
/// or kept by a service. Throws `bad_data` or `io` naming the file.
std::map<std::string, std::filesystem::path> trained_adapters(
    const std::filesystem::path& run_folder);

}  // namespace xfer::study
#pragma GCC visibility pop
