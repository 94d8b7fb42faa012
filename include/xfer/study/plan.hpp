// SPDX-License-Identifier: Apache-2.0
// The graph of a study: which training runs and evaluations it takes, shared ones once.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/dataset.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/spec.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::study {

/// One training run. Its key covers everything that decides the weights it ends with: parent leg,
/// kind of learning, data, corruption, mixture, reward, hyper-parameters, seed, model, renderer,
/// grader and backend version. The names of the domains and the number of threads are not in it.
struct PlannedLeg {
  std::string key;
  std::string description;  ///< e.g. "math -> code, seed 1"
  /// Index of the leg whose weights this one starts from.
  std::optional<std::size_t> parent;
  /// One domain, or two that are mixed evenly.
  std::vector<std::string> domains;
  Learning learning = Learning::supervised;
  Corruption corruption = Corruption::none;
  Reward reward = Reward::grader;
  std::uint64_t seed = 0;
  int steps = 0;
  /// Estimated work, in tokens of a forward pass.
  double units = 0.0;
};

/// One model state on one set of items. Its key covers the leg's key (or the base model) and step,
/// the items, and the protocol.
struct PlannedEvaluation {
  std::string key;
  std::string description;  ///< e.g. "code test after math, seed 1"
  /// Index of the leg; none for the base model.
  std::optional<std::size_t> leg;
  /// Step of that leg at which its weights are taken.
  int step = 0;
  std::string domain;
  Split split = Split::test;
  int items = 0;
  /// Which of the domain's prompts asks; 0 is the standard one.
  int wording = 0;
  /// Answers drawn to each item for pass@k.
  int samples = 0;
  std::string protocol_hash;
  double units = 0.0;
};

/// A point of a learning curve; `step` counts over all stages of the condition.
struct PlannedPoint {
  int step = 0;
  std::size_t evaluation = 0;
};

/// What a condition is tested on besides the test items of its target. Written to ledgers by name.
enum class FurtherTest {
  held_out,      ///< the target's held-out split
  wording,       ///< the target's test items under another wording of the prompt
  other_domain,  ///< test items of the source, or of a domain that is neither source nor target
};

std::string_view to_string(FurtherTest test) noexcept;

struct PlannedTest {
  FurtherTest kind = FurtherTest::held_out;
  /// "" for held-out items, the wording, or the domain; for people and to tell tests apart.
  std::string name;
  std::size_t evaluation = 0;
};

/// A leg that a condition goes through, after as many steps of others.
struct PlannedStage {
  std::size_t leg = 0;
  int steps_before = 0;
};

/// One condition of one pair under one method with one seed; the baseline has one entry for each
/// method, with seed 0.
struct PlannedCondition {
  std::size_t pair = 0;  ///< index into the study's `pairs`
  Method method = Method::sl;
  Condition condition = Condition::baseline;
  std::uint64_t seed = 0;
  std::size_t evaluation = 0;
  std::vector<PlannedStage> stages;
  std::vector<PlannedPoint> curve;
  std::vector<PlannedTest> further;
};

/// Legs and evaluations are in an order in which they can be run: parents first.
struct Plan {
  std::vector<PlannedLeg> legs;
  std::vector<PlannedEvaluation> evaluations;
  std::vector<PlannedCondition> conditions;
  /// Legs that a plan without sharing would run.
  std::size_t naive_legs = 0;
  double total_units = 0.0;
};

/// Deterministic: the same study and materials give the same plan. The study must be valid for the
/// materials' domains. Throws `cancelled` soon after `stop` became true.
Plan make_plan(const StudySpec& spec, const Materials& materials,
               const std::atomic<bool>* stop = nullptr);

}  // namespace xfer::study
#pragma GCC visibility pop
