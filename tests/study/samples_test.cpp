// SPDX-License-Identifier: Apache-2.0
// Answers drawn for pass@k, and test items among training text.
#include "tests/study/study_testing.hpp"

#include "xfer/study/forecast.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/regrade.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

StudySpec sampling_study(int samples) {
  StudySpec spec = letter_study();
  spec.conditions = {Condition::baseline, Condition::transfer};
  spec.seeds = {0};
  spec.steps = 2;
  spec.validation_items = 3;
  spec.samples = samples;
  return spec;
}

TEST(Samples, are_drawn_beside_the_greedy_answer) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudyResult without =
      run(sampling_study(0), folder.path() / "a", backend, {}, nullptr, rewarding_domains());
  const StudyResult with =
      run(sampling_study(6), folder.path() / "b", backend, {}, nullptr, rewarding_domains());
  std::set<std::string> answers;
  int passed = 0;
  for (std::size_t e = 0; e < with.cells[0].evaluations.size(); ++e)
    for (std::size_t i = 0; i < with.cells[0].evaluations[e].items.size(); ++i) {
      const ItemResult& item = with.cells[0].evaluations[e].items[i];
      const ItemResult& bare = without.cells[0].evaluations[e].items[i];
      EXPECT_EQ(item.completion, bare.completion);
      EXPECT_EQ(item.score, bare.score);
      EXPECT_TRUE(bare.samples.empty());
      ASSERT_EQ(item.samples.size(), 6U);
      EXPECT_EQ(item.prompt_tokens, 2 * bare.prompt_tokens);
      EXPECT_GE(item.sampled_tokens, bare.sampled_tokens + 6);
      for (const SampledAnswer& sample : item.samples) {
        answers.insert(sample.completion);
        passed += sample.score == 1.0 ? 1 : 0;
        const std::size_t first = sample.completion.find_first_not_of(' ');
        const bool small = first != std::string::npos && sample.completion[first] >= 'a' &&
                           sample.completion[first] <= 'z';
        EXPECT_EQ(sample.score, small ? 1.0 : 0.0) << sample.completion;
      }
    }
  EXPECT_GT(answers.size(), 50U);  // of 2 * 9 * 6 draws
  EXPECT_GT(passed, 0);
}

TEST(Samples, are_the_same_after_a_stop) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudySpec spec = sampling_study(3);
  const StudyResult whole = run(spec, folder.path() / "a", backend);
  std::atomic<bool> stop = false;
  int answered = 0;
  const auto count = [&](const Event& event) {
    if (event.kind == Event::Kind::eval_progress && ++answered == 5) stop = true;
  };
  error_of(Errc::cancelled, [&] { run(spec, folder.path() / "b", backend, count, &stop); });
  EXPECT_EQ(comparable(run(spec, folder.path() / "b", backend)), comparable(whole));
}

TEST(Samples, are_in_the_plan_and_its_forecast) {
  FakeBackend backend;
  const auto planned = [&](int samples) {
    StudySpec spec = sampling_study(samples);
    spec.validation_items = 0;
    const Materials materials = gather_materials(spec, backend, letter_domains());
    const Plan plan = make_plan(spec, materials);
    return std::pair(plan, make_forecast(spec, materials, plan, prices_of(spec), 1000));
  };
  const auto [bare, one] = planned(0);
  const auto [sampled, five] = planned(4);
  EXPECT_EQ(sampled.evaluations[0].samples, 4);
  EXPECT_NE(sampled.evaluations[0].key, bare.evaluations[0].key);
  EXPECT_EQ(sampled.evaluations[0].protocol_hash, bare.evaluations[0].protocol_hash);
  EXPECT_GT(sampled.total_units, bare.total_units);
  EXPECT_EQ(sampled.legs[0].key, bare.legs[0].key);
  EXPECT_DOUBLE_EQ(five.testing.sample.high, 5.0 * one.testing.sample.high);
  EXPECT_DOUBLE_EQ(five.testing.sample.expected, 5.0 * one.testing.sample.expected);
  EXPECT_GT(five.testing.prefill.expected, one.testing.prefill.expected);
  EXPECT_LT(five.testing.prefill.expected, 2.0 * one.testing.prefill.expected);
}

TEST(Samples, are_graded_again_with_the_rest) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "run";
  FakeBackend backend;
  run(sampling_study(3), path, backend, {}, nullptr, letter_domains());
  const auto passed = [&](Grading grading) {
    int count = 0;
    const StudyResult result = load_result(path, grading);
    for (const ItemResult& item : result.cells[0].evaluations[0].items)
      for (const SampledAnswer& sample : item.samples) count += sample.score == 1.0 ? 1 : 0;
    return count;
  };
  const int before = passed(Grading::latest);
  regrade(path, rewarding_domains());  // content with any small letter
  EXPECT_GT(passed(Grading::latest), before);
  EXPECT_EQ(passed(Grading::first), before);
}

/// The letter domain, of whose test questions some are another domain's training questions.
class LeakyDataset final : public Dataset {
public:
  std::string_view name() const noexcept override { return "leaky"; }

private:
  std::size_t do_size(Split split) const override {
    return split == Split::heldout ? 0 : split == Split::train ? 40 : 12;
  }
  Example do_at(Split split, std::size_t index) const override {
    Example example;
    example.id = "leaky/" + std::string(to_string(split)) + "/" + std::to_string(index);
    const char letter = static_cast<char>('p' + static_cast<char>(index % 3));
    example.question = std::string(to_string(split)) + " of " + std::to_string(index * index);
    if (split == Split::test && index < 3)
      example.question = "Repeat " + std::string(1, static_cast<char>('a' + index)) + ",  no " +
                         std::to_string(index);
    example.answer = example.solution = std::string(1, letter);
    return example;
  }
  std::string do_manifest_hash(Split split) const override {
    return "leaky " + std::string(to_string(split));
  }
};

TEST(OverlapOfStudies, is_looked_for_in_what_it_trains_on) {
  const TemporaryFolder folder;
  FakeBackend backend;
  DomainSet domains = letter_domains();
  domains.at("high").dataset = std::make_shared<LeakyDataset>();
  StudySpec spec = sampling_study(0);
  spec.items = 12;
  const auto path = folder.path() / "run";
  const StudyResult result = run(spec, path, backend, {}, nullptr, domains);
  ASSERT_EQ(result.overlap.size(), 2U);  // two domains trained on, one target
  std::set<std::string> found;
  for (const OverlapCheck& check : result.overlap) {
    EXPECT_EQ(check.test, "high");
    EXPECT_EQ(check.test_items, 12);
    EXPECT_EQ(check.train_items, 40);
    if (check.train == "high") {
      EXPECT_TRUE(check.items.empty());
    }
    for (const OverlappingItem& item : check.items) {
      found.insert(item.item_id + " " + item.train_id);
      EXPECT_EQ(item.kind, "normalised");
    }
  }
  EXPECT_EQ(found, (std::set<std::string>{"leaky/test/0 low/train/0", "leaky/test/1 low/train/1",
                                          "leaky/test/2 low/train/2"}));
  // The first training example of each domain alone.
  spec.examples = 1;
  const StudyResult less = run(spec, folder.path() / "less", backend, {}, nullptr, domains);
  std::size_t items = 0;
  for (const OverlapCheck& check : less.overlap) items += check.items.size();
  EXPECT_EQ(items, 1U);
  // It goes on as it is, and not under the other rule.
  EXPECT_EQ(comparable(run(less.spec, folder.path() / "less", backend, {}, nullptr, domains)),
            comparable(less));
  spec.exclude_overlap = true;
  error_of(Errc::run_mismatch,
           [&] { run(spec, folder.path() / "less", backend, {}, nullptr, domains); });
}

}  // namespace
}  // namespace xfer::study
