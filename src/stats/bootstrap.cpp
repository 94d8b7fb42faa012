// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/bootstrap.hpp"

#include "stats/check.hpp"
#include "stats/drawn_rows.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <cmath>
#include <string>

namespace xfer::stats {
namespace {

/// A draw below `bound` from 32 bits; uneven by at most bound / 2^32, far below what a bootstrap
/// can resolve.
std::size_t draw_below(Rng& rng, std::size_t bound) noexcept {
  return static_cast<std::size_t>((std::uint64_t{rng.next_u32()} * bound) >> 32U);
}

struct Shape {
  std::size_t items = 0;
  /// Items, or clusters of them: what is drawn.
  std::size_t units = 0;
};

Shape check(std::span<const ArmView> arms, const BootstrapOptions& options) {
  const std::string name = "crossed_bootstrap: ";
  if (arms.empty()) refuse(name + "no arms");
  if (options.resamples < 100 || options.resamples > 10'000'000)
    refuse(name + "resamples must be 100 to 10000000 (got " + std::to_string(options.resamples) +
           ")");
  Shape shape;
  for (std::size_t a = 0; a < arms.size(); ++a) {
    const ArmView& arm = arms[a];
    if (arm.seeds < 1 || arm.scores.empty() || arm.scores.size() % arm.seeds != 0)
      refuse(name + "arm " + std::to_string(a) + " must hold seeds x items scores (got " +
             std::to_string(arm.scores.size()) + " for " + std::to_string(arm.seeds) + " seeds)");
    const std::size_t items = arm.scores.size() / arm.seeds;
    if (a > 0 && items != shape.items)
      refuse(name + "arms must share their items (arm " + std::to_string(a) + " has " +
             std::to_string(items) + ", arm 0 has " + std::to_string(shape.items) + ")");
    shape.items = items;
    check_finite(arm.scores, "crossed_bootstrap");
  }
  if (shape.items >= (std::size_t{1} << 31U)) refuse(name + "too many items");
  if (!options.item_weights.empty() && options.item_weights.size() != shape.items)
    refuse(name + "one weight per item (got " + std::to_string(options.item_weights.size()) +
           " for " + std::to_string(shape.items) + ")");
  for (const double weight : options.item_weights)
    if (!(weight > 0.0) || !std::isfinite(weight))
      refuse(name + "weights must be above 0 (got " + std::to_string(weight) + ")");
  shape.units = shape.items;
  if (!options.item_clusters.empty()) {
    if (options.item_clusters.size() != shape.items)
      refuse(name + "one cluster per item (got " + std::to_string(options.item_clusters.size()) +
             " for " + std::to_string(shape.items) + ")");
    shape.units =
        std::size_t{*std::max_element(options.item_clusters.begin(), options.item_clusters.end())} +
        1;
    std::vector<bool> used(std::min(shape.units, shape.items));
    for (const std::uint32_t cluster : options.item_clusters)
      if (cluster < used.size()) used[cluster] = true;
    if (shape.units > shape.items || std::find(used.begin(), used.end(), false) != used.end())
      refuse(name + "cluster indices must not leave gaps");
  }
  return shape;
}

/// The stream from which a resample's items are drawn.
std::uint64_t item_stream(const BootstrapOptions& options) {
  const std::uint64_t all = stream_id("bootstrap items");
  if (options.item_set == 0) return all;
  const auto words =
      philox4x32({static_cast<std::uint32_t>(options.item_set),
                  static_cast<std::uint32_t>(options.item_set >> 32U),
                  static_cast<std::uint32_t>(all), static_cast<std::uint32_t>(all >> 32U)},
                 {0x6974656dU, 1U});
  return (std::uint64_t{words[1]} << 32U) | words[0];
}

/// What each unit adds to a resample: for every arm and seed the weighted deviations of its items
/// from the arm's mean, and last its weight's deviation from the mean weight of a unit. Deviations
/// keep single precision exact enough.
struct Prepared {
  DrawnRows rows;
  double weight_mean = 0.0;
  /// Whether all units weigh the same, so that every resample does.
  bool fixed_weight = true;
};

Prepared prepare(std::span<const ArmView> arms, std::span<const double> means, const Shape& shape,
                 const BootstrapOptions& options) {
  const auto weight = [&](std::size_t i) {
    return options.item_weights.empty() ? 1.0 : options.item_weights[i];
  };
  const auto unit = [&](std::size_t i) {
    return options.item_clusters.empty() ? i : std::size_t{options.item_clusters[i]};
  };
  std::size_t columns = 1;
  for (const ArmView& arm : arms) columns += arm.seeds;
  Prepared result{DrawnRows(shape.units, columns)};

  std::vector<double> sums(shape.units);
  std::size_t column = 0;
  for (std::size_t a = 0; a < arms.size(); ++a)
    for (std::size_t s = 0; s < arms[a].seeds; ++s, ++column) {
      std::fill(sums.begin(), sums.end(), 0.0);
      for (std::size_t i = 0; i < shape.items; ++i)
        sums[unit(i)] += weight(i) * (arms[a].scores[s * shape.items + i] - means[a]);
      for (std::size_t u = 0; u < shape.units; ++u)
        result.rows.set(u, column, static_cast<float>(sums[u]));
    }
  std::fill(sums.begin(), sums.end(), 0.0);
  for (std::size_t i = 0; i < shape.items; ++i) sums[unit(i)] += weight(i);
  for (const double w : sums) result.weight_mean += w / static_cast<double>(shape.units);
  for (std::size_t u = 0; u < shape.units; ++u) {
    result.fixed_weight = result.fixed_weight && sums[u] == sums[0];
    result.rows.set(u, column, static_cast<float>(sums[u] - result.weight_mean));
  }
  return result;
}

}  // namespace

double arm_mean(const ArmView& arm, std::span<const double> item_weights) {
  const std::size_t items = arm.scores.size() / arm.seeds;
  double sum = 0.0;
  double total = 0.0;
  for (std::size_t s = 0; s < arm.seeds; ++s)
    for (std::size_t i = 0; i < items; ++i) {
      const double weight = item_weights.empty() ? 1.0 : item_weights[i];
      sum += weight * arm.scores[s * items + i];
      total += weight;
    }
  return sum / total;
}

std::vector<std::vector<double>> crossed_bootstrap(std::span<const ArmView> arms,
                                                   const BootstrapOptions& options) {
  const Shape shape = check(arms, options);
  std::vector<double> centres;
  std::vector<Rng> seed_streams;
  for (const ArmView& arm : arms) {
    centres.push_back(arm_mean(arm, options.item_weights));
    seed_streams.push_back(Rng(options.seed, "bootstrap seeds").fork(arm.id));
  }
  Prepared prepared = prepare(arms, centres, shape, options);
  std::size_t weight_column = 0;
  for (const ArmView& arm : arms) weight_column += arm.seeds;
  const std::uint64_t stream = item_stream(options);
  const double weight_all = prepared.weight_mean * static_cast<double>(shape.units);
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<std::vector<double>> means(arms.size(), std::vector<double>(resamples));
  for (std::size_t r = 0; r < resamples; ++r) {
    const std::vector<float>& sums = prepared.rows.draw(options.seed, stream, r);
    const double weight =
        prepared.fixed_weight ? weight_all : weight_all + static_cast<double>(sums[weight_column]);
    std::size_t column = 0;
    for (std::size_t a = 0; a < arms.size(); ++a) {
      const std::size_t seeds = arms[a].seeds;
      double sum = static_cast<double>(sums[column]);
      if (seeds > 1) {
        Rng rng = seed_streams[a].fork(r);
        sum = 0.0;
        for (std::size_t k = 0; k + 1 < seeds; ++k)
          sum += static_cast<double>(sums[column + draw_below(rng, seeds)]);
        sum /= static_cast<double>(seeds - 1);
      }
      means[a][r] = centres[a] + sum / weight;
      column += seeds;
    }
  }
  return means;
}

}  // namespace xfer::stats
