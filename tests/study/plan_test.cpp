// SPDX-License-Identifier: Apache-2.0
#include "tests/study/study_testing.hpp"

#include "study/plan/index_stream.hpp"
#include "study/plan/protocol.hpp"
#include "study/plan/training_data.hpp"
#include "xfer/study/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

Materials materials_of(const StudySpec& spec, const DomainSet& domains, FakeBackend& backend) {
  return gather_materials(spec, backend, open_domains(spec, domains));
}

Plan plan_of(const StudySpec& spec, const DomainSet& domains = letter_domains()) {
  FakeBackend backend;
  return make_plan(spec, materials_of(spec, domains, backend));
}

std::set<std::string> keys(const Plan& plan) {
  std::set<std::string> all;
  for (const PlannedLeg& leg : plan.legs) all.insert(leg.key);
  for (const PlannedEvaluation& e : plan.evaluations) all.insert(e.key);
  return all;
}

TEST(IndexStream, every_epoch_is_another_permutation) {
  for (const std::uint64_t size : {1U, 2U, 3U, 7U, 64U, 100U, 1000U}) {
    const IndexStream stream(3, "x", size);
    std::vector<std::vector<std::uint64_t>> epochs(2);
    for (std::uint64_t epoch = 0; epoch < 2; ++epoch) {
      for (std::uint64_t i = 0; i < size; ++i) epochs[epoch].push_back(stream.at(epoch * size + i));
      auto sorted = epochs[epoch];
      std::sort(sorted.begin(), sorted.end());
      for (std::uint64_t i = 0; i < size; ++i) ASSERT_EQ(sorted[i], i);
    }
    if (size >= 64) {
      EXPECT_NE(epochs[0], epochs[1]);
    }
  }
  EXPECT_LT(IndexStream(1, "huge", std::uint64_t{1} << 62U).at(12345), std::uint64_t{1} << 62U);
}

TEST(Plan, shares_legs_between_conditions) {
  StudySpec spec = letter_study();
  spec.seeds = {4};
  const Plan plan = plan_of(spec);
  // transfer, direct, sequential's second stage, joint, format control
  EXPECT_EQ(plan.legs.size(), 5U);
  EXPECT_EQ(plan.naive_legs, 6U);
  std::map<std::string, const PlannedLeg*> by_name;
  for (const PlannedLeg& leg : plan.legs) by_name[leg.description] = &leg;
  ASSERT_TRUE(by_name.count("low, seed 4"));
  ASSERT_TRUE(by_name.count("low -> high, seed 4"));
  ASSERT_TRUE(by_name.count("low (form only), seed 4"));
  EXPECT_EQ(plan.legs[*by_name["low -> high, seed 4"]->parent].description, "low, seed 4");
  for (std::size_t i = 0; i < plan.legs.size(); ++i)
    EXPECT_LT(plan.legs[i].parent.value_or(0), i + 1);
  // Test of the base and of five legs; validation of the base, at steps 3, 6 and 7 of five legs.
  EXPECT_EQ(plan.evaluations.size(), 6U + 1U + 15U);
  EXPECT_GT(plan.total_units, 0.0);
}

TEST(Plan, a_full_matrix_of_seven_takes_seventy_legs) {
  DomainSet domains;
  StudySpec spec = letter_study();
  spec.pairs.clear();
  spec.seeds = {0};
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::direct,
                     Condition::sequential, Condition::joint};
  for (char c = 'a'; c < 'h'; ++c)
    domains.emplace(std::string(1, c), letter_domain(std::string(1, c), c));
  for (char a = 'a'; a < 'h'; ++a)
    for (char b = 'a'; b < 'h'; ++b)
      if (a != b) spec.pairs.emplace_back(std::string(1, a), std::string(1, b));
  const Plan plan = plan_of(spec, domains);
  EXPECT_EQ(plan.legs.size(), 7U + 42U + 21U);
  EXPECT_EQ(plan.naive_legs, 42U * 5U);
  std::size_t base_tests = 0;
  for (const PlannedEvaluation& e : plan.evaluations)
    base_tests += !e.leg && e.split == Split::test ? 1U : 0U;
  EXPECT_EQ(base_tests, 7U);
  EXPECT_EQ(plan.conditions.size(), 42U * 5U);
}

TEST(Plan, keys_change_with_what_decides_results_and_with_nothing_else) {
  const StudySpec spec = letter_study();
  const auto base = keys(plan_of(spec));
  StudySpec same = spec;
  same.threads = 5;
  same.name = "other";
  EXPECT_EQ(keys(plan_of(same)), base);

  const auto differs = [&](auto change) {
    StudySpec other = spec;
    change(other);
    for (const std::string& key : keys(plan_of(other)))
      if (!base.count(key)) return true;
    return false;
  };
  EXPECT_TRUE(differs([](StudySpec& s) { s.steps = 8; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.learning_rate = 0.1; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.grad_clip_norm = 0.5; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.lora.rank = 4; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.items = 8; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.max_answer_tokens = 3; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.renderer = "role_colon"; }));
  EXPECT_TRUE(differs([](StudySpec& s) { s.seeds = {2}; }));

  DomainSet changed = letter_domains();
  changed["high"] = letter_domain("high", 'p', 40, "2");
  const auto with_other_data = keys(plan_of(spec, changed));
  const Plan plan = plan_of(spec);
  for (const PlannedLeg& leg : plan.legs) {
    const bool touches = leg.domains != std::vector<std::string>{"low"};
    EXPECT_EQ(with_other_data.count(leg.key) == 0, touches) << leg.description;
  }
}

TEST(Plan, domains_are_known_by_their_content) {
  StudySpec spec = letter_study();
  const auto base = keys(plan_of(spec));
  spec.pairs = {{"renamed", "high"}};
  DomainSet domains = letter_domains();
  domains["renamed"] = letter_domain("renamed", 'a');
  EXPECT_EQ(keys(plan_of(spec, domains)), base);
}

TEST(Plan, empty_splits_are_refused) {
  StudySpec spec = letter_study();
  DomainSet domains = letter_domains();
  domains["high"] = letter_domain("high", 'p', 0);
  const std::string text = error_of(Errc::bad_data, [&] { plan_of(spec, domains); });
  EXPECT_NE(text.find("domain high: its train split is empty"), std::string::npos) << text;
  spec.renderer = "chatmll";
  EXPECT_NE(error_of(Errc::invalid_argument, [&] { plan_of(spec); }).find("'chatml'"),
            std::string::npos);
}

class Batches : public ::testing::Test {
protected:
  Batch batch(const std::string& leg_name, int step) {
    const Materials materials = materials_of(spec_, domains_, backend_);
    const Plan plan = make_plan(spec_, materials);
    for (const PlannedLeg& leg : plan.legs)
      if (leg.description == leg_name) return TrainingData(spec_, materials, leg).batch(step);
    ADD_FAILURE() << "no leg " << leg_name;
    return {};
  }
  static std::vector<std::int64_t> targets(const Datum& datum) {
    const auto& all =
        std::get<std::vector<std::int64_t>>(datum.loss_fn_inputs.at("target_tokens").data);
    const auto& weights = std::get<std::vector<float>>(datum.loss_fn_inputs.at("weights").data);
    std::vector<std::int64_t> kept;
    for (std::size_t i = 0; i < all.size(); ++i)
      if (weights[i] > 0.0F) kept.push_back(all[i]);
    return kept;
  }
  /// The question's last character before "=", and the answer.
  std::pair<std::string, std::string> texts(const Datum& datum) {
    const auto answer = targets(datum);
    const std::string all = backend_.tokenizer().decode(datum.tokens);
    const std::vector<std::int32_t> ids(answer.begin(), answer.end());
    return {all.substr(0, all.find('=')), backend_.tokenizer().decode(ids)};
  }
  StudySpec spec_ = letter_study();
  DomainSet domains_ = letter_domains();
  FakeBackend backend_;
};

TEST_F(Batches, carry_loss_on_answers_only_and_sum_to_one) {
  const Batch b = batch("low, seed 0", 0);
  ASSERT_EQ(b.data.size(), 4U);
  double sum = 0.0;
  std::int64_t tokens = 0;
  for (const Datum& datum : b.data) {
    const auto& weights = std::get<std::vector<float>>(datum.loss_fn_inputs.at("weights").data);
    for (const float w : weights) sum += static_cast<double>(w);
    const auto [question, answer] = texts(datum);
    EXPECT_TRUE(answer.ends_with("<|end|>")) << answer;
    EXPECT_EQ(question[7], answer[1]) << question << answer;
    tokens += static_cast<std::int64_t>(datum.tokens.size());
  }
  EXPECT_NEAR(sum, 1.0, 1e-6);
  EXPECT_EQ(b.tokens, tokens);
  EXPECT_EQ(b.skipped, 0);
}

TEST_F(Batches, are_the_same_however_they_are_reached_and_differ_by_step_and_seed) {
  EXPECT_EQ(batch("low, seed 0", 5).data[0].tokens, batch("low, seed 0", 5).data[0].tokens);
  std::set<std::string> seen;
  for (int step = 0; step < 7; ++step)
    for (const Datum& datum : batch("low, seed 0", step).data) seen.insert(texts(datum).first);
  EXPECT_EQ(seen.size(), 28U);  // no repeat within an epoch of 40
  EXPECT_NE(batch("low, seed 0", 0).data[0].tokens, batch("low, seed 1", 0).data[0].tokens);
}

TEST_F(Batches, a_joint_batch_is_half_and_half) {
  spec_.batch_size = 5;
  const Materials materials = materials_of(spec_, domains_, backend_);
  const Plan plan = make_plan(spec_, materials);
  std::map<char, int> count;
  for (const PlannedLeg& leg : plan.legs) {
    if (leg.domains.size() != 2 || leg.seed != 0) continue;
    for (int step = 0; step < 6; ++step) {
      const Batch b = TrainingData(spec_, materials, leg).batch(step);
      EXPECT_EQ(b.data.size(), 5U);
      for (const Datum& datum : b.data) ++count[texts(datum).first[7] < 'm' ? 'a' : 'p'];
    }
  }
  EXPECT_EQ(count['a'], 15);
  EXPECT_EQ(count['p'], 15);
}

TEST_F(Batches, the_format_control_moves_answers_within_a_kind_and_learns_what_they_share) {
  spec_.steps = 10;  // one epoch of 40
  std::multiset<std::string> right;
  std::multiset<std::string> moved;
  int own = 0;
  for (int step = 0; step < 10; ++step) {
    for (const Datum& datum : batch("low, seed 0", step).data) right.insert(texts(datum).second);
    for (const Datum& datum : batch("low (form only), seed 0", step).data) {
      const std::string all = backend_.tokenizer().decode(datum.tokens);
      const std::size_t equals = all.find('=');
      const std::string question = all.substr(0, equals);
      const std::string answer = all.substr(equals + 1) + "<|end|>";
      moved.insert(answer);
      const std::string letters(question.back() % 2 != 0 ? 2 : 1, answer[1]);  // the kinds
      EXPECT_EQ(answer, " " + letters + "<|end|>") << question;
      const bool same_letter = question[7] == answer[1];
      own += same_letter ? 1 : 0;
      EXPECT_EQ(texts(datum).second, same_letter ? answer : " <|end|>") << question << answer;
    }
  }
  EXPECT_EQ(right, moved);
  EXPECT_LT(own, 30);  // a third by chance
}

TEST_F(Batches, random_text_keeps_lengths_only) {
  spec_.conditions = {Condition::transfer, Condition::random_text};
  const Batch real = batch("low, seed 0", 2);
  const Batch random = batch("low (random text), seed 0", 2);
  EXPECT_EQ(real.tokens, random.tokens);
  EXPECT_EQ(real.target_tokens, random.target_tokens);
  EXPECT_NE(real.data[0].tokens, random.data[0].tokens);
}

TEST_F(Batches, over_long_examples_are_replaced_and_counted) {
  // "repeat a no 7= a<|end|>" and the like: 17 tokens and more.
  spec_.max_sequence_tokens = 17;
  int skipped = 0;
  for (int step = 0; step < 7; ++step) {
    const Batch b = batch("low, seed 0", step);
    EXPECT_EQ(b.data.size(), 4U);
    for (const Datum& datum : b.data) EXPECT_LE(datum.tokens.size(), 16U);
    skipped += b.skipped;
  }
  EXPECT_GT(skipped, 0);
  spec_.max_sequence_tokens = 8;
  const std::string text = error_of(Errc::invalid_argument, [&] { batch("low, seed 0", 0); });
  EXPECT_NE(text.find("train.max_sequence_tokens is too small"), std::string::npos) << text;
}

TEST_F(Batches, references_leave_out_what_ends_the_turn) {
  for (const std::string renderer : {"plain", "role_colon"}) {
    spec_.renderer = renderer;
    const Materials materials = materials_of(spec_, domains_, backend_);
    const Protocol protocol(spec_, materials, "low");
    const Example example = materials.domains.at("low").dataset->at(Split::test, 1);
    const Reference reference = protocol.reference(example);
    const std::vector<std::int32_t> answer(
        reference.tokens.begin() + static_cast<std::ptrdiff_t>(reference.first),
        reference.tokens.end());
    EXPECT_EQ(backend_.tokenizer().decode(answer), " bb") << renderer;
    EXPECT_EQ(reference.bytes, 3);
    EXPECT_EQ(reference.first_token_bytes, 1);
  }
}

TEST_F(Batches, shots_are_shown_where_the_renderer_can) {
  spec_.shots = 2;
  const std::string text = error_of(Errc::invalid_argument, [&] {
    const Materials materials = materials_of(spec_, domains_, backend_);
    Protocol(spec_, materials, "low");
  });
  EXPECT_NE(text.find("eval.shots"), std::string::npos) << text;
  spec_.renderer = "role_colon";
  const Materials materials = materials_of(spec_, domains_, backend_);
  const Protocol two(spec_, materials, "low");
  const Example example = materials.domains.at("low").dataset->at(Split::test, 0);
  const std::string prompt = backend_.tokenizer().decode(two.prompt(example));
  EXPECT_EQ(prompt.find("User: repeat"), 0U);
  std::size_t turns = 0;
  for (std::size_t at = 0; (at = prompt.find("User:", at)) != std::string::npos; ++at) ++turns;
  EXPECT_EQ(turns, 3U);
  StudySpec none = spec_;
  none.shots = 0;
  EXPECT_NE(Protocol(none, materials, "low").hash(), two.hash());
}

}  // namespace
}  // namespace xfer::study
