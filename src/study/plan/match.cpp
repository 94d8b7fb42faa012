// SPDX-License-Identifier: Apache-2.0
#include "study/plan/match.hpp"

#include "study/backends/metered.hpp"
#include "study/plan/problems.hpp"
#include "study/plan/protocol.hpp"
#include "study/plan/training_data.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::study {
namespace {

/// Enough for the mean length of a batch to be known within a few percent.
constexpr int supervised_probe_steps = 16;
constexpr int reinforced_probe_steps = 8;

}  // namespace

BudgetMatch::BudgetMatch(const StudySpec& spec, const Materials& materials)
    : spec_(spec), materials_(materials) {
  if (spec.match != "dollars") return;
  price_ = price_of_calls(spec);
  if (!price_)
    throw Error(Errc::invalid_argument,
                "study: train.match = \"dollars\" needs a price, and there is none for " +
                    (spec.priced_as.empty() ? spec.model : spec.priced_as) +
                    "; name one by price_file or priced_as, or match \"tokens\"");
}

int BudgetMatch::steps(Condition condition, const Stage& stage,
                       const std::vector<std::string>& domains, const std::string& target) {
  const bool reinforced = stage.learning == Learning::reinforcement;
  double steps = stage.steps_share * (reinforced ? spec_.rl.steps : spec_.steps);
  const bool sequential = condition == Condition::sequential;
  if ((sequential || condition == Condition::joint) && spec_.match != "stage_steps") {
    if (sequential) steps /= 2.0;
    if (spec_.match == "tokens" || spec_.match == "dollars")
      steps *= step_cost(stage.learning, {target}) / step_cost(stage.learning, domains);
  }
  const auto whole = static_cast<int>(std::lround(steps));
  return steps > 0.0 ? std::max(1, whole) : 0;
}

double BudgetMatch::step_cost(Learning learning, const std::vector<std::string>& domains) {
  const auto key = std::tuple(learning, domains);
  const auto known = costs_.find(key);
  if (known != costs_.end()) return known->second;
  const double cost =
      learning == Learning::reinforcement ? reinforced_cost(domains) : supervised_cost(domains);
  return costs_[key] = cost;
}

double BudgetMatch::supervised_cost(const std::vector<std::string>& domains) const {
  // All steps cost alike under a price by step, and so do all tokens under a price of training.
  if (price_ && price_->per_1000_steps) return 1.0;
  PlannedLeg leg;
  leg.domains = domains;
  const TrainingData data(spec_, materials_, leg);
  const int steps = std::min(spec_.steps, supervised_probe_steps);
  double tokens = 0.0;
  for (int step = 0; step < steps; ++step) tokens += static_cast<double>(data.batch(step).tokens);
  return tokens / steps;
}

double BudgetMatch::reinforced_cost(const std::vector<std::string>& domains) const {
  if (price_ && price_->per_1000_steps) return 1.0;
  PlannedLeg leg;
  leg.domains = domains;
  leg.learning = Learning::reinforcement;
  const Problems problems(spec_, materials_, leg);
  const int steps = std::min(spec_.rl.steps, reinforced_probe_steps);
  double prompts = 0.0;
  double answers = 0.0;
  for (int step = 0; step < steps; ++step) {
    for (const Problem& problem : problems.step(step).problems) {
      const Reference reference = problems.protocol(problem).reference(problem.example);
      prompts += static_cast<double>(problem.prompt.size()) / steps;
      answers += static_cast<double>(reference.tokens.size() - reference.first) / steps;
    }
  }
  const double group = spec_.rl.group_size;
  // Tokens of every kind count alike unless there are prices.
  const Price price = price_.value_or(Price{1.0, 1.0, 1.0, std::nullopt});
  return prompts * price.prefill + group * answers * price.sample +
         group * (prompts + answers) * price.train;
}

}  // namespace xfer::study
