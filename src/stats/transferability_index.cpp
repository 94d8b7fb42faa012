// SPDX-License-Identifier: Apache-2.0
#include "xfer/stats/transferability_index.hpp"

#include "stats/check.hpp"

#include <cmath>
#include <string>

namespace xfer::stats {
namespace {

double domain_index(const BenchmarkGroup& group) {
  const std::string name = "transferability_index: ";
  if (group.base.empty() || group.base.size() != group.tuned.size())
    refuse(name + "needs as many scores before as after, at least 1 (got " +
           std::to_string(group.base.size()) + " and " + std::to_string(group.tuned.size()) + ")");
  if (!(group.sigma > 0.0) || !std::isfinite(group.sigma))
    refuse(name + "sigma must be above 0 (got " + std::to_string(group.sigma) + ")");
  double sum = 0.0;
  double weights = 0.0;
  for (std::size_t b = 0; b < group.base.size(); ++b) {
    for (const double score : {group.base[b], group.tuned[b]})
      if (!(score >= 0.0 && score <= 100.0))
        refuse(name + "scores must be 0 to 100 (got " + std::to_string(score) + ")");
    const double delta = (group.tuned[b] - group.base[b]) / group.sigma;
    const double weight = 100.0 - group.base[b];
    sum += weight * std::copysign(std::sqrt(std::abs(delta)), delta);
    weights += weight;
  }
  if (!(weights > 0.0)) refuse(name + "every base score is 100: there is no room to gain");
  return sum / weights;
}

}  // namespace

TransferabilityIndex transferability_index(const BenchmarkGroup& trained,
                                           const BenchmarkGroup& other) {
  TransferabilityIndex result;
  result.trained = domain_index(trained);
  result.other = domain_index(other);
  if (result.trained > 0.0)
    result.index = 100.0 * result.other / result.trained;
  else
    result.index = Undefined{"the trained group did not gain"};
  return result;
}

}  // namespace xfer::stats
