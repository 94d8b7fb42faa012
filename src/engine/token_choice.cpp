// SPDX-License-Identifier: Apache-2.0
#include "engine/token_choice.hpp"

#include "engine/kernels/kernels.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace xfer::engine {

ChosenToken choose_token(std::span<float> logits, const SampleRequest& request, Rng& rng) {
  const Kernels& kernel = kernels();
  const int n = static_cast<int>(logits.size());
  ChosenToken chosen;
  if (request.temperature == 0.0) {
    chosen.id =
        static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    const float best = logits[static_cast<std::size_t>(chosen.id)];
    float max = 0.0F;
    chosen.logprob = best - std::log(kernel.exp_shift(logits.data(), 1.0F, n, &max)) - max;
    return chosen;
  }

  std::vector<float> weights(logits.begin(), logits.end());
  const auto inverse = static_cast<float>(1.0 / std::max(request.temperature, 1e-4));
  float max = 0.0F;
  kernel.exp_shift(weights.data(), inverse, n, &max);
  const bool cut = (request.top_k > 0 && request.top_k < n) || request.top_p < 1.0;
  std::vector<std::int32_t> order;
  if (cut) {
    order.resize(static_cast<std::size_t>(n));
    for (int i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
    const auto better = [&weights](std::int32_t a, std::int32_t b) {
      const float wa = weights[static_cast<std::size_t>(a)];
      const float wb = weights[static_cast<std::size_t>(b)];
      return wa != wb ? wa > wb : a < b;
    };
    std::size_t keep = order.size();
    if (request.top_k > 0) keep = std::min(keep, static_cast<std::size_t>(request.top_k));
    std::partial_sort(
        order.begin(),
        order.begin() + static_cast<std::ptrdiff_t>(
                            request.top_p < 1.0 && request.top_k <= 0 ? order.size() : keep),
        order.end(), better);
    order.resize(keep);
    if (request.top_p < 1.0) {
      double total = 0.0;
      for (const std::int32_t id : order)
        total += static_cast<double>(weights[static_cast<std::size_t>(id)]);
      double sum = 0.0;
      std::size_t kept = 0;
      while (kept < order.size() && (kept == 0 || sum < request.top_p * total))
        sum += static_cast<double>(weights[static_cast<std::size_t>(order[kept++])]);
      order.resize(kept);
    }
  }
  const auto count = cut ? order.size() : static_cast<std::size_t>(n);
  const auto id_at = [&](std::size_t i) { return cut ? order[i] : static_cast<std::int32_t>(i); };
  double total = 0.0;
  for (std::size_t i = 0; i < count; ++i)
    total += static_cast<double>(weights[static_cast<std::size_t>(id_at(i))]);
  double left = rng.uniform() * total;
  chosen.id = id_at(count - 1);
  for (std::size_t i = 0; i < count; ++i) {
    left -= static_cast<double>(weights[static_cast<std::size_t>(id_at(i))]);
    if (left < 0.0) {
      chosen.id = id_at(i);
      break;
    }
  }
  const float logit = logits[static_cast<std::size_t>(chosen.id)];
  chosen.logprob = logit - std::log(kernel.exp_shift(logits.data(), 1.0F, n, &max)) - max;
  return chosen;
}

}  // namespace xfer::engine
