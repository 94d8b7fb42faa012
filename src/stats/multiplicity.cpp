#include "xfer/stats/multiplicity.hpp"

#include "stats/check.hpp"

#include <algorithm>
#include <numeric>

namespace xfer::stats {
namespace {

/// Indices of the p-values from the smallest up.
std::vector<std::size_t> ascending(std::span<const double> p, const char* operation) {
  for (std::size_t i = 0; i < p.size(); ++i)
    if (!(p[i] >= 0.0 && p[i] <= 1.0))
      refuse(std::string(operation) + ": p-values must be in [0, 1] (value " + std::to_string(i) +
             " is " + std::to_string(p[i]) + ")");
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  return order;
}

}  // namespace

std::vector<double> holm(std::span<const double> p) {
  const auto order = ascending(p, "holm");
  std::vector<double> adjusted(p.size());
  double largest = 0.0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    largest = std::max(largest, p[order[rank]] * static_cast<double>(order.size() - rank));
    adjusted[order[rank]] = std::min(1.0, largest);
  }
  return adjusted;
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  const auto order = ascending(p, "benjamini_hochberg");
  std::vector<double> adjusted(p.size());
  double smallest = 1.0;
  for (std::size_t rank = order.size(); rank-- > 0;) {
    smallest = std::min(smallest, p[order[rank]] * static_cast<double>(order.size()) /
                                      static_cast<double>(rank + 1));
    adjusted[order[rank]] = smallest;
  }
  return adjusted;
}

}  // namespace xfer::stats
