// SPDX-License-Identifier: Apache-2.0
// Methods of learning before anything is run: names, advantages, plans, problems, study files.
#include "tests/study/study_testing.hpp"

#include "study/plan/problems.hpp"
#include "study/run/advantage.hpp"
#include "xfer/study/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

Plan plan_of(const StudySpec& spec) {
  FakeBackend backend;
  return make_plan(spec, gather_materials(spec, backend, open_domains(spec, letter_domains())));
}

TEST(Methods, names_round_trip_and_controls_belong_to_their_kind_of_learning) {
  for (const Method m : all_methods) EXPECT_EQ(parse_method(to_string(m)), m);
  EXPECT_FALSE(parse_method("rlhf").has_value());
  for (const Condition c : {Condition::format_control, Condition::random_text}) {
    EXPECT_TRUE(exists(c, Method::sl));
    EXPECT_FALSE(exists(c, Method::rl));
    EXPECT_TRUE(stages(c, Method::sl_rl).empty());
  }
  for (const Condition c : {Condition::format_reward, Condition::random_reward}) {
    EXPECT_FALSE(exists(c, Method::sl));
    EXPECT_TRUE(stages(c).empty());
    ASSERT_EQ(stages(c, Method::rl).size(), 1U);
    EXPECT_NE(stages(c, Method::rl)[0].reward, Reward::grader);
  }
}

TEST(Methods, the_one_after_the_other_starts_as_the_first) {
  const auto both = stages(Condition::sequential, Method::sl_rl);
  ASSERT_EQ(both.size(), 4U);
  EXPECT_EQ(both[0], stages(Condition::transfer)[0]);
  EXPECT_EQ(both[1], stages(Condition::transfer, Method::rl)[0]);
  EXPECT_EQ(both[2], stages(Condition::direct)[0]);
  const auto control = stages(Condition::random_reward, Method::sl_rl);
  ASSERT_EQ(control.size(), 2U);
  EXPECT_EQ(control[0], stages(Condition::transfer)[0]);
  EXPECT_EQ(control[1].reward, Reward::random);
  EXPECT_EQ(stages(Condition::zero_step, Method::rl), stages(Condition::zero_step, Method::sl));
}

TEST(Advantages, of_each_kind) {
  const Groups rewards = {{1, 0, 0, 1}, {0, 0, 0, 0}, {1, 1, 1, 0}};
  EXPECT_EQ(advantages(rewards, "group"),
            (Groups{{0.5, -0.5, -0.5, 0.5}, {0, 0, 0, 0}, {0.25, 0.25, 0.25, -0.75}}));
  const Groups grpo = advantages(rewards, "grpo");
  EXPECT_EQ(grpo[0], (std::vector<double>{1, -1, -1, 1}));
  EXPECT_NEAR(grpo[2][3], -0.75 / std::sqrt(3.0 / 16.0), 1e-12);
  const Groups reinforce = advantages(rewards, "reinforce");
  EXPECT_NEAR(reinforce[1][0], -5.0 / 12.0, 1e-12);
  EXPECT_NEAR(mean(reinforce), 0.0, 1e-12);
  EXPECT_EQ(silent_groups(advantages(rewards, "group")), 1);
  EXPECT_EQ(silent_groups(reinforce), 0);
}

TEST(Advantages, of_equal_rewards_are_exactly_zero) {
  // A mean of tenths is not a tenth.
  const Groups tenths = {{0.1, 0.1, 0.1}, {0.7, 0.7, 0.7, 0.7, 0.7}};
  EXPECT_EQ(silent_groups(advantages(tenths, "group")), 2);
  EXPECT_EQ(silent_groups(advantages(tenths, "grpo")), 2);
  EXPECT_EQ(silent_groups(advantages(tenths, "reinforce")), 0);
  EXPECT_EQ(silent_groups(advantages({{0.1, 0.1}, {0.1}}, "reinforce")), 2);
  EXPECT_TRUE(advantages({}, "group").empty());
  EXPECT_EQ(mean({}), 0.0);
}

TEST(MethodPlan, shares_supervised_legs_and_keeps_their_keys) {
  StudySpec spec = letter_study();
  spec.seeds = {4};
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::sequential, Condition::joint};
  const Plan alone = plan_of(spec);
  spec.methods = {Method::sl, Method::rl, Method::sl_rl};
  const Plan plan = plan_of(spec);
  // sl and rl: four legs each; sl_rl: after low, high and both, and two more behind the first.
  EXPECT_EQ(plan.legs.size(), 4U + 4U + 5U);
  EXPECT_EQ(plan.naive_legs, 5U + 5U + 10U);
  std::set<std::string> keys;
  std::set<std::string> names;
  for (const PlannedLeg& leg : plan.legs) {
    keys.insert(leg.key);
    names.insert(leg.description);
  }
  EXPECT_EQ(keys.size(), plan.legs.size());
  EXPECT_EQ(names.size(), plan.legs.size());
  for (const PlannedLeg& leg : alone.legs) EXPECT_TRUE(keys.count(leg.key)) << leg.description;
  EXPECT_TRUE(names.count("low -> low (RL) -> high -> high (RL), seed 4"));
  // The base model is tested once for all methods.
  std::size_t base_tests = 0;
  for (const PlannedEvaluation& e : plan.evaluations) base_tests += e.leg ? 0U : 1U;
  EXPECT_EQ(base_tests, 2U);
  EXPECT_EQ(plan.conditions.size(), 3U * 5U);
}

TEST(MethodPlan, reinforcement_keys_change_with_what_decides_weights) {
  const auto keys = [](const StudySpec& spec) {
    std::set<std::string> all;
    for (const PlannedLeg& leg : plan_of(spec).legs) all.insert(leg.key);
    return all;
  };
  const StudySpec spec = reward_study({Method::rl});
  const auto base = keys(spec);
  const auto changes = [&](auto change) {
    StudySpec other = spec;
    change(other);
    const auto now = keys(other);
    return std::none_of(now.begin(), now.end(), [&](const auto& key) { return base.count(key); });
  };
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.steps = 6; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.problems = 5; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.group_size = 5; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.temperature = 0.9; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.loss = "ppo"; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.advantage = "grpo"; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.learning_rate = 0.1; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.rl.max_staleness = 1; }));
  EXPECT_TRUE(changes([](StudySpec& s) { s.max_answer_tokens = 3; }));
  EXPECT_FALSE(changes([](StudySpec& s) { s.steps = 9; }));
  EXPECT_FALSE(changes([](StudySpec& s) { s.learning_rate = 0.1; }));
}

TEST(Problems, are_a_function_of_leg_and_step) {
  StudySpec spec = reward_study({Method::rl});
  spec.rl.problems = 5;
  FakeBackend backend;
  const Materials materials = gather_materials(spec, backend, open_domains(spec, letter_domains()));
  const Plan plan = make_plan(spec, materials);
  std::set<std::uint64_t> seeds;
  std::size_t low = 0;
  for (const PlannedLeg& leg : plan.legs) {
    const Problems problems(spec, materials, leg);
    std::set<std::string> asked;
    for (const int step : {3, 0, 2, 1, 4, 5, 3}) {
      const ProblemSet set = problems.step(step);
      ASSERT_EQ(set.problems.size(), 5U);
      for (const Problem& p : set.problems) {
        if (step != 3) seeds.insert(p.seed);
        asked.insert(p.example.id);
        if (leg.domains.size() == 2 && step != 3)
          low += problems.protocol(p).domain().name == "low" ? 1U : 0U;
      }
    }
    EXPECT_EQ(asked.size(), 30U) << leg.description;  // no repeat within an epoch of 40
  }
  EXPECT_EQ(seeds.size(), plan.legs.size() * 25U);
  EXPECT_NEAR(static_cast<double>(low), 12.5, 0.6);
}

TEST(Problems, that_leave_no_room_for_an_answer_are_replaced_or_refused) {
  StudySpec spec = reward_study({Method::rl});
  FakeBackend backend;
  const auto skipped = [&] {
    const Materials materials =
        gather_materials(spec, backend, open_domains(spec, letter_domains()));
    const Plan plan = make_plan(spec, materials);
    int count = 0;
    for (int step = 0; step < 8; ++step)
      count += Problems(spec, materials, plan.legs[0]).step(step).skipped;
    return count;
  };
  EXPECT_EQ(skipped(), 0);
  // "repeat a no 7=" takes 14 tokens, its answer up to 6.
  spec.max_sequence_tokens = 20;
  EXPECT_GT(skipped(), 0);
  spec.max_sequence_tokens = 19;
  const std::string text = error_of(Errc::invalid_argument, skipped);
  EXPECT_NE(text.find("an answer of 6 tokens (eval.max_answer_tokens) within 19"),
            std::string::npos)
      << text;
}

TEST(MethodSpec, is_read_checked_and_written) {
  const auto read = [](const std::string& text) {
    return StudySpec::from_toml(text, "s.toml", "/base");
  };
  const StudySpec spec = read("methods = [\"rl\", \"sl_rl\"]\n[rl]\nsteps = 7\nloss = \"ppo\"\n");
  EXPECT_EQ(spec.methods, (std::vector<Method>{Method::rl, Method::sl_rl}));
  EXPECT_EQ(spec.conditions.back(), Condition::format_reward);
  EXPECT_EQ(std::count(spec.conditions.begin(), spec.conditions.end(), Condition::format_control),
            0);
  EXPECT_EQ(spec.rl.steps, 7);
  EXPECT_EQ(read(spec.to_toml()).to_toml(), spec.to_toml());
  const auto complaint = [&](const std::string& text) {
    return error_of(Errc::bad_data, [&] { read(text); });
  };
  EXPECT_NE(complaint("methods = [\"rlhf\"]")
                .find("s.toml:1: 'methods' names the unknown method "
                      "'rlhf' (allowed: sl, rl, sl_rl)"),
            std::string::npos);
  EXPECT_NE(complaint("[rl]\nloss = \"pppo\"")
                .find("s.toml:2: 'loss' must be one of importance_sampling, ppo, cispo (got "
                      "'pppo'; did you mean 'ppo'?)"),
            std::string::npos);
  EXPECT_NE(complaint("[rl]\nstep = 3").find("unknown key 'step' in [rl]; did you mean 'steps'?"),
            std::string::npos);
  EXPECT_NE(complaint("conditions = [\"baseline\", \"random_reward\"]")
                .find("s.toml:1: study: conditions names 'random_reward', which exists only under "
                      "the methods rl, sl_rl"),
            std::string::npos);
  EXPECT_NE(complaint("methods = [\"rl\", \"rl\"]").find("twice"), std::string::npos);
  StudySpec alone = reward_study({Method::rl});
  alone.pairs = {{"math", "code"}};
  alone.rl.group_size = 1;
  EXPECT_NE(error_of(Errc::invalid_argument, [&] { alone.validate(); }).find("rl.group_size"),
            std::string::npos);
  alone.rl.advantage = "reinforce";
  alone.validate();
  StudySpec bad;
  bad.rl.advantage = "ppo";
  EXPECT_NE(error_of(Errc::invalid_argument, [&] { bad.validate(); }).find("rl.advantage"),
            std::string::npos);
}

}  // namespace
}  // namespace xfer::study
