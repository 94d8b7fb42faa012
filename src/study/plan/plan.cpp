// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/plan.hpp"

#include "study/plan/match.hpp"
#include "study/plan/problems.hpp"
#include "study/plan/protocol.hpp"
#include "study/spec/utf8.hpp"

#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

namespace xfer::study {
namespace {

/// Work per token as multiples of a forward pass: training adds the backward pass, sampling goes
/// token by token. Only estimates of time depend on them.
constexpr double training_cost = 3.0;
constexpr double sampling_cost = 3.0;
/// Of a step's answers, those in groups whose rewards differ: the others are not trained on.
constexpr double telling_share = 0.5;
constexpr std::size_t probe_examples = 16;

/// Where a model state is tested.
struct TestSet {
  std::string domain;
  Split split = Split::test;
  int items = 0;
  int wording = 0;
};

constexpr std::size_t wording_bytes_max = 60;

/// "2: Question: … Answer:"
std::string wording_name(const domains::Domain& domain, int wording) {
  const domains::PromptTemplate& prompt = domain.prompts.at(static_cast<std::size_t>(wording));
  std::string text = std::to_string(wording + 1) + ": " + prompt.before + " … " + prompt.after;
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  const auto twice = [](char a, char b) { return a == ' ' && b == ' '; };
  text.erase(std::unique(text.begin(), text.end(), twice), text.end());
  if (text.size() > wording_bytes_max) text.resize(wording_bytes_max);
  return to_valid_utf8(text);
}

/// Mean lengths of a domain's prompts and answers in tokens.
struct Lengths {
  double prompt = 0.0;
  double answer = 0.0;
};

class Planner {
public:
  Planner(const StudySpec& spec, const Materials& materials, const std::atomic<bool>* stop)
      : spec_(spec), materials_(materials), stop_(stop), match_(spec, materials) {
    const bool reinforced = std::any_of(spec.methods.begin(), spec.methods.end(),
                                        [](Method method) { return method != Method::sl; });
    for (const auto& [name, domain] : materials.domains) {
      check_stop();
      for (int wording = 0; wording <= spec.prompt_variants; ++wording)
        if (static_cast<std::size_t>(wording) < domain.prompts.size())
          protocols_.try_emplace({name, wording}, spec, materials, name, wording);
      training_hashes_.emplace(name, training_data_hash(materials, name));
      lengths_.emplace(name, measure(name));
      if (reinforced)
        reinforcement_hashes_.emplace(name, reinforcement_protocol(spec, materials, name).hash());
    }
  }

  Plan make() {
    add_baselines();
    for (const std::uint64_t seed : spec_.seeds)
      for (std::size_t pair = 0; pair < spec_.pairs.size(); ++pair)
        for (const Method method : spec_.methods)
          for (const Condition condition : spec_.conditions)
            if (condition != Condition::baseline && exists(condition, method))
              add_condition(pair, method, condition, seed);
    for (const PlannedLeg& leg : plan_.legs) plan_.total_units += leg.units;
    for (const PlannedEvaluation& e : plan_.evaluations) plan_.total_units += e.units;
    return std::move(plan_);
  }

private:
  void check_stop() const {
    if (stop_ && stop_->load())
      throw Error(Errc::cancelled, "study stopped as asked while it was being planned");
  }

  Lengths measure(const std::string& name) const {
    const domains::Domain& domain = materials_.domains.at(name);
    const Protocol& protocol = protocols_.at({name, 0});
    Split split = Split::test;
    if (domain.dataset->size(split) == 0) split = Split::train;
    Lengths lengths;
    const auto items = evaluation_items(domain, split, static_cast<int>(probe_examples));
    for (const std::size_t index : items) {
      const Reference reference = protocol.reference(domain.dataset->at(split, index));
      lengths.prompt += static_cast<double>(reference.first) / static_cast<double>(items.size());
      lengths.answer += static_cast<double>(reference.tokens.size() - reference.first) /
                        static_cast<double>(items.size());
    }
    return lengths;
  }

  void add_baselines() {
    const bool wanted =
        std::count(spec_.conditions.begin(), spec_.conditions.end(), Condition::baseline) != 0;
    for (std::size_t pair = 0; wanted && pair < spec_.pairs.size(); ++pair) {
      for (const Method method : spec_.methods) {
        PlannedCondition baseline;
        baseline.pair = pair;
        baseline.method = method;
        baseline.evaluation =
            evaluation(std::nullopt, 0, {spec_.pairs[pair].second, Split::test, spec_.items});
        add_further_tests(baseline, std::nullopt);
        plan_.conditions.push_back(baseline);
      }
    }
  }

  void add_condition(std::size_t pair, Method method, Condition condition, std::uint64_t seed) {
    check_stop();
    const auto& [source, target] = spec_.pairs[pair];
    PlannedCondition planned;
    planned.pair = pair;
    planned.method = method;
    planned.condition = condition;
    planned.seed = seed;
    add_point(planned, 0, std::nullopt, 0, target);
    std::optional<std::size_t> last;
    int steps_before = 0;
    for (const Stage& stage : stages(condition, method)) {
      ++plan_.naive_legs;
      last = leg(condition, stage, source, target, last, seed);
      planned.stages.push_back({*last, steps_before});
      const int steps = plan_.legs[*last].steps;
      for (int step = spec_.eval_every; step < steps; step += spec_.eval_every)
        add_point(planned, steps_before + step, last, step, target);
      if (steps > 0) add_point(planned, steps_before + steps, last, steps, target);
      steps_before += steps;
    }
    planned.evaluation =
        evaluation(last, plan_.legs[*last].steps, {target, Split::test, spec_.items});
    add_further_tests(planned, last);
    plan_.conditions.push_back(planned);
  }

  void add_point(PlannedCondition& planned, int total_step, std::optional<std::size_t> leg,
                 int step, const std::string& target) {
    if (spec_.validation_items == 0) return;
    planned.curve.push_back(
        {total_step, evaluation(leg, step, {target, Split::validation, spec_.validation_items})});
  }

  /// Held-out items, other wordings and other domains, as the study asks for them.
  void add_further_tests(PlannedCondition& planned, std::optional<std::size_t> leg) {
    const auto& [source, target] = spec_.pairs[planned.pair];
    const auto is = [&](auto... any) { return ((planned.condition == any) || ...); };
    const auto add = [&](FurtherTest kind, std::string name, const TestSet& set) {
      const int step = leg ? plan_.legs[*leg].steps : 0;
      planned.further.push_back({kind, std::move(name), evaluation(leg, step, set)});
    };
    const bool compared = is(Condition::baseline, Condition::transfer);
    if (compared && spec_.held_out_items > 0)
      add(FurtherTest::held_out, "", {target, Split::heldout, spec_.held_out_items});
    for (int wording = 1; compared && wording <= spec_.prompt_variants; ++wording)
      add(FurtherTest::wording, wording_name(materials_.domains.at(target), wording),
          {target, Split::test, spec_.items, wording});
    if (spec_.forgetting_items == 0) return;
    if (compared || is(Condition::direct, Condition::sequential))
      add(FurtherTest::other_domain, source, {source, Split::test, spec_.forgetting_items});
    for (const auto& [name, domain] : materials_.domains)
      if (compared && name != source && !tested_after(source, name))
        add(FurtherTest::other_domain, name, {name, Split::test, spec_.forgetting_items});
  }

  bool tested_after(const std::string& source, const std::string& target) const {
    return std::find(spec_.pairs.begin(), spec_.pairs.end(), std::pair(source, target)) !=
           spec_.pairs.end();
  }

  std::size_t leg(Condition condition, const Stage& stage, const std::string& source,
                  const std::string& target, std::optional<std::size_t> parent,
                  std::uint64_t seed) {
    PlannedLeg leg;
    leg.parent = parent;
    leg.learning = stage.learning;
    leg.corruption = stage.corruption;
    leg.reward = stage.reward;
    leg.seed = seed;
    const bool reinforced = leg.learning == Learning::reinforcement;
    if (stage.mixture != Mixture::target) leg.domains.push_back(source);
    if (stage.mixture != Mixture::source) leg.domains.push_back(target);
    // An even mixture is the same whichever of its two domains is called the source.
    std::sort(leg.domains.begin(), leg.domains.end(), [&](const auto& a, const auto& b) {
      return std::tie(training_hashes_.at(a), a) < std::tie(training_hashes_.at(b), b);
    });
    leg.steps = match_.steps(condition, stage, leg.domains, target);
    leg.key = reinforced ? reinforcement_key(leg) : supervised_key(leg);
    if (const auto known = leg_by_key_.find(leg.key); known != leg_by_key_.end())
      return known->second;
    leg.description = describe(leg);
    leg.units = leg.steps * step_units(leg);
    plan_.legs.push_back(leg);
    return leg_by_key_[leg.key] = plan_.legs.size() - 1;
  }

  double step_units(const PlannedLeg& leg) const {
    double prompt = 0.0;
    double answer = 0.0;
    for (const std::string& name : leg.domains) {
      prompt += lengths_.at(name).prompt / static_cast<double>(leg.domains.size());
      answer += lengths_.at(name).answer / static_cast<double>(leg.domains.size());
    }
    if (leg.learning == Learning::supervised)
      return training_cost * spec_.batch_size * (prompt + answer);
    const double trained = telling_share * training_cost * (prompt + answer);
    return spec_.rl.problems * (prompt + spec_.rl.group_size * (sampling_cost * answer + trained));
  }

  std::string supervised_key(const PlannedLeg& leg) const {
    HashBuilder hash("leg/3");
    hash.field("model", materials_.model_hash)
        .field("backend", materials_.backend_version)
        .field("parent", leg.parent ? plan_.legs[*leg.parent].key : std::string("base"))
        .field("method", "supervised, adamw")
        .field("seed", leg.seed)
        .field("steps", leg.steps)
        .field("batch_size", spec_.batch_size)
        .field("rank", spec_.lora.rank)
        .field("alpha", spec_.lora.alpha)
        .field("train_attn", spec_.lora.train_attn)
        .field("train_mlp", spec_.lora.train_mlp)
        .field("train_unembed", spec_.lora.train_unembed)
        .field("learning_rate", spec_.learning_rate)
        .field("learning_rate_end_share", spec_.learning_rate_end_share)
        .field("grad_clip_norm", spec_.grad_clip_norm)
        .field("max_sequence_tokens", spec_.max_sequence_tokens)
        .field("examples", spec_.examples)
        .field("corruption", static_cast<int>(leg.corruption));
    for (const std::string& name : leg.domains) hash.field("data", training_hashes_.at(name));
    return hash.hex();
  }

  std::string reinforcement_key(const PlannedLeg& leg) const {
    HashBuilder hash("reinforcement leg/2");
    hash.field("model", materials_.model_hash)
        .field("backend", materials_.backend_version)
        .field("parent", leg.parent ? plan_.legs[*leg.parent].key : std::string("base"))
        .field("seed", leg.seed)
        .field("steps", leg.steps)
        .field("problems", spec_.rl.problems)
        .field("group_size", spec_.rl.group_size)
        .field("temperature", spec_.rl.temperature)
        .field("loss", spec_.rl.loss)
        .field("advantage", spec_.rl.advantage)
        .field("reward", static_cast<int>(leg.reward))
        .field("max_staleness", spec_.rl.max_staleness)
        .field("rank", spec_.lora.rank)
        .field("alpha", spec_.lora.alpha)
        .field("train_attn", spec_.lora.train_attn)
        .field("train_mlp", spec_.lora.train_mlp)
        .field("train_unembed", spec_.lora.train_unembed)
        .field("learning_rate", spec_.rl.learning_rate)
        .field("learning_rate_end_share", spec_.rl.learning_rate_end_share)
        .field("grad_clip_norm", spec_.grad_clip_norm)
        .field("max_sequence_tokens", spec_.max_sequence_tokens)
        .field("examples", spec_.examples);
    for (const std::string& name : leg.domains)
      hash.field("data", training_hashes_.at(name))
          .field("protocol", reinforcement_hashes_.at(name));
    return hash.hex();
  }

  std::string describe(const PlannedLeg& leg) const {
    std::string text;
    if (leg.parent) {
      text = plan_.legs[*leg.parent].description;
      text = text.substr(0, text.rfind(", seed ")) + " -> ";
    }
    for (std::size_t i = 0; i < leg.domains.size(); ++i)
      text += (i == 0 ? "" : " + ") + leg.domains[i];
    if (leg.corruption == Corruption::format_only) text += " (form only)";
    if (leg.corruption == Corruption::random_text) text += " (random text)";
    if (leg.learning == Learning::reinforcement) {
      text += leg.reward == Reward::grader   ? " (RL)"
              : leg.reward == Reward::format ? " (RL, format reward)"
                                             : " (RL, random reward)";
    }
    if (leg.steps == 0) text += " (no step)";
    const int usual = leg.learning == Learning::reinforcement ? spec_.rl.steps : spec_.steps;
    if (leg.steps != 0 && leg.steps != usual) text += " (" + std::to_string(leg.steps) + " steps)";
    return text + ", seed " + std::to_string(leg.seed);
  }

  std::size_t evaluation(std::optional<std::size_t> leg, int step, const TestSet& set) {
    const domains::Domain& data = materials_.domains.at(set.domain);
    PlannedEvaluation e;
    e.leg = leg;
    e.step = step;
    e.domain = set.domain;
    e.split = set.split;
    e.wording = set.wording;
    e.items = static_cast<int>(
        std::min(data.dataset->size(set.split), static_cast<std::size_t>(set.items)));
    e.samples = set.split == Split::test && set.wording == 0 ? spec_.samples : 0;
    e.protocol_hash = protocols_.at({set.domain, set.wording}).hash();
    HashBuilder hash("evaluation/1");
    hash.field("state", leg ? plan_.legs[*leg].key : materials_.model_hash)
        .field("backend", materials_.backend_version)
        .field("step", step)
        .field("split", to_string(set.split))
        .field("manifest", data.dataset->manifest_hash(set.split))
        .field("items", e.items)
        .field("protocol", e.protocol_hash);
    if (e.samples > 0)
      hash.field("samples", e.samples).field("sample_temperature", spec_.sample_temperature);
    e.key = hash.hex();
    if (const auto known = evaluation_by_key_.find(e.key); known != evaluation_by_key_.end())
      return known->second;
    e.description = set.domain + " " + std::string(to_string(set.split)) +
                    (set.wording > 0 ? ", wording " + std::to_string(set.wording + 1) : "") + ": " +
                    (leg ? "after " + plan_.legs[*leg].description : "base model");
    if (leg && step != plan_.legs[*leg].steps) e.description += ", step " + std::to_string(step);
    const Lengths& lengths = lengths_.at(set.domain);
    const double read = (e.samples > 0 ? 3.0 : 2.0) * lengths.prompt + lengths.answer;
    e.units = e.items * (read + sampling_cost * lengths.answer * (1.0 + e.samples));
    plan_.evaluations.push_back(e);
    return evaluation_by_key_[e.key] = plan_.evaluations.size() - 1;
  }

  const StudySpec& spec_;
  const Materials& materials_;
  const std::atomic<bool>* stop_;
  BudgetMatch match_;
  /// By domain and wording.
  std::map<std::pair<std::string, int>, Protocol> protocols_;
  std::map<std::string, std::string> training_hashes_;
  std::map<std::string, std::string> reinforcement_hashes_;
  std::map<std::string, Lengths> lengths_;
  std::map<std::string, std::size_t> leg_by_key_;
  std::map<std::string, std::size_t> evaluation_by_key_;
  Plan plan_;
};

}  // namespace

std::string_view to_string(FurtherTest test) noexcept {
  switch (test) {
    case FurtherTest::held_out: return "held_out";
    case FurtherTest::wording: return "wording";
    case FurtherTest::other_domain: return "other_domain";
  }
  return "held_out";
}

Plan make_plan(const StudySpec& spec, const Materials& materials, const std::atomic<bool>* stop) {
  return Planner(spec, materials, stop).make();
}

}  // namespace xfer::study
