#include "xfer/stats/bootstrap.hpp"

#include "stats/check.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace xfer::stats {
namespace {

/// Independent sums that a compiler can keep in vector registers; also the row padding.
constexpr std::size_t lanes = 16;

float dot(const float* a, const float* b, std::size_t padded_size) noexcept {
  std::array<float, lanes> sums{};
  for (std::size_t i = 0; i < padded_size; i += lanes)
    for (std::size_t lane = 0; lane < lanes; ++lane) sums[lane] += a[i + lane] * b[i + lane];
  float total = 0.0F;
  for (const float s : sums) total += s;
  return total;
}

/// A draw below `bound` from 32 bits; uneven by at most bound / 2^32, far below what a bootstrap
/// can resolve.
std::size_t draw_below(Rng& rng, std::size_t bound) noexcept {
  return static_cast<std::size_t>((std::uint64_t{rng.next_u32()} * bound) >> 32U);
}

struct Shape {
  std::size_t items = 0;
  std::size_t padded = 0;
  std::size_t clusters = 0;
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
  if (shape.items > (std::size_t{1} << 31U)) refuse(name + "too many items");
  if (!options.item_weights.empty() && options.item_weights.size() != shape.items)
    refuse(name + "one weight per item (got " + std::to_string(options.item_weights.size()) +
           " for " + std::to_string(shape.items) + ")");
  for (const double weight : options.item_weights)
    if (!(weight > 0.0) || !std::isfinite(weight))
      refuse(name + "weights must be above 0 (got " + std::to_string(weight) + ")");
  shape.padded = (shape.items + lanes - 1) / lanes * lanes;
  shape.clusters = shape.items;
  if (!options.item_clusters.empty()) {
    if (options.item_clusters.size() != shape.items)
      refuse(name + "one cluster per item (got " + std::to_string(options.item_clusters.size()) +
             " for " + std::to_string(shape.items) + ")");
    shape.clusters = std::size_t{*std::max_element(options.item_clusters.begin(),
                                                   options.item_clusters.end())} + 1;
    std::vector<bool> used(std::min(shape.clusters, shape.items));
    for (const std::uint32_t cluster : options.item_clusters)
      if (cluster < used.size()) used[cluster] = true;
    if (shape.clusters > shape.items || std::find(used.begin(), used.end(), false) != used.end())
      refuse(name + "cluster indices must not leave gaps");
  }
  return shape;
}

/// One arm prepared: weighted deviations of every row from the arm's mean.
struct Prepared {
  double mean = 0.0;
  std::size_t seeds = 1;
  std::vector<float> rows;
  Rng rng{0};
};

Prepared prepare(const ArmView& arm, const Shape& shape, const BootstrapOptions& options) {
  Prepared result;
  result.mean = arm_mean(arm, options.item_weights);
  result.seeds = arm.seeds;
  result.rows.assign(arm.seeds * shape.padded, 0.0F);
  result.rng = Rng(options.seed, "bootstrap seeds").fork(arm.id);
  for (std::size_t s = 0; s < arm.seeds; ++s)
    for (std::size_t i = 0; i < shape.items; ++i) {
      const double weight = options.item_weights.empty() ? 1.0 : options.item_weights[i];
      result.rows[s * shape.padded + i] =
          static_cast<float>(weight * (arm.scores[s * shape.items + i] - result.mean));
    }
  return result;
}

/// How often each item was drawn: all items, or clusters of them, with replacement.
class ItemDraw {
public:
  ItemDraw(const Shape& shape, const BootstrapOptions& options)
      : shape_(shape), options_(options), rng_(options.seed, "bootstrap items"),
        cluster_counts_(shape.clusters), counts_(shape.padded), weights_(shape.padded) {
    for (std::size_t i = 0; i < shape.items; ++i)
      weights_[i] =
          options.item_weights.empty() ? 1.0F : static_cast<float>(options.item_weights[i]);
  }

  void draw(std::uint64_t resample) {
    std::fill(cluster_counts_.begin(), cluster_counts_.end(), 0U);
    Rng rng = rng_.fork(resample);
    for (std::size_t k = 0; k < shape_.clusters; ++k)
      ++cluster_counts_[draw_below(rng, shape_.clusters)];
    for (std::size_t i = 0; i < shape_.items; ++i) {
      const std::size_t cluster = options_.item_clusters.empty() ? i : options_.item_clusters[i];
      counts_[i] = static_cast<float>(cluster_counts_[cluster]);
    }
    const bool fixed = options_.item_clusters.empty() && options_.item_weights.empty();
    total_ = fixed ? static_cast<double>(shape_.items)
                   : static_cast<double>(dot(counts_.data(), weights_.data(), shape_.padded));
  }

  const float* counts() const noexcept { return counts_.data(); }
  /// Total weight of what was drawn.
  double total() const noexcept { return total_; }

private:
  const Shape& shape_;
  const BootstrapOptions& options_;
  Rng rng_;
  std::vector<std::uint32_t> cluster_counts_;
  std::vector<float> counts_;
  std::vector<float> weights_;
  double total_ = 0.0;
};

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
  std::vector<Prepared> prepared;
  for (const ArmView& arm : arms) prepared.push_back(prepare(arm, shape, options));
  const auto resamples = static_cast<std::size_t>(options.resamples);
  std::vector<std::vector<double>> means(arms.size(), std::vector<double>(resamples));
  ItemDraw items(shape, options);
  std::vector<double> row_means;
  for (std::size_t r = 0; r < resamples; ++r) {
    items.draw(r);
    for (std::size_t a = 0; a < arms.size(); ++a) {
      const Prepared& arm = prepared[a];
      row_means.assign(arm.seeds, 0.0);
      for (std::size_t s = 0; s < arm.seeds; ++s)
        row_means[s] = static_cast<double>(
            dot(items.counts(), arm.rows.data() + s * shape.padded, shape.padded));
      double sum = row_means[0];
      if (arm.seeds > 1) {
        Rng rng = arm.rng.fork(r);
        sum = 0.0;
        for (std::size_t k = 0; k + 1 < arm.seeds; ++k)
          sum += row_means[draw_below(rng, arm.seeds)];
        sum /= static_cast<double>(arm.seeds - 1);
      }
      means[a][r] = arm.mean + sum / items.total();
    }
  }
  return means;
}

}  // namespace xfer::stats
