// SPDX-License-Identifier: Apache-2.0
#include "study/plan/detectable.hpp"

#include "xfer/stats/power.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>

namespace xfer::study {
namespace {

/// Share of the answers that are right before and wrong after training, or the other way round.
constexpr double flipped = 0.2;
/// Standard deviation of the gain between training runs. Fine-tuning on 420 pairs of tasks with
/// eight seeds each gave medians from 0.012 to 0.028 (our working of the data of Kim et al. 2023,
/// arXiv 2305.13256).
constexpr double between_seeds = 0.02;
/// The direct gain against which the efficiency is taken, and the efficiency to tell from 0.
constexpr double assumed_ceiling = 0.2;

std::string points(double share) {
  const auto tenths = static_cast<long>(std::lround(share * 1000.0));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10);
}

/// Pairs count once, whichever of the two domains is the source.
std::size_t unordered_pairs(const StudySpec& spec) {
  std::set<std::pair<std::string, std::string>> pairs;
  for (const auto& [a, b] : spec.pairs) pairs.emplace(std::min(a, b), std::max(a, b));
  return pairs.size();
}

}  // namespace

double smallest_gain(int items, int seeds) {
  const double of_items = stats::smallest_effect_paired(items, flipped);
  if (seeds < 2) return of_items;
  const double of_seeds = between_seeds * stats::t_test_smallest_effect(seeds);
  return std::hypot(of_items, of_seeds);
}

void add_detectable(Forecast& forecast, const StudySpec& spec) {
  const auto seeds = static_cast<int>(spec.seeds.size());
  const double gain = smallest_gain(spec.items, seeds);
  forecast.gain.effect = gain;
  forecast.gain.assumptions =
      std::to_string(spec.items) + " items of which " + points(flipped) +
      "% change between right and wrong" +
      (seeds < 2 ? std::string("; with one seed the spread between training runs is left out")
                 : ", and gains that spread by " + points(between_seeds) + " points between the " +
                       std::to_string(seeds) + " seeds");
  forecast.efficiency.effect = gain / assumed_ceiling;
  forecast.efficiency.assumptions =
      "a direct gain of " + points(assumed_ceiling) + " points that is itself well measured";
  const std::size_t pairs = unordered_pairs(spec);
  forecast.correlation.assumptions =
      std::to_string(pairs) + (pairs == 1 ? " pair" : " pairs") +
      " of domains, each counted once and taken as independent, which pairs that share a domain "
      "are not";
  if (pairs > 3)
    forecast.correlation.effect = stats::smallest_correlation(static_cast<double>(pairs));
  else
    forecast.correlation.assumptions += "; it takes at least 4 to tell any correlation from 0";
}

}  // namespace xfer::study
