// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/robustness.hpp"

#include "stats/arms.hpp"
#include "stats/check.hpp"
#include "xfer/rng.hpp"
#include "xfer/stats/multiplicity.hpp"

#include <algorithm>
#include <numeric>

namespace xfer::stats {
namespace {

Arms make_arms(std::span<const PromptVariant> variants, const TransferOptions& options) {
  // One set of items: a resample draws the same items under every wording.
  ItemSetInput set;
  set.weights = options.item_weights;
  set.clusters = options.item_clusters;
  for (const PromptVariant& v : variants) {
    set.arms.push_back({stream_id("baseline"), "baseline under '" + v.name + "'", &v.baseline});
    set.arms.push_back({stream_id("transfer"), "transfer under '" + v.name + "'", &v.transfer});
  }
  return Arms(std::span(&set, 1),
              {options.kind, options.level, options.resamples, options.seed, "prompt_robustness"});
}

SignSurvival survival(std::span<const Estimate> gains) {
  std::size_t up = 0;
  std::size_t down = 0;
  for (const Estimate& gain : gains) {
    up += gain.lower > 0.0 ? 1U : 0U;
    down += gain.upper < 0.0 ? 1U : 0U;
  }
  if (up > 0 && down > 0) return SignSurvival::flips;
  return up == gains.size() || down == gains.size() ? SignSurvival::survives
                                                    : SignSurvival::unclear;
}

}  // namespace

Robustness prompt_robustness(std::span<const PromptVariant> variants,
                             const TransferOptions& options) {
  if (variants.empty()) refuse("prompt_robustness: no prompt variants");
  const Arms arms = make_arms(variants, options);
  if (arms.units(0) < 2) refuse("prompt_robustness: needs at least 2 items that stand alone");

  std::vector<Combination> gains;
  for (std::size_t v = 0; v < variants.size(); ++v)
    gains.push_back({{2 * v + 1, 1.0}, {2 * v, -1.0}});
  std::vector<double> estimates;
  for (const Combination& gain : gains)
    estimates.push_back(arms.mean(gain[0].arm) - arms.mean(gain[1].arm));
  std::vector<std::size_t> order(gains.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return estimates[a] < estimates[b]; });
  Combination middle;
  for (const std::size_t place : {order[(order.size() - 1) / 2], order[order.size() / 2]})
    for (const Term& term : gains[place]) middle.push_back({term.arm, 0.5 * term.factor});
  gains.push_back(middle);

  std::vector<Resampled> resampled;
  for (const Combination& gain : gains) resampled.push_back(arms.resample(gain));
  std::vector<BandInput> rows;
  for (const Resampled& r : resampled) rows.push_back({r.estimate, r.draws, r.df});
  const std::vector<Band> bands = simultaneous_bands(rows, options.level);

  Robustness result;
  for (std::size_t k = 0; k < gains.size(); ++k) {
    Estimate gain = bands[k].interval;
    if (resampled[k].flat) {
      // Bonferroni over the wordings: without spread there is no joint distribution to use.
      const double alpha = (1.0 - options.level) / static_cast<double>(gains.size());
      const double bound = arms.flat_margin(gains[k], 1.0 - alpha);
      gain = {gain.value, gain.value - bound, gain.value + bound};
    }
    result.gains.push_back(gain);
  }
  result.median = result.gains.back();
  result.gains.pop_back();
  result.worst = order.front();
  result.best = order.back();
  result.spread = estimates[result.best] - estimates[result.worst];
  result.sign = survival(result.gains);
  return result;
}

}  // namespace xfer::stats
