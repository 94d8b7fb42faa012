// SPDX-License-Identifier: Apache-2.0
// Which split a file holds, by its name, and which files beside it hold the others.
#pragma once

#include "xfer/dataset.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace xfer::domains {

/// What a file name says: "ARC-Challenge-Train.jsonl" is the train file of "arc-challenge-*.jsonl".
struct SplitName {
  Split split;
  /// The name in lower case with the word replaced by "*" and the number of a shard by "#".
  std::string frame;
};

/// Nothing when the name has no word for a split, or words for two.
std::optional<SplitName> split_name(const std::filesystem::path& path);

/// The file and those beside it that hold its other splits or shards, in order of their names.
std::vector<std::filesystem::path> family_of(const std::filesystem::path& path);

/// The files of the one dataset in a folder. Throws `bad_data` naming the choices when there are
/// several; empty when no file's name looks like a dataset.
std::vector<std::filesystem::path> dataset_in(const std::filesystem::path& folder);

/// "train" of "train.jsonl.gz": without the endings of formats and packings.
std::string bare_stem(const std::filesystem::path& path);

}  // namespace xfer::domains
