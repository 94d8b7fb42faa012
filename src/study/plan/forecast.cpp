// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/forecast.hpp"

#include "study/plan/detectable.hpp"
#include "study/plan/problems.hpp"
#include "study/plan/protocol.hpp"
#include "study/plan/training_data.hpp"

#include "xfer/error.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <thread>
#include <tuple>

namespace xfer::study {
namespace {

/// Multiply-adds of a forward pass that one core does in an hour, seen on training and testing of
/// the embedded models: between a machine with AVX2 (5e13) and one with AVX-512 (8e13).
constexpr double multiply_adds_per_core_hour = 6.0e13;
constexpr double machine_factor = 2.0;
/// Answers of an untrained or reinforced model, against the reference's length.
constexpr double short_answer = 0.5;
constexpr int probe_problems = 32;

Range exactly(double count) { return {count, count, count}; }

/// Lengths of a domain's prompts, answers and scored texts, summed over items. Of chosen items the
/// options are scored, and nothing is asked or answered.
struct ItemTokens {
  double prompts = 0.0;
  double references = 0.0;
  double answers = 0.0;
  double answers_max = 0.0;
  int items = 0;
};

class Forecaster {
public:
  Forecaster(const StudySpec& spec, const Materials& materials, const Plan& plan,
             const std::atomic<bool>* stop)
      : spec_(spec), materials_(materials), plan_(plan), stop_(stop) {}

  void count_tokens(Forecast& forecast) {
    for (const PlannedLeg& leg : plan_.legs) {
      check_stop();
      const bool exact = leg.learning == Learning::supervised;
      forecast.training_exact = forecast.training_exact && exact;
      forecast.legs.push_back(exact ? supervised(leg) : reinforced(leg));
      forecast.training += forecast.legs.back();
    }
    for (const PlannedEvaluation& e : plan_.evaluations) {
      check_stop();
      forecast.evaluations.push_back(tested(e));
      forecast.testing += forecast.evaluations.back();
    }
  }

private:
  void check_stop() const {
    if (stop_ && stop_->load())
      throw Error(Errc::cancelled, "study stopped as asked while it was being planned");
  }

  /// Batches do not depend on what was learned before: legs that differ in their parents alone have
  /// the same.
  TokenForecast supervised(const PlannedLeg& leg) {
    TokenForecast tokens;
    if (leg.steps == 0) return tokens;
    const auto key = std::tuple(leg.domains, leg.corruption, leg.seed, leg.steps);
    const auto known = trained_.find(key);
    if (known == trained_.end()) {
      const TrainingData data(spec_, materials_, leg);
      double count = 0.0;
      for (int step = 0; step < leg.steps; ++step) {
        check_stop();
        count += static_cast<double>(data.batch(step).tokens);
      }
      tokens.train = trained_[key] = exactly(count);
    } else {
      tokens.train = known->second;
    }
    return tokens;
  }

  /// Prompts are those of the leg's first steps; answers as long as the references at best guess,
  /// half of that to the limit at the extremes. Groups without signal are not trained on.
  TokenForecast reinforced(const PlannedLeg& leg) {
    double prompt = 0.0;
    double answer = 0.0;
    double answer_max = 0.0;
    for (const std::string& name : leg.domains) {
      const ItemTokens& probe = training_probe(name);
      const double share = 1.0 / static_cast<double>(leg.domains.size()) / probe.items;
      prompt += share * probe.prompts;
      answer += share * probe.answers;
      answer_max += share * probe.answers_max;
    }
    const double problems = static_cast<double>(leg.steps) * spec_.rl.problems;
    const double answers = problems * spec_.rl.group_size;
    // Every eval_every steps, and in the last, all answers are scored by the base model.
    const int measured = (leg.steps + spec_.eval_every - 1) / spec_.eval_every +
                         ((leg.steps - 1) % spec_.eval_every == 0 ? 0 : 1);
    const double scored = static_cast<double>(measured) * spec_.rl.problems * spec_.rl.group_size;
    const auto range = [&](auto of) {
      return Range{of(std::min(answer * short_answer, answer_max), 0.0),
                   of(std::min(answer, answer_max), 1.0), of(answer_max, 1.0)};
    };
    TokenForecast tokens;
    tokens.prefill = range(
        [&](double length, double) { return problems * prompt + scored * (prompt + length); });
    tokens.sample = range([&](double length, double) { return answers * length; });
    tokens.train = range([&](double length, double with_signal) {
      return answers * (prompt + length) * with_signal;
    });
    return tokens;
  }

  TokenForecast tested(const PlannedEvaluation& e) {
    const ItemTokens& items = item_tokens(e);
    TokenForecast tokens;
    // The answers for pass@k are a request of their own.
    const double requests = e.samples > 0 ? 2.0 : 1.0;
    const double answers = 1.0 + e.samples;
    tokens.prefill = exactly(requests * items.prompts + items.references);
    tokens.sample = {answers * std::min(items.answers * short_answer, items.answers_max),
                     answers * std::min(items.answers, items.answers_max),
                     answers * items.answers_max};
    return tokens;
  }

  const ItemTokens& item_tokens(const PlannedEvaluation& e) {
    const auto key = std::tuple(e.domain, e.split, e.items, e.wording);
    if (const auto known = counted_.find(key); known != counted_.end()) return known->second;
    const Protocol protocol(spec_, materials_, e.domain, e.wording);
    return counted_[key] = count(protocol, e.split, e.items);
  }

  const ItemTokens& training_probe(const std::string& domain) {
    const auto key = std::tuple(domain, Split::train, 0, 0);
    if (const auto known = counted_.find(key); known != counted_.end()) return known->second;
    const Protocol protocol = reinforcement_protocol(spec_, materials_, domain);
    return counted_[key] = count(protocol, Split::train, probe_problems);
  }

  ItemTokens count(const Protocol& protocol, Split split, int items) const {
    ItemTokens tokens;
    for (const std::size_t index : evaluation_items(protocol.domain(), split, items)) {
      check_stop();
      const Example example = protocol.domain().dataset->at(split, index);
      const Reference reference = protocol.reference(example);
      tokens.references += static_cast<double>(reference.tokens.size());
      ++tokens.items;
      if (protocol.chooses(example)) {
        tokens.references += option_tokens(protocol, example);
        continue;
      }
      tokens.prompts += static_cast<double>(protocol.prompt(example).size());
      // The answer, and what ends it.
      tokens.answers += static_cast<double>(reference.tokens.size() - reference.first + 1);
      tokens.answers_max += protocol.max_answer_tokens();
    }
    return tokens;
  }

  static double option_tokens(const Protocol& protocol, const Example& example) {
    double tokens = 0.0;
    for (const Reference& option : protocol.options(example))
      tokens += static_cast<double>(option.tokens.size());
    if (protocol.choice_score() == grade::ChoiceScore::acc_mutual_info)
      for (const Reference& option : protocol.options(example, true))
        tokens += static_cast<double>(option.tokens.size());
    return tokens;
  }

  const StudySpec& spec_;
  const Materials& materials_;
  const Plan& plan_;
  const std::atomic<bool>* stop_;
  std::map<std::tuple<std::string, Split, int, int>, ItemTokens> counted_;
  std::map<std::tuple<std::vector<std::string>, Corruption, std::uint64_t, int>, Range> trained_;
};

Range dollars(const TokenForecast& tokens, const Price& price) {
  const auto sum = [&](double Range::*part) {
    return (tokens.prefill.*part * price.prefill + tokens.sample.*part * price.sample +
            tokens.train.*part * price.train) /
           1e6;
  };
  return {sum(&Range::low), sum(&Range::expected), sum(&Range::high)};
}

Range leg_dollars(const PlannedLeg& leg, const TokenForecast& tokens, const Price& price) {
  if (price.per_1000_steps) return exactly(*price.per_1000_steps * leg.steps / 1000.0);
  return dollars(tokens, price);
}

void add_dollars(Forecast& forecast, const Plan& plan, const Price& price) {
  std::vector<double> expected;
  for (std::size_t i = 0; i < plan.legs.size(); ++i) {
    const Range cost = leg_dollars(plan.legs[i], forecast.legs[i], price);
    forecast.training_dollars += cost;
    expected.push_back(cost.expected);
  }
  for (const TokenForecast& e : forecast.evaluations) forecast.testing_dollars += dollars(e, price);
  for (const PlannedCondition& condition : plan.conditions)
    for (const PlannedStage& stage : condition.stages)
      forecast.naive_training_dollars += expected[stage.leg];
}

double hours_of(double units, const StudySpec& spec, std::int64_t parameters) {
  const double cores =
      spec.threads > 0 ? spec.threads : std::max(1U, std::thread::hardware_concurrency());
  return units * static_cast<double>(parameters) / (multiply_adds_per_core_hour * cores);
}

/// Twice the test items, or one more seed: what each costs and what it lets be seen.
void add_advice(Forecast& forecast, const StudySpec& spec, const Plan& plan,
                std::int64_t parameters) {
  std::set<std::size_t> growing;  // the evaluations of `eval.items`
  for (const PlannedCondition& condition : plan.conditions) {
    growing.insert(condition.evaluation);
    for (const PlannedTest& test : condition.further)
      if (test.kind == FurtherTest::wording) growing.insert(test.evaluation);
  }
  double test_units = 0.0;
  double seed_units = 0.0;
  double test_share = 0.0;
  for (std::size_t i = 0; i < plan.evaluations.size(); ++i) {
    const PlannedEvaluation& e = plan.evaluations[i];
    if (e.leg) seed_units += e.units;
    if (growing.contains(i)) test_units += e.units;
  }
  for (const PlannedLeg& leg : plan.legs) seed_units += leg.units;
  double all_test = 0.0;
  for (const PlannedEvaluation& e : plan.evaluations) all_test += e.units;
  if (all_test > 0.0) test_share = test_units / all_test;
  const auto seeds = static_cast<double>(spec.seeds.size());

  Advice items;
  items.change =
      std::to_string(2 * spec.items) + " test items in place of " + std::to_string(spec.items);
  items.more_dollars = forecast.testing_dollars.expected * test_share;
  items.more_hours = hours_of(test_units, spec, parameters);
  items.gain_effect = smallest_gain(2 * spec.items, static_cast<int>(spec.seeds.size()));

  Advice more;
  more.change = std::to_string(spec.seeds.size() + 1) + " seeds in place of " +
                std::to_string(spec.seeds.size());
  more.more_dollars =
      (forecast.training_dollars.expected + forecast.testing_dollars.expected) / seeds;
  more.more_hours = hours_of(seed_units / seeds, spec, parameters);
  more.gain_effect = smallest_gain(spec.items, static_cast<int>(spec.seeds.size()) + 1);
  forecast.advice = {items, more};
}

}  // namespace

PriceList prices_of(const StudySpec& spec) {
  return spec.price_file.empty() ? PriceList::built_in()
                                 : PriceList::from_toml_file(spec.price_file);
}

Price price_of(const PriceList& prices, const StudySpec& spec) {
  if (!spec.priced_as.empty()) return prices.of(spec.priced_as, false);
  const bool hosted = spec.backend == "tinker";
  const bool own_service = hosted && !spec.base_url.empty();
  if (own_service && !prices.models.contains(spec.model)) return {};
  return prices.of(spec.model, !hosted);
}

Forecast make_forecast(const StudySpec& spec, const Materials& materials, const Plan& plan,
                       const PriceList& prices, std::int64_t parameters,
                       const std::atomic<bool>* stop) {
  Forecast forecast;
  forecast.priced_model = spec.priced_as.empty() ? spec.model : spec.priced_as;
  forecast.price_date = prices.date;
  forecast.price_source = prices.source;
  forecast.price_origin = prices.origin;
  const Price price = price_of(prices, spec);
  Forecaster(spec, materials, plan, stop).count_tokens(forecast);
  add_dollars(forecast, plan, price);
  const double hours = hours_of(plan.total_units, spec, parameters);
  forecast.hours = {hours / machine_factor, hours, hours * machine_factor};
  add_detectable(forecast, spec);
  add_advice(forecast, spec, plan, parameters);
  return forecast;
}

}  // namespace xfer::study
