// SPDX-License-Identifier: Apache-2.0
// The similarities of a run's domains, kept beside its ledger.
#pragma once

#include "xfer/stats/similarity_table.hpp"

#include <filesystem>

#pragma GCC visibility push(default)
namespace xfer::report {

/// What `xfer similarity --json` wrote to similarity.json in a run folder; an empty table when
/// there is no such file. Throws `bad_data` naming the file and what in it is wrong, or `io`.
stats::SimilarityTable read_similarity(const std::filesystem::path& run_folder);

}  // namespace xfer::report
#pragma GCC visibility pop
