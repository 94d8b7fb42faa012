// SPDX-License-Identifier: Apache-2.0
#include "report/scores/curve_mean.hpp"

#include <algorithm>

namespace xfer::report {

std::map<Condition, std::vector<const study::Curve*>> curves_by_condition(
    const study::CellResult& cell) {
  std::map<Condition, std::vector<const study::Curve*>> curves;
  for (const study::Curve& curve : cell.curves)
    if (!curve.points.empty()) curves[curve.condition].push_back(&curve);
  for (auto& [condition, seeds] : curves)
    std::stable_sort(seeds.begin(), seeds.end(),
                     [](const auto* a, const auto* b) { return a->seed < b->seed; });
  return curves;
}

std::vector<study::CurvePoint> curve_mean(const std::vector<const study::Curve*>& seeds) {
  std::map<int, std::vector<const study::CurvePoint*>> by_step;
  for (const study::Curve* curve : seeds)
    for (const study::CurvePoint& p : curve->points) by_step[p.step].push_back(&p);
  std::vector<study::CurvePoint> means;
  for (const auto& [step, points] : by_step) {
    if (points.size() != seeds.size()) continue;
    study::CurvePoint mean;
    mean.step = step;
    for (const study::CurvePoint* p : points) {
      const auto share = 1.0 / static_cast<double>(points.size());
      mean.train_loss_per_token += share * p->train_loss_per_token;
      mean.accuracy += share * p->accuracy;
      mean.bits_per_byte += share * p->bits_per_byte;
    }
    means.push_back(mean);
  }
  return means;
}

}  // namespace xfer::report
