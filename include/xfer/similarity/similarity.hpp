// SPDX-License-Identifier: Apache-2.0
// How alike domains are, measured before a study spends anything on training.
#pragma once

#include "xfer/domains/domain.hpp"
#include "xfer/stats/similarity_table.hpp"
#include "xfer/task.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {
class Model;
}

namespace xfer::similarity {

/// Every measure, in the order of tables. Safe to call concurrently. For all of them a domain is
/// closest to itself, and the order of its examples changes nothing.
const std::vector<stats::SimilarityMeasure>& known_measures();

/// The measure that a hypothesis about similarity is declared on, when none is named.
inline constexpr const char* default_primary = "gradient_cosine";

/// How far a measurement is, for people.
struct Progress {
  std::string doing;
  std::int64_t done = 0;
  std::int64_t total = 0;
};

struct SimilarityOptions {
  /// Names of `known_measures()`; empty: all.
  std::vector<std::string> measures;
  /// Examples of each domain whose words are counted.
  int text_examples = 512;
  /// Examples of each domain that the model reads.
  int model_examples = 64;
  /// Rank of the adapter whose gradients are taken.
  int rank = 8;
  /// Longest sequence that the model reads: longer questions are cut, longer examples left out of
  /// the gradients.
  int tokens_max = 512;
  /// Chooses examples and the adapter's random projection.
  std::uint64_t seed = 0;
  /// Adapters (PEFT's layout) trained on a domain, by its name: what the measures of the basis
  /// "run" need.
  std::map<std::string, std::filesystem::path> adapters;
  /// Called from whichever thread computes; may be empty.
  std::function<void(const Progress&)> on_progress;
  /// Set to true from anywhere to stop soon; the measurement then throws `cancelled`.
  const std::atomic<bool>* stop = nullptr;
};

/// Whether any measure asked for reads the model.
bool needs_model(const SimilarityOptions& options);

/// Every measure for every ordered pair of the domains. Examples are drawn from each domain's train
/// split, or where it has none from the first split with examples, so that nothing is learned from
/// test items. `model` may be null when `needs_model` is false. `renderer` names a chat template
/// ("auto": the model's own). Throws `invalid_argument` for fewer than two domains, two of one
/// name, an option out of range, a missing model, or an unknown measure (naming those there are),
/// and what reading the domains throws. What cannot be measured for a pair is a row with a reason.
task<stats::SimilarityTable> measure_similarity(std::vector<domains::Domain> domains,
                                                std::shared_ptr<const engine::Model> model,
                                                std::string renderer, SimilarityOptions options);

/// The sources for a target, the most promising first, by a measure of the table ("": its primary
/// one); ties in the order of the table's domains. Without those that could not be measured.
std::vector<std::string> predicted_sources(const stats::SimilarityTable& table,
                                           const std::string& target,
                                           const std::string& measure = "");

}  // namespace xfer::similarity
#pragma GCC visibility pop
