// SPDX-License-Identifier: Apache-2.0
// How alike domains are, as other rooms hand it on: one row per pair and measure.
#pragma once

#include "xfer/stats/value.hpp"

#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::stats {

/// A similarity or distance, as the table's readers need to know it.
struct SimilarityMeasure {
  /// As rows name it, e.g. "gradient_cosine".
  std::string name;
  /// For people, e.g. "LoRA-gradient cosine".
  std::string title;
  /// Whether more of it means more alike; false for distances.
  bool larger_is_closer = true;
  /// Whether (A, B) and (B, A) may differ.
  bool directed = false;
  /// What the value says about source and target, in words; for a symmetric measure that it says
  /// the same both ways.
  std::string direction_note;
  /// What it is computed from: "text", "model", "run" or "cards".
  std::string basis;
};

/// One measure of one pair.
struct SimilarityRow {
  std::string source;
  std::string target;
  std::string measure;
  /// Or why there is none.
  Value value;
};

/// Every pair (source, target) of the domains with itself too, measure by measure, in the order of
/// `measures`, then by source, then by target.
struct SimilarityTable {
  std::vector<std::string> domains;
  std::vector<SimilarityMeasure> measures;
  /// Name of the measure declared in advance; all others are exploratory.
  std::string primary;
  std::vector<SimilarityRow> rows;

  /// Null when there is no such row.
  const SimilarityRow* find(const std::string& source, const std::string& target,
                            const std::string& measure) const noexcept {
    for (const SimilarityRow& row : rows)
      if (row.measure == measure && row.source == source && row.target == target) return &row;
    return nullptr;
  }
  /// Null when it was not computed.
  const SimilarityMeasure* measure(const std::string& name) const noexcept {
    for (const SimilarityMeasure& m : measures)
      if (m.name == name) return &m;
    return nullptr;
  }
};

}  // namespace xfer::stats
#pragma GCC visibility pop
