// SPDX-License-Identifier: Apache-2.0
// Small study results with known answers, for tests of everything downstream of a run.
#pragma once

#include "xfer/rng.hpp"
#include "xfer/study/result.hpp"

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace xfer::testing {

/// What each condition scores. Items get harder with their number, the same for all conditions:
/// under accuracy a the first round(a * items) items are right, so means are exact.
struct CellPlan {
  std::string source = "math";
  std::string target = "code";
  int items = 40;
  std::vector<std::uint64_t> seeds = {0, 1};
  std::map<Condition, double> accuracy;
  /// Of the reference after its first token; a condition without an entry has that of the baseline.
  std::map<Condition, double> bits_per_byte;
  /// Relative spread of an item's bits, different for every condition and seed.
  double bits_noise = 0.05;
  /// Other than sl: curves have rewards too.
  Method method = Method::sl;
};

inline std::string item_id(int index) {
  const std::string digits = std::to_string(index);
  return "code-" + std::string(3 - std::min<std::size_t>(3, digits.size()), '0') + digits;
}

inline study::EvaluationResult make_evaluation(const CellPlan& plan, Condition condition,
                                               std::uint64_t seed) {
  study::EvaluationResult evaluation;
  evaluation.condition = condition;
  evaluation.seed = seed;
  evaluation.protocol_hash = "5f0c6a1b2d3e4f5061728394a5b6c7d8e9f00112233445566778899aabbccdde";
  const auto right = std::lround(plan.accuracy.at(condition) * plan.items);
  const auto found = plan.bits_per_byte.find(condition);
  const double rate = found != plan.bits_per_byte.end() ? found->second
                      : plan.bits_per_byte.count(Condition::baseline) != 0
                          ? plan.bits_per_byte.at(Condition::baseline)
                          : 1.0;
  const Rng root(seed, to_string(condition));
  for (int i = 0; i < plan.items; ++i) {
    study::ItemResult item;
    item.item_id = item_id(i);
    item.kind = i % 3 == 0 ? "evaluate" : i % 3 == 1 ? "induce" : "sentence";
    item.score = i < right ? 1.0 : 0.0;
    item.extracted = true;
    item.answer = i < right ? std::to_string(3 * i) : std::to_string(3 * i + 1);
    item.completion = "3*" + std::to_string(i) + "=" + item.answer + ". #" + item.answer;
    item.failure = i < right ? "" : "wrong answer";
    item.first_token_bytes = 1;
    item.reference_bytes = 12 + i % 5;
    item.first_token_bits = condition == Condition::baseline ? 3.0 : 0.25;
    Rng rng = root.fork(static_cast<std::uint64_t>(i));
    const double noise = 1.0 + plan.bits_noise * (2.0 * rng.uniform() - 1.0);
    item.reference_bits =
        item.first_token_bits + rate * noise * static_cast<double>(item.reference_bytes - 1);
    evaluation.items.push_back(item);
  }
  return evaluation;
}

inline study::CellResult make_cell(const CellPlan& plan) {
  study::CellResult cell;
  cell.source = plan.source;
  cell.target = plan.target;
  cell.method = plan.method;
  for (const auto& [condition, accuracy] : plan.accuracy) {
    if (condition == Condition::baseline) {
      cell.evaluations.push_back(make_evaluation(plan, condition, 0));
      continue;
    }
    for (const std::uint64_t seed : plan.seeds) {
      cell.evaluations.push_back(make_evaluation(plan, condition, seed));
      study::Curve curve{condition, seed, {}, {}};
      for (int step = 1; plan.method != Method::sl && step <= 20; ++step) {
        study::RewardPoint point;
        point.step = step;
        point.reward = point.trained_reward = accuracy * step / 20.0;
        if (step % 10 == 1 || step == 20) point.kl_to_base = 0.01 * (step - 1);
        point.groups = 8;
        point.silent_groups = step % 3;
        point.answer_tokens = 20.0 + step;
        curve.rewards.push_back(point);
      }
      const double start = plan.accuracy.count(Condition::baseline) != 0
                               ? plan.accuracy.at(Condition::baseline)
                               : 0.0;
      for (const int step : {0, 50, 100, 150}) {
        const double way = 1.0 - std::exp(-step / 50.0);
        const double shift = 0.01 * static_cast<double>(seed) * (step > 0 ? 1.0 : 0.0);
        curve.points.push_back(
            {step, 2.0 - way, start + (accuracy - start) * way + shift, 1.2 - 0.3 * way + shift});
      }
      cell.curves.push_back(curve);
    }
  }
  return cell;
}

inline study::StudyResult make_result(const CellPlan& plan) {
  study::StudyResult result;
  result.spec.name = "made by hand";
  result.spec.seeds = plan.seeds;
  result.spec.pairs = {{plan.source, plan.target}};
  result.spec.conditions.clear();
  for (const auto& [condition, accuracy] : plan.accuracy)
    result.spec.conditions.push_back(condition);
  result.model_name = "embedded small";
  result.model_hash = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
  result.model_parameters = 1650000;
  result.xfer_version = "0.1.0";
  result.cells.push_back(make_cell(plan));
  for (const std::uint64_t seed : plan.seeds)
    result.legs.push_back({"1eaf" + std::string(60, static_cast<char>('0' + seed % 10)),
                           plan.source + ", seed " + std::to_string(seed), 150, 120000, 21.5, 0});
  result.seconds = 101.25;
  return result;
}

}  // namespace xfer::testing
