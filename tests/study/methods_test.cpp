// SPDX-License-Identifier: Apache-2.0
// Reinforcement learning in studies: rewards, controls, interruption.
#include "tests/study/study_testing.hpp"

#include "study/ledger/sqlite.hpp"
#include "study/run/study_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

StudyResult run_rewarding(const StudySpec& spec, const fs::path& folder,
                          std::function<void()> on_commit = {},
                          const DomainSet& domains = rewarding_domains()) {
  FakeBackend backend;
  RunOptions options;
  options.run_folder = folder;
  RunTuning tuning;
  tuning.on_commit = std::move(on_commit);
  tuning.checkpoint_every = std::chrono::seconds(0);
  tuning.items_per_commit = 4;
  tuning.commit_every = std::chrono::seconds(0);
  return run_study(spec, options, &backend, domains, tuning);
}

const LegSummary& leg(const StudyResult& result, const std::string& description) {
  for (const LegSummary& one : result.legs)
    if (one.description == description) return one;
  throw std::runtime_error("no leg " + description);
}

const EvaluationResult& evaluation(const CellResult& cell, Condition condition) {
  for (const EvaluationResult& e : cell.evaluations)
    if (e.condition == condition) return e;
  throw std::runtime_error("no such evaluation");
}

TEST(Reinforce, raises_the_reward_by_every_loss_and_advantage) {
  const TemporaryFolder folder;
  const auto both = [](const char* loss, const char* advantage, int staleness) {
    StudySpec spec = reward_study({Method::rl});
    spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct};
    spec.rl.steps = 25;
    spec.rl.loss = loss;
    spec.rl.advantage = advantage;
    spec.rl.max_staleness = staleness;
    return spec;
  };
  int count = 0;
  for (const StudySpec& spec :
       {both("importance_sampling", "group", 0), both("ppo", "grpo", 0),
        both("cispo", "reinforce", 0), both("importance_sampling", "group", 2)}) {
    const StudyResult result = run_rewarding(spec, folder.path() / std::to_string(count++));
    for (const LegSummary& one : result.legs) {
      ASSERT_EQ(one.rewards.size(), 25U);
      const auto mean_reward = [&](std::size_t from, std::size_t to) {
        double sum = 0.0;
        for (std::size_t i = from; i < to; ++i) sum += one.rewards[i].reward;
        return sum / static_cast<double>(to - from);
      };
      EXPECT_LT(mean_reward(0, 5), 0.5) << one.description;
      EXPECT_GT(mean_reward(20, 25), mean_reward(0, 5) + 0.2) << one.description;
    }
    const CellResult& cell = result.cells.at(0);
    EXPECT_EQ(cell.method, Method::rl);
    const auto right = [&](Condition c) {
      const auto& items = evaluation(cell, c).items;
      return std::accumulate(items.begin(), items.end(), 0.0,
                             [](double sum, const ItemResult& i) { return sum + i.score; });
    };
    EXPECT_GT(right(Condition::direct), right(Condition::baseline));
  }
}

TEST(Reinforce, records_rewards_divergence_and_silent_groups) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::sl, Method::rl, Method::sl_rl});
  spec.rl.steps = 7;
  const StudyResult result = run_rewarding(spec, folder.path());
  const LegSummary& plain = leg(result, "low (RL), seed 3");
  EXPECT_EQ(plain.learning, Learning::reinforcement);
  EXPECT_GT(plain.sampled_tokens, 7 * 16);
  EXPECT_GT(plain.prefill_tokens, 7 * 4 * 14);
  ASSERT_EQ(plain.rewards.size(), 7U);
  for (const RewardPoint& p : plain.rewards) {
    EXPECT_EQ(p.groups, 4);
    EXPECT_GE(p.silent_groups, 0);
    EXPECT_LE(p.silent_groups, 4);
    EXPECT_GE(p.answer_tokens, 1.0);
    EXPECT_LE(p.answer_tokens, 6.0);
    EXPECT_EQ(p.reward, p.trained_reward);
    EXPECT_EQ(p.kl_to_base.has_value(), p.step == 1 || p.step == 4 || p.step == 7) << p.step;
  }
  // Its first answers come from the base model itself.
  EXPECT_EQ(*plain.rewards[0].kl_to_base, 0.0);
  EXPECT_GT(*plain.rewards[6].kl_to_base, 0.0);
  EXPECT_NE(*leg(result, "low -> low (RL), seed 3").rewards[0].kl_to_base, 0.0);
  EXPECT_TRUE(leg(result, "low, seed 3").rewards.empty());

  ASSERT_EQ(result.cells.size(), 3U);
  const CellResult& after = result.cells[2];
  EXPECT_EQ(after.method, Method::sl_rl);
  for (const Curve& curve : after.curves) {
    if (curve.condition == Condition::transfer) {
      EXPECT_EQ(curve.rewards.front().step, 8);
      EXPECT_EQ(curve.rewards.back().step, 14);
      EXPECT_EQ(curve.points.back().step, 14);
    }
    if (curve.condition == Condition::sequential) {
      EXPECT_EQ(curve.rewards.size(), 14U);
      EXPECT_EQ(curve.rewards.back().step, 28);
    }
  }
  const auto has = [](const CellResult& cell, Condition c) {
    return std::any_of(cell.evaluations.begin(), cell.evaluations.end(),
                       [&](const auto& e) { return e.condition == c; });
  };
  for (const CellResult& cell : result.cells) {
    EXPECT_EQ(has(cell, Condition::format_control), cell.method == Method::sl);
    EXPECT_EQ(has(cell, Condition::format_reward), cell.method != Method::sl);
    EXPECT_TRUE(has(cell, Condition::baseline));
  }
}

TEST(Reinforce, controls_reward_what_they_say) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::rl});
  spec.conditions = {Condition::baseline, Condition::random_reward, Condition::format_reward,
                     Condition::zero_step};
  spec.rl.group_size = 16;
  spec.rl.steps = 12;
  const StudyResult result = run_rewarding(spec, folder.path());
  double coin = 0.0;
  double real = 0.0;
  for (const RewardPoint& p : leg(result, "low (RL, random reward), seed 3").rewards) {
    coin += p.trained_reward / 12;
    real += p.reward / 12;
  }
  EXPECT_NEAR(coin, real, 0.1);
  const auto& found = leg(result, "low (RL, format reward), seed 3").rewards;
  for (const RewardPoint& p : found) EXPECT_GE(p.trained_reward, p.reward);
  EXPECT_GT(found.back().trained_reward, 0.45);
  const CellResult& cell = result.cells.at(0);
  const auto& zero = evaluation(cell, Condition::zero_step).items;
  const auto& base = evaluation(cell, Condition::baseline).items;
  for (std::size_t i = 0; i < base.size(); ++i) {
    EXPECT_EQ(zero[i].completion, base[i].completion);
    EXPECT_EQ(zero[i].reference_bits, base[i].reference_bits);
  }
}

class NeverRight final : public grade::Grader {
public:
  std::string_view name() const noexcept override { return "never"; }
  std::string_view version() const noexcept override { return "1"; }
  grade::Verdict grade(const Example&, std::string_view) const override { return {}; }
};

TEST(Reinforce, without_any_signal_nothing_is_learned) {
  const TemporaryFolder folder;
  DomainSet domains = letter_domains();
  for (auto& [name, domain] : domains) domain.grader = std::make_shared<NeverRight>();
  StudySpec spec = reward_study({Method::rl});
  spec.conditions = {Condition::baseline, Condition::transfer};
  const StudyResult result = run_rewarding(spec, folder.path(), {}, domains);
  for (const RewardPoint& p : result.legs.at(0).rewards) EXPECT_EQ(p.silent_groups, p.groups);
  EXPECT_EQ(result.legs.at(0).train_tokens, 0);
  const CellResult& cell = result.cells.at(0);
  for (std::size_t i = 0; i < cell.evaluations[0].items.size(); ++i)
    EXPECT_EQ(cell.evaluations[0].items[i].reference_bits,
              cell.evaluations[1].items[i].reference_bits);
  EXPECT_EQ(cell.curves.at(0).points.size(), 3U);
}

TEST(Reinforce, a_broken_grader_stops_the_study) {
  const TemporaryFolder folder;
  DomainSet domains = letter_domains();
  const auto grader = std::make_shared<FirstLetterGrader>();
  domains["low"].grader = grader;
  grader->broken = true;
  StudySpec spec = reward_study({Method::rl});
  spec.conditions = {Condition::baseline, Condition::transfer};
  const std::string text =
      error_of(Errc::not_available, [&] { run_rewarding(spec, folder.path(), {}, domains); });
  EXPECT_NE(text.find("leg 'low (RL), seed 3': item low/train/"), std::string::npos) << text;
}

/// Interrupts at the k-th moment around a transaction, for every k, and takes it up again.
TEST(Reinforce, stopped_at_any_transaction_it_ends_with_the_same_result) {
  for (const int staleness : {0, 2}) {
    const TemporaryFolder folder;
    StudySpec spec = reward_study({Method::sl_rl});
    spec.conditions = {Condition::baseline, Condition::transfer, Condition::random_reward};
    spec.steps = 3;
    spec.rl.max_staleness = staleness;
    spec.items = 6;
    spec.eval_every = 2;
    int moments = 0;
    const std::string undisturbed =
        comparable(run_rewarding(spec, folder.path() / "whole", [&] { ++moments; }));
    ASSERT_GT(moments, 50);
    struct Stop {};
    for (int k = 1; k <= moments; ++k) {
      int count = 0;
      EXPECT_THROW(run_rewarding(spec, folder.path() / "stopped",
                                 [&] {
                                   if (++count == k) throw Stop();
                                 }),
                   Stop);
      ASSERT_EQ(comparable(run_rewarding(spec, folder.path() / "stopped")), undisturbed) << k;
      fs::remove_all(folder.path() / "stopped");
    }
  }
}

TEST(Reinforce, stops_while_answers_are_sampled_and_goes_on_later) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::rl});
  spec.rl.max_staleness = 1;
  FakeBackend backend;
  const DomainSet domains = rewarding_domains();
  const std::string undisturbed =
      comparable(run(spec, folder.path() / "whole", backend, {}, nullptr, domains));
  for (const int at : {1, 9, 20, 33}) {
    std::atomic<bool> stop = false;
    int count = 0;
    error_of(Errc::cancelled, [&] {
      run(
          spec, folder.path() / "stopped", backend,
          [&](const Event& e) {
            if (e.kind == Event::Kind::sampling && ++count == at) stop = true;
          },
          &stop, domains);
    });
  }
  EXPECT_EQ(comparable(run(spec, folder.path() / "stopped", backend, {}, nullptr, domains)),
            undisturbed);
}

TEST(Reinforce, its_steps_say_their_reward) {
  const TemporaryFolder folder;
  FakeBackend backend;
  int with_reward = 0;
  int without = 0;
  run(
      reward_study({Method::sl_rl}), folder.path(), backend,
      [&](const Event& e) {
        if (e.kind == Event::Kind::step) ++(e.reward ? with_reward : without);
      },
      nullptr, rewarding_domains());
  EXPECT_GT(with_reward, 0);
  EXPECT_GT(without, 0);
}

TEST(Reinforce, is_done_without_learning_curves_too) {
  const TemporaryFolder folder;
  StudySpec spec = reward_study({Method::rl});
  spec.validation_items = 0;
  const StudyResult result = run_rewarding(spec, folder.path());
  ASSERT_FALSE(result.cells.at(0).curves.empty());
  for (const Curve& curve : result.cells[0].curves) {
    EXPECT_TRUE(curve.points.empty());
    EXPECT_FALSE(curve.rewards.empty());
  }
}

TEST(OldLedger, is_refused_with_its_version) {
  const TemporaryFolder folder;
  FakeBackend backend;
  StudySpec spec = letter_study();
  spec.conditions = {Condition::baseline};
  run(spec, folder.path(), backend);
  Sqlite(folder.path() / "study.db", Sqlite::Mode::read_write).execute("PRAGMA user_version=1");
  const std::string again =
      error_of(Errc::run_mismatch, [&] { run(spec, folder.path(), backend); });
  EXPECT_NE(again.find("an earlier version of xfer (schema 1, here 4)"), std::string::npos)
      << again;
  const std::string read = error_of(Errc::bad_data, [&] { load_result(folder.path()); });
  EXPECT_NE(read.find("an earlier version"), std::string::npos) << read;
}

}  // namespace
}  // namespace xfer::study
