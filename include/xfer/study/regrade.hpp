// SPDX-License-Identifier: Apache-2.0
// Scoring the answers of a run again, without sampling.
#pragma once

#include "xfer/study/materials.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// An item whose score another grading changed.
struct RegradedItem {
  std::string item_id;
  /// E.g. "code test after math, seed 1".
  std::string evaluation;
  double before = 0.0;
  double after = 0.0;
};

/// One domain's answers under its grader as it is now.
struct RegradedDomain {
  std::string domain;
  std::string grader;
  std::string version;
  std::int64_t items = 0;
  std::int64_t changed = 0;
  /// Mean scores over all its finished evaluations.
  double before = 0.0;
  double after = 0.0;
  /// The first 100 that changed.
  std::vector<RegradedItem> changes;
};

/// Grades every stored answer of the finished evaluations with the graders that the study's domains
/// have now, and keeps the grades beside the old ones: `load_result` then gives the new, with
/// protocol hashes that tell them from the old, which `Grading::first` still gives. Items that were
/// chosen by log-probability have nothing to grade and are left out. Graders see the answers as
/// they are stored, with U+FFFD in place of bytes that are no UTF-8.
/// Throws `run_mismatch` naming the item when a domain holds another item than was answered,
/// `unavailable` when a process runs in the folder, what opening the domains throws, and what a
/// grader throws that cannot do its work; nothing is kept then.
std::vector<RegradedDomain> regrade(const std::filesystem::path& run_folder,
                                    const DomainSet& own_domains = {});

}  // namespace xfer::study
#pragma GCC visibility pop
