// SPDX-License-Identifier: Apache-2.0
#include "report/scores/scores.hpp"

#include "xfer/rng.hpp"

#include <algorithm>

namespace xfer::report {
namespace {

using study::ItemResult;

double per_byte(double bits, std::int64_t bytes) {
  return bytes > 0 ? std::max(bits, 0.0) / static_cast<double>(bytes) : 0.0;
}

}  // namespace

const Score& accuracy_score() {
  static const Score score{stats::ScoreKind::accuracy,
                           [](const ItemResult& item) { return item.score; },
                           [](const ItemResult&) { return 1.0; }};
  return score;
}

const Score& bits_score() {
  static const Score score{
      stats::ScoreKind::bits_per_byte,
      [](const ItemResult& item) { return per_byte(item.reference_bits, item.reference_bytes); },
      [](const ItemResult& item) { return static_cast<double>(item.reference_bytes); }};
  return score;
}

const Score& rest_score() {
  static const Score score{
      stats::ScoreKind::bits_per_byte,
      [](const ItemResult& item) {
        return per_byte(item.reference_bits - item.first_token_bits,
                        item.reference_bytes - item.first_token_bytes);
      },
      [](const ItemResult& item) {
        return static_cast<double>(item.reference_bytes - item.first_token_bytes);
      }};
  return score;
}

double interval_level(const study::StudySpec& spec) {
  constexpr double error = 0.05;
  if (!spec.adaptive) return 1.0 - error;
  const auto looks = static_cast<double>(spec.seeds.size()) - spec.looks.first_seeds + 1.0;
  return 1.0 - error / looks;
}

std::uint64_t bootstrap_seed() {
  static const std::uint64_t seed = stream_id("report/bootstrap");
  return seed;
}

std::vector<std::size_t> weighing(const AlignedCell& cell, const Score& score) {
  std::vector<std::size_t> chosen;
  for (std::size_t i = 0; i < cell.items.size(); ++i)
    if (score.weight(*cell.items[i]) > 0.0) chosen.push_back(i);
  return chosen;
}

std::vector<std::vector<double>> score_rows(const Arm& arm, const Score& score,
                                            const std::vector<std::size_t>& chosen) {
  std::vector<std::vector<double>> rows;
  for (const auto& items : arm.items) {
    auto& row = rows.emplace_back();
    for (const std::size_t i : chosen) row.push_back(score.value(*items[i]));
  }
  return rows;
}

ItemWeights item_weights(const AlignedCell& cell, const Score& score,
                         const std::vector<std::size_t>& chosen) {
  ItemWeights result;
  bool clusters = false;
  for (const std::size_t i : chosen) {
    const ItemResult& item = *cell.items[i];
    result.weights.push_back(score.weight(item));
    clusters = clusters || !item.cluster.empty();
    // An item without a cluster stands alone.
    result.clusters.push_back(item.cluster.empty() ? "item " + std::to_string(i)
                                                   : "cluster " + item.cluster);
  }
  if (!clusters) result.clusters.clear();
  if (score.kind == stats::ScoreKind::accuracy) result.weights.clear();
  return result;
}

}  // namespace xfer::report
