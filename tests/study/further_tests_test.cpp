// SPDX-License-Identifier: Apache-2.0
// Held-out items, other wordings and other domains: from the study file to the result.
#include "tests/study/study_testing.hpp"

#include "study/plan/protocol.hpp"
#include "xfer/study/forecast.hpp"
#include "xfer/study/plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

DomainSet three_domains() {
  DomainSet domains = letter_domains();
  domains.emplace("middle", letter_domain("middle", 'h'));
  return domains;
}

Plan plan_of_further(const StudySpec& spec, const DomainSet& domains) {
  FakeBackend backend;
  return make_plan(spec, gather_materials(spec, backend, open_domains(spec, domains)));
}

std::vector<const PlannedTest*> tests_of(const PlannedCondition& condition, FurtherTest kind) {
  std::vector<const PlannedTest*> all;
  for (const PlannedTest& test : condition.further)
    if (test.kind == kind) all.push_back(&test);
  return all;
}

TEST(FurtherTests, are_none_by_default) {
  for (const PlannedCondition& c : plan_of_further(letter_study(), letter_domains()).conditions)
    EXPECT_TRUE(c.further.empty());
}

TEST(FurtherTests, are_planned_for_the_conditions_that_the_metrics_compare) {
  StudySpec spec = letter_study_tested_further();
  spec.pairs = {{"low", "high"}, {"high", "middle"}};
  const Plan plan = plan_of_further(spec, three_domains());
  for (const PlannedCondition& c : plan.conditions) {
    const bool compared = c.condition == Condition::baseline || c.condition == Condition::transfer;
    const bool on_source =
        compared || c.condition == Condition::direct || c.condition == Condition::sequential;
    const auto held_out = tests_of(c, FurtherTest::held_out);
    ASSERT_EQ(held_out.size(), compared ? 1U : 0U) << to_string(c.condition);
    EXPECT_EQ(tests_of(c, FurtherTest::wording).size(), compared ? 2U : 0U);
    // The source, and for what is compared the one domain that is neither source nor target.
    ASSERT_EQ(tests_of(c, FurtherTest::other_domain).size(), compared    ? 2U
                                                             : on_source ? 1U
                                                                         : 0U)
        << to_string(c.condition);
    for (const PlannedTest& test : c.further) {
      const PlannedEvaluation& e = plan.evaluations[test.evaluation];
      EXPECT_EQ(e.leg, plan.evaluations[c.evaluation].leg) << "other weights are tested";
      EXPECT_EQ(e.step, plan.evaluations[c.evaluation].step);
      EXPECT_EQ(e.split, test.kind == FurtherTest::held_out ? Split::heldout : Split::test);
      EXPECT_EQ(e.items, test.kind == FurtherTest::held_out  ? 6
                         : test.kind == FurtherTest::wording ? 9
                                                             : 7);
      EXPECT_EQ(e.domain,
                test.kind == FurtherTest::other_domain ? test.name : spec.pairs[c.pair].second);
      EXPECT_EQ(e.wording > 0, test.kind == FurtherTest::wording);
    }
  }
}

TEST(FurtherTests, what_a_pair_tests_already_is_not_tested_again) {
  StudySpec spec = letter_study_tested_further();
  spec.pairs = {{"low", "high"}, {"low", "middle"}};
  for (const PlannedCondition& c : plan_of_further(spec, three_domains()).conditions)
    for (const PlannedTest* test : tests_of(c, FurtherTest::other_domain))
      EXPECT_EQ(test->name, "low");
}

TEST(FurtherTests, shared_ones_are_planned_once) {
  StudySpec spec = letter_study_tested_further();
  spec.methods = {Method::sl, Method::rl};
  spec.forgetting_items = spec.items;
  spec.pairs = {{"low", "high"}, {"high", "low"}};
  const Plan plan = plan_of_further(spec, letter_domains());
  std::set<std::string> keys;
  std::set<std::string> states;
  for (const PlannedEvaluation& e : plan.evaluations) {
    EXPECT_TRUE(keys.insert(e.key).second);
    if (!e.leg)
      states.insert(e.domain + std::string(to_string(e.split)) + std::to_string(e.wording));
  }
  // The base model under both methods: test, held-out, two wordings, validation of two domains.
  std::size_t of_base = 0;
  for (const PlannedEvaluation& e : plan.evaluations) of_base += e.leg ? 0U : 1U;
  EXPECT_EQ(of_base, 10U);
  EXPECT_EQ(states.size(), 10U);
  // Direct on the source is the transfer of the pair back: one evaluation for both.
  const auto find = [&](std::size_t pair, Condition condition) {
    return *std::find_if(plan.conditions.begin(), plan.conditions.end(), [&](const auto& c) {
      return c.pair == pair && c.condition == condition && c.method == Method::sl && c.seed == 1;
    });
  };
  EXPECT_EQ(tests_of(find(0, Condition::direct), FurtherTest::other_domain).at(0)->evaluation,
            find(1, Condition::transfer).evaluation);
}

TEST(FurtherTests, wordings_are_asked_and_change_the_protocol) {
  const StudySpec spec = letter_study_tested_further();
  FakeBackend backend;
  const Materials materials = gather_materials(spec, backend, open_domains(spec, letter_domains()));
  const Example example = materials.domains.at("high").dataset->at(Split::test, 0);
  const Protocol standard(spec, materials, "high");
  const Protocol other(spec, materials, "high", 1);
  EXPECT_NE(standard.prompt(example), other.prompt(example));
  EXPECT_NE(standard.hash(), other.hash());
  EXPECT_EQ(standard.reference(example).bytes, other.reference(example).bytes);
  EXPECT_EQ(materials.tokenizer.decode(other.prompt(example)), "say " + example.question + ":");
}

TEST(FurtherTests, the_result_holds_them_and_their_tokens_are_those_of_the_forecast) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudySpec spec = letter_study_tested_further();
  const StudyResult result = run(spec, folder.path(), backend);
  ASSERT_EQ(result.cells.size(), 1U);
  const CellResult& cell = result.cells.front();
  ASSERT_EQ(cell.held_out.size(), 3U);  // baseline, two seeds of transfer
  ASSERT_EQ(cell.variants.size(), 2U);
  ASSERT_EQ(cell.variants[0].evaluations.size(), 3U);
  EXPECT_EQ(cell.variants[0].name, "2: say … :");
  ASSERT_EQ(cell.other_domains.size(), 1U);
  EXPECT_EQ(cell.other_domains[0].domain, "low");
  ASSERT_EQ(cell.other_domains[0].evaluations.size(), 7U);  // and direct, sequential
  for (const EvaluationResult& e : cell.held_out) {
    EXPECT_EQ(e.items.size(), 6U);
    for (const ItemResult& item : e.items)
      EXPECT_EQ(item.item_id.find("high/heldout/"), 0U) << item.item_id;
  }
  for (const EvaluationResult& e : cell.other_domains[0].evaluations)
    for (const ItemResult& item : e.items) EXPECT_EQ(item.item_id.find("low/test/"), 0U);
  for (const PromptVariantResult& variant : cell.variants)
    for (const EvaluationResult& e : variant.evaluations) {
      EXPECT_NE(e.protocol_hash, cell.evaluations.front().protocol_hash);
      ASSERT_EQ(e.items.size(), 9U);
      EXPECT_EQ(e.legs.empty(), e.condition == Condition::baseline);
    }

  const Materials materials = gather_materials(spec, backend, open_domains(spec, letter_domains()));
  const Plan plan = make_plan(spec, materials);
  const Forecast forecast = make_forecast(spec, materials, plan, PriceList::built_in(), 1'000'000);
  const auto planned_reads = [&](FurtherTest kind) {
    double tokens = 0.0;
    for (const PlannedCondition& c : plan.conditions)
      for (const PlannedTest* test : tests_of(c, kind))
        tokens += forecast.evaluations[test->evaluation].prefill.expected;
    return tokens;
  };
  const auto reads = [](const std::vector<EvaluationResult>& evaluations) {
    double tokens = 0.0;
    for (const EvaluationResult& e : evaluations)
      for (const ItemResult& item : e.items)
        tokens += static_cast<double>(item.prompt_tokens + item.scored_tokens);
    return tokens;
  };
  EXPECT_EQ(reads(cell.held_out), planned_reads(FurtherTest::held_out));
  EXPECT_EQ(reads(cell.variants[0].evaluations) + reads(cell.variants[1].evaluations),
            planned_reads(FurtherTest::wording));
  EXPECT_EQ(reads(cell.other_domains[0].evaluations), planned_reads(FurtherTest::other_domain));
}

TEST(FurtherTests, domains_that_lack_what_is_asked_for_are_refused) {
  StudySpec spec = letter_study();
  spec.prompt_variants = 3;
  const std::string text =
      error_of(Errc::invalid_argument, [&] { open_domains(spec, letter_domains()); });
  EXPECT_NE(text.find("eval.prompt_variants"), std::string::npos) << text;
  EXPECT_NE(text.find("has 2"), std::string::npos) << text;
}

}  // namespace
}  // namespace xfer::study
