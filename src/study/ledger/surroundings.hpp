// SPDX-License-Identifier: Apache-2.0
// Where an attempt was made.
#pragma once

#include <filesystem>
#include <string>

namespace xfer::study {

/// E.g. "Linux 6.1.0 x86_64, 2 threads".
std::string machine_description();

/// The commit that the git repository around `folder` has checked out, with the branch where there
/// is one: "0123abc... (main)"; "" outside of any. Changes that are not committed do not show.
std::string git_state(const std::filesystem::path& folder);

}  // namespace xfer::study
