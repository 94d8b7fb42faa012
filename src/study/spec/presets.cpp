// SPDX-License-Identifier: Apache-2.0
#include "xfer/study/presets.hpp"

#include "study/spec/nearest.hpp"

#include "xfer/domains/domain.hpp"
#include "xfer/error.hpp"

#include <array>

namespace xfer::study {
namespace {

struct Preset {
  std::string_view name;
  std::string_view summary;
  StudySpec (*make)();
};

const std::vector<std::pair<std::string, std::string>> five_pairs = {{"math", "code"},
                                                                     {"math", "physics"},
                                                                     {"physics", "chemistry"},
                                                                     {"biology", "logic"},
                                                                     {"logic", "law"}};

StudySpec pilot() { return {}; }

StudySpec main_study() {
  StudySpec spec;
  spec.name = "main";
  spec.pairs = five_pairs;
  spec.methods = {Method::sl, Method::rl, Method::sl_rl};
  spec.conditions = default_conditions(spec.methods);
  spec.steps = 100;
  spec.rl.steps = 60;
  spec.items = 200;
  spec.validation_items = 0;
  return spec;
}

StudySpec ablations() {
  StudySpec spec;
  spec.name = "ablations";
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::format_control};
  spec.models = {"embedded:small", "embedded:large"};
  spec.ablation.examples = {32, 128, 512};
  spec.steps = 100;
  spec.items = 200;
  spec.validation_items = 0;
  return spec;
}

StudySpec full_matrix() {
  StudySpec spec;
  spec.name = "full_matrix";
  spec.pairs.clear();
  const std::vector<std::string> domains = domains::procedural_domain_names();
  for (const std::string& source : domains)
    for (const std::string& target : domains)
      if (source != target) spec.pairs.emplace_back(source, target);
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::format_control};
  spec.seeds = {0};
  spec.items = 400;
  spec.validation_items = 0;
  return spec;
}

/// Short runs: the whole of it is meant to be seen within an hour on two cores.
StudySpec programme() {
  StudySpec spec = main_study();
  spec.name = "programme";
  spec.models = {"embedded:small", "embedded:large"};
  spec.ablation.examples = {32, 128, 512};
  spec.seeds = {0};
  spec.match = "steps";  // or H4 could not tell order from more training
  spec.steps = 40;
  spec.rl.steps = 12;
  spec.items = 120;
  return spec;
}

/// As on the embedded model, with the steps that the phase's money buys at the built-in prices.
StudySpec on_service(StudySpec spec, int steps, std::vector<std::uint64_t> seeds) {
  spec.name += "_tinker";
  spec.backend = "tinker";
  spec.model = "meta-llama/Llama-3.2-1B";
  if (!spec.models.empty()) spec.models = {spec.model, "meta-llama/Llama-3.2-3B"};
  spec.steps = spec.rl.steps = steps;
  spec.seeds = std::move(seeds);
  spec.learning_rate = spec.rl.learning_rate = 0.0;  // "auto"
  return spec;
}

StudySpec pilot_tinker() {
  StudySpec spec = on_service(pilot(), 220, {0, 1, 2});
  spec.budget.max_dollars = 330;
  return spec;
}

StudySpec main_tinker() {
  StudySpec spec = main_study();
  spec.models = {"embedded:small", "embedded:large"};
  spec.methods = {Method::sl, Method::rl};
  spec = on_service(spec, 75, {0, 1});
  spec.budget.max_dollars = 1000;
  return spec;
}

StudySpec ablations_tinker() {
  StudySpec spec = on_service(ablations(), 165, {0, 1});
  spec.ablation.examples = {100, 400, 1600};
  spec.budget.max_dollars = 165;
  return spec;
}

StudySpec full_matrix_tinker() { return on_service(full_matrix(), 150, {0}); }

constexpr std::array presets = {
    Preset{"pilot", "math to code, supervised, two seeds: the defaults", pilot},
    Preset{"main", "five pairs, every method, two seeds", main_study},
    Preset{"ablations", "math to code by model size and number of training examples", ablations},
    Preset{"full_matrix", "every ordered pair of the seven domains, supervised, one seed",
           full_matrix},
    Preset{"programme",
           "five pairs, five conditions, every method, two models, and the ablation of examples",
           programme},
    Preset{"pilot_tinker", "the pilot on a service: Llama-3.2-1B, about $300", pilot_tinker},
    Preset{"main_tinker",
           "five pairs, supervised and reinforced, Llama-3.2-1B and 3B, about $1,500", main_tinker},
    Preset{"ablations_tinker", "both ablations on a service, about $500", ablations_tinker},
    Preset{"full_matrix_tinker", "the full matrix on a service: Llama-3.2-1B", full_matrix_tinker}};

const Preset& find(std::string_view name) {
  for (const Preset& one : presets)
    if (one.name == name) return one;
  throw Error(Errc::invalid_argument, "study: no preset is called '" + std::string(name) + "'" +
                                          did_you_mean(name, preset_names()) +
                                          " (known: " + listed(preset_names()) + ")");
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const Preset& one : presets) names.emplace_back(one.name);
  return names;
}

StudySpec preset(std::string_view name) { return find(name).make(); }

std::string preset_summary(std::string_view name) { return std::string(find(name).summary); }

}  // namespace xfer::study
