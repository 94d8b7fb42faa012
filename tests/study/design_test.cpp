// SPDX-License-Identifier: Apache-2.0
// What a study compares: matched budgets, learning rates, parts, and interruption by a kill.
#include "tests/study/study_testing.hpp"

#include "study/plan/match.hpp"
#include "study/run/learning_rate.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/presets.hpp"

#include <gtest/gtest.h>

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <thread>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

/// Steps by description, seed left out.
std::map<std::string, int> steps_of(const StudySpec& spec, const DomainSet& domains) {
  FakeBackend backend;
  const Plan plan = make_plan(spec, gather_materials(spec, backend, open_domains(spec, domains)));
  std::map<std::string, int> steps;
  for (const PlannedLeg& leg : plan.legs) steps[leg.description] = leg.steps;
  return steps;
}

TEST(Match, gives_a_sequential_or_joint_run_what_the_direct_run_has) {
  DomainSet domains = letter_domains();
  domains["low"].prompts = {{"a prompt of many more tokens than the other domain has: ", "="}};
  StudySpec spec = letter_study();
  spec.seeds = {0};
  spec.steps = 60;
  spec.methods = {Method::sl, Method::rl};
  spec.conditions = {Condition::transfer, Condition::direct, Condition::sequential,
                     Condition::joint};
  spec.rl.steps = 20;

  auto steps = steps_of(spec, domains);
  EXPECT_EQ(steps.at("low -> high, seed 0"), 60);

  for (const char* match : {"steps", "examples"}) {
    spec.match = match;
    steps = steps_of(spec, domains);
    EXPECT_EQ(steps.at("low (30 steps) -> high (30 steps), seed 0"), 30);
    EXPECT_EQ(steps.at("low (RL) (10 steps) -> high (RL) (10 steps), seed 0"), 10);
    EXPECT_EQ(steps.at("high, seed 0"), 60);
    EXPECT_EQ(steps.count("low + high, seed 0") + steps.count("high + low, seed 0"), 1U);
  }
  spec.match = "tokens";
  steps = steps_of(spec, domains);
  EXPECT_EQ(steps.at("low, seed 0"), 60);  // the transfer run is as it was
  int halves = 0;
  for (const auto& [description, count] : steps)
    halves += description.find("-> high (30 steps)") != std::string::npos && count == 30 ? 1 : 0;
  EXPECT_EQ(halves, 1);

  spec.match = "dollars";
  error_of(Errc::invalid_argument, [&] { steps_of(spec, domains); });
  spec.priced_as = "meta-llama/Llama-3.2-1B";  // a price by step: dollars are steps
  steps = steps_of(spec, domains);
  EXPECT_EQ(steps.at("low (30 steps) -> high (30 steps), seed 0"), 30);
}

TEST(Match, of_tokens_makes_longer_examples_fewer) {
  DomainSet domains = letter_domains();
  domains["low"].prompts = {{"a prompt of many more tokens than the other domain has: ", "="}};
  StudySpec spec = letter_study();
  spec.match = "tokens";
  spec.steps = 100;
  FakeBackend backend;
  const Materials materials = gather_materials(spec, backend, open_domains(spec, domains));
  BudgetMatch match(spec, materials);
  const int joint =
      match.steps(Condition::joint, Stage{Mixture::source_and_target}, {"low", "high"}, "high");
  const int first = match.steps(Condition::sequential, Stage{}, {"low"}, "high");
  EXPECT_GT(joint, 25);
  EXPECT_LT(joint, 60);
  EXPECT_LT(first, 25);
  EXPECT_EQ(match.steps(Condition::sequential, Stage{Mixture::target}, {"high"}, "high"), 50);
  EXPECT_EQ(match.steps(Condition::transfer, Stage{}, {"low"}, "high"), 100);
  // As many tokens in all as the direct run, to within a few percent: half by half.
  const double ratio = static_cast<double>(first) / 50.0;  // high's tokens over low's
  EXPECT_NEAR(joint, 100.0 / ((1.0 + 1.0 / ratio) / 2.0), 4.0);
}

TEST(LearningRate, of_the_formula) {
  EXPECT_NEAR(formula_learning_rate("meta-llama/Llama-3.2-1B", 2048, true), 4.908239e-4, 1e-10);
  EXPECT_NEAR(formula_learning_rate("Llama-3.2-3B", 3072, true), 3.576008e-4, 1e-10);
  EXPECT_NEAR(formula_learning_rate("llama", 4096, true), 2.856415e-4, 1e-10);
  EXPECT_NEAR(formula_learning_rate("qwen3", 2048, true), 4.990818e-4, 1e-10);
  EXPECT_NEAR(formula_learning_rate("Qwen/Qwen3-8B", 4096, true), 4.729791e-4, 1e-10);
  EXPECT_NEAR(formula_learning_rate("qwen3", 4096, false), 4.729791e-5, 1e-11);
  const std::string text =
      error_of(Errc::invalid_argument, [] { formula_learning_rate("mamba", 2048, true); });
  EXPECT_NE(text.find("'mamba'"), std::string::npos);
}

TEST(LearningRate, auto_is_a_number_by_the_time_a_study_runs) {
  FakeBackend backend;
  StudySpec spec = letter_study();
  spec.learning_rate = 0.0;
  EXPECT_NE(spec.to_toml().find("learning_rate = \"auto\""), std::string::npos);
  EXPECT_EQ(StudySpec::from_toml("[train]\nlearning_rate = \"auto\"", "s", ".").learning_rate, 0.0);
  error_of(Errc::invalid_argument, [&] { with_learning_rates(spec, backend); });
  backend.model = "meta-llama/Llama-3.2-1B";
  EXPECT_NEAR(with_learning_rates(spec, backend).learning_rate, 4.908239e-4, 1e-10);
  const TemporaryFolder folder;
  EXPECT_NEAR(run(spec, folder.path(), backend).spec.learning_rate, 4.908239e-4, 1e-10);
}

TEST(LearningRate, is_chosen_on_validation_items_and_recorded) {
  const TemporaryFolder folder;
  FakeBackend backend;
  StudySpec spec = reward_study({Method::sl, Method::rl});
  spec.learning_rate_search = {1e-6, 0.2, 1e-4};
  spec.rl.learning_rate_search = {1e-6, 1.0};
  spec.rl.steps = 12;
  const StudyResult result = run(spec, folder.path(), backend, {}, nullptr, rewarding_domains());
  EXPECT_EQ(result.spec.learning_rate, 0.2);
  ASSERT_EQ(result.tried_rates.size(), 5U);
  EXPECT_EQ(result.tried_rates[0].rate, 0.2);
  EXPECT_EQ(result.tried_rates[0].learning, Learning::supervised);
  EXPECT_LT(result.tried_rates[0].bits_per_byte, result.tried_rates[1].bits_per_byte);
  EXPECT_EQ(result.tried_rates[3].learning, Learning::reinforcement);
  EXPECT_EQ(result.tried_rates[3].rate, result.spec.rl.learning_rate);
  EXPECT_GE(result.tried_rates[3].accuracy, result.tried_rates[4].accuracy);
  int searches = 0;
  for (const auto& entry : fs::directory_iterator(folder.path() / "search")) {
    ++searches;
    for (const CellResult& cell : load_result(entry.path()).cells)
      for (const EvaluationResult& e : cell.evaluations)
        for (const ItemResult& item : e.items)
          EXPECT_NE(item.item_id.find("/validation/"), std::string::npos) << item.item_id;
  }
  EXPECT_EQ(searches, 5);
  // The same again: nothing is trained.
  const int trained = backend.trainers_created;
  EXPECT_EQ(comparable(run(spec, folder.path(), backend, {}, nullptr, rewarding_domains())),
            comparable(result));
  EXPECT_EQ(backend.trainers_created, trained);
}

TEST(Examples, limit_what_is_trained_on) {
  DomainSet domains = letter_domains();
  StudySpec spec = letter_study();
  FakeBackend backend;
  const auto keys = [&] {
    const Plan plan = make_plan(spec, gather_materials(spec, backend, open_domains(spec, domains)));
    return plan.legs.front().key;
  };
  const std::string all = keys();
  spec.examples = 8;
  EXPECT_NE(keys(), all);
  EXPECT_EQ(training_examples(spec, domains.at("low")), 8U);
  spec.examples = 1000;
  EXPECT_EQ(training_examples(spec, domains.at("low")), 40U);
}

TEST(Parts, are_the_models_and_the_numbers_of_examples) {
  StudySpec spec;
  EXPECT_EQ(study_parts(spec).size(), 1U);
  EXPECT_EQ(study_parts(spec)[0].name, "");
  spec.pairs = {{"math", "code"}, {"math", "law"}};
  spec.models = {"embedded:small", "embedded:large", "/models/org/small.gguf"};
  spec.ablation.examples = {16, 64};
  const std::vector<StudyPart> parts = study_parts(spec);
  ASSERT_EQ(parts.size(), 5U);
  EXPECT_EQ(parts[0].name, "embedded-small");
  EXPECT_EQ(parts[1].spec.model, "embedded:large");
  EXPECT_EQ(parts[2].name, "small.gguf");
  EXPECT_EQ(parts[3].name, "16-examples");
  EXPECT_EQ(parts[3].spec.examples, 16);
  EXPECT_EQ(parts[3].spec.pairs.size(), 1U);
  EXPECT_EQ(parts[4].spec.model, "embedded:small");
  for (const StudyPart& part : parts) {
    EXPECT_EQ(study_parts(part.spec).size(), 1U);
    EXPECT_NO_THROW(part.spec.validate());
  }
  const TemporaryFolder folder;
  FakeBackend backend;
  error_of(Errc::invalid_argument, [&] { run(spec, folder.path(), backend, {}, nullptr, {}); });
}

/// The phases of the programme that xfer was made for, and what they were meant to cost.
TEST(Presets, cost_about_what_the_programme_has_for_them) {
  for (const auto& [name, meant] :
       {std::pair("pilot_tinker", 300.0), std::pair("main_tinker", 1500.0),
        std::pair("ablations_tinker", 500.0)}) {
    double dollars = 0.0;
    double naive = 0.0;
    for (const StudyPart& part : study_parts(preset(name))) {
      StudySpec spec = part.spec;
      spec.backend = "embedded";
      spec.priced_as = spec.model;
      FakeBackend backend;
      backend.model = spec.model;
      DomainSet domains;
      for (const auto& [source, target] : spec.pairs)
        for (const std::string& domain : {source, target})
          domains.emplace(domain, letter_domain(domain, domain[0], 40, domain));
      const Materials materials = gather_materials(spec, backend, open_domains(spec, domains));
      const Plan plan = make_plan(spec, materials);
      const Forecast forecast =
          make_forecast(spec, materials, plan, PriceList::built_in(), backend.parameters());
      dollars += forecast.training_dollars.expected + forecast.testing_dollars.expected;
      naive += forecast.naive_training_dollars;
    }
    EXPECT_GT(dollars, meant * 0.9) << name;
    EXPECT_LT(dollars, meant * 1.1) << name;
    EXPECT_GE(naive, dollars * (1 - 1e-9)) << name;
  }
}

/// Kills a process that runs a study of every method, at random moments, until it gets through;
/// then another. The long form is XFER_KILLS=200.
TEST(Kill, at_random_moments_changes_nothing) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::sl, Method::rl, Method::sl_rl});
  const auto run_in = [&](const fs::path& where) {
    FakeBackend backend;
    RunOptions options;
    options.run_folder = where;
    RunTuning tuning;
    tuning.checkpoint_every = std::chrono::seconds(0);
    tuning.items_per_commit = 4;
    tuning.commit_every = std::chrono::seconds(0);
    return comparable(run_study(spec, options, &backend, rewarding_domains(), tuning));
  };
  const auto before = std::chrono::steady_clock::now();
  const std::string undisturbed = run_in(folder.path() / "whole");
  const auto whole = std::chrono::duration_cast<std::chrono::microseconds>(
      std::chrono::steady_clock::now() - before);
  const char* wanted = std::getenv("XFER_KILLS");
  const int kills = wanted ? std::atoi(wanted) : 12;
  Rng rng(5, "kills");
  int study = 0;
  for (int killed = 0; killed < kills;) {
    const fs::path where = folder.path() / ("killed-" + std::to_string(study));
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      try {
        run_in(where);
      } catch (...) {
        _exit(2);
      }
      _exit(0);
    }
    std::this_thread::sleep_for(whole / 3 * rng.uniform());
    kill(child, SIGKILL);
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
      ++killed;
    } else {
      ASSERT_EQ(WEXITSTATUS(status), 0);
      ASSERT_EQ(run_in(where), undisturbed) << "after kill " << killed;
      fs::remove_all(where);
      ++study;
    }
  }
  ASSERT_EQ(run_in(folder.path() / ("killed-" + std::to_string(study))), undisturbed);
}

}  // namespace
}  // namespace xfer::study
