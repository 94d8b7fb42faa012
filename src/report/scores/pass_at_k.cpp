// SPDX-License-Identifier: Apache-2.0
#include "report/scores/pass_at_k.hpp"

#include "report/scores/analysis.hpp"

#include "xfer/stats/metrics.hpp"

#include <algorithm>
#include <array>

namespace xfer::report {
namespace {

std::int64_t passed(const study::ItemResult& item) {
  return std::count_if(item.samples.begin(), item.samples.end(),
                       [](const study::SampledAnswer& sample) { return sample.score >= 1.0; });
}

/// Of which k are drawn: items with fewer answers weigh nothing.
Score pass_score(int k) {
  return {stats::ScoreKind::accuracy,
          [k](const study::ItemResult& item) {
            return stats::pass_at_k(std::ssize(item.samples), passed(item), k);
          },
          [k](const study::ItemResult& item) { return std::ssize(item.samples) >= k ? 1.0 : 0.0; }};
}

std::vector<int> sizes(std::int64_t samples) {
  std::vector<int> all;
  for (int tens = 1; tens <= samples; tens *= 10)
    for (const int k : {tens, 2 * tens, 5 * tens})
      if (k <= samples) all.push_back(k);
  return all;
}

}  // namespace

std::vector<PassAtK> pass_at_k(const AlignedCell& cell, const Setting& setting) {
  std::int64_t samples = 0;
  int items = 0;
  for (const study::ItemResult* item : cell.items) {
    samples = std::max(samples, std::ssize(item->samples));
    items += item->samples.empty() ? 0 : 1;
  }
  std::vector<PassAtK> all;
  for (const int k : sizes(samples)) {
    Analysis found = analyse(cell, every_arm(cell), pass_score(k), every_item(cell), setting);
    PassAtK pass;
    pass.k = k;
    pass.samples = static_cast<int>(samples);
    pass.items = items;
    for (const Arm& arm : cell.arms)
      pass.means.emplace_back(arm.condition, found.means[arm.condition]);
    pass.gain = std::move(found.metrics.gain);
    all.push_back(std::move(pass));
  }
  return all;
}

}  // namespace xfer::report
