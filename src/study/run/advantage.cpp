// SPDX-License-Identifier: Apache-2.0
#include "study/run/advantage.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace xfer::study {
namespace {

/// Subtracts the mean from all that the lists hold; equal values become exactly 0, which rounding
/// of the mean would not promise.
void centre(const std::vector<std::vector<double>*>& lists) {
  double sum = 0.0;
  double low = INFINITY;
  double high = -INFINITY;
  std::size_t count = 0;
  for (const auto* list : lists)
    for (const double value : *list) {
      sum += value;
      low = std::min(low, value);
      high = std::max(high, value);
      ++count;
    }
  const double mean = count == 0 ? 0.0 : sum / static_cast<double>(count);
  for (auto* list : lists)
    for (double& value : *list) value = low == high ? 0.0 : value - mean;
}

void scale_to_unit_deviation(std::vector<double>& centred) {
  double squares = 0.0;
  for (const double value : centred) squares += value * value;
  if (squares == 0.0) return;
  const double deviation = std::sqrt(squares / static_cast<double>(centred.size()));
  for (double& value : centred) value /= deviation;
}

}  // namespace

Groups advantages(const Groups& rewards, std::string_view kind) {
  Groups all = rewards;
  if (kind == "reinforce") {
    std::vector<std::vector<double>*> step;
    for (auto& group : all) step.push_back(&group);
    centre(step);
    return all;
  }
  for (auto& group : all) {
    centre({&group});
    if (kind == "grpo") scale_to_unit_deviation(group);
  }
  return all;
}

int silent_groups(const Groups& advantages) {
  return static_cast<int>(std::count_if(advantages.begin(), advantages.end(), [](const auto& g) {
    return std::all_of(g.begin(), g.end(), [](double a) { return a == 0.0; });
  }));
}

double mean(const Groups& values) {
  double sum = 0.0;
  std::size_t count = 0;
  for (const auto& group : values) {
    for (const double value : group) sum += value;
    count += group.size();
  }
  return count == 0 ? 0.0 : sum / static_cast<double>(count);
}

}  // namespace xfer::study
