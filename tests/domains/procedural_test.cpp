// SPDX-License-Identifier: Apache-2.0
#include "domains/problem.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/hash.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace xfer::domains {
namespace {

class EveryDomain : public ::testing::TestWithParam<std::string> {
protected:
  const Recipe& recipe() const { return domains::recipe(GetParam()); }
};

INSTANTIATE_TEST_SUITE_P(Procedural, EveryDomain, ::testing::ValuesIn(procedural_domain_names()),
                         [](const auto& each) { return each.param; });

TEST(Procedural, there_are_seven_domains) {
  EXPECT_EQ(procedural_domain_names(),
            (std::vector<std::string>{"math", "code", "physics", "chemistry", "biology", "logic",
                                      "law"}));
}

TEST(Procedural, an_unknown_domain_is_refused_with_the_known_ones) {
  try {
    procedural_domain("maths");
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Errc::invalid_argument);
    EXPECT_NE(std::string(e.what()).find("maths"), std::string::npos);
    EXPECT_NE(std::string(e.what()).find("biology"), std::string::npos);
  }
}

TEST_P(EveryDomain, has_prompts_grader_and_splits) {
  const Domain d = procedural_domain(GetParam());
  EXPECT_EQ(d.name, GetParam());
  ASSERT_GE(d.prompts.size(), 5U);
  EXPECT_EQ(d.prompts[0].apply("x?"), "Q: x?\nA:");
  ASSERT_TRUE(d.grader);
  for (const Split split : all_splits) EXPECT_GE(d.dataset->size(split), 1'000'000U);
  EXPECT_GE(recipe().kinds.size(), 6U);
}

TEST_P(EveryDomain, the_same_index_gives_the_same_example) {
  const Domain a = procedural_domain(GetParam(), 3), b = procedural_domain(GetParam(), 3),
               c = procedural_domain(GetParam(), 4);
  int differ = 0;
  for (const Split split : all_splits) {
    EXPECT_EQ(a.dataset->manifest_hash(split), b.dataset->manifest_hash(split));
    EXPECT_NE(a.dataset->manifest_hash(split), c.dataset->manifest_hash(split));
    for (const std::size_t i : {977U, 5U, 0U}) {
      const Example x = a.dataset->at(split, i), y = b.dataset->at(split, i);
      EXPECT_EQ(x.id, y.id);
      EXPECT_EQ(x.question, y.question);
      EXPECT_EQ(x.solution, y.solution);
      EXPECT_EQ(x.extra, y.extra);
      EXPECT_FALSE(x.kind.empty());
      differ += x.question != c.dataset->at(split, i).question ? 1 : 0;
    }
  }
  EXPECT_GE(differ, 10);
}

// A change of any example must raise `generator_version`: stored results hang on it.
TEST(Procedural, the_first_items_are_the_recorded_ones) {
  Sha256 all;
  for (const std::string& name : procedural_domain_names()) {
    const Domain d = procedural_domain(name, 0);
    for (const Split split : all_splits)
      for (std::size_t i = 0; i < 25; ++i) {
        const Example e = d.dataset->at(split, i);
        all.update(e.id + "\n" + e.question + "\n" + e.solution + "\n" + e.answer + "\n");
        for (const auto& [key, value] : e.extra) all.update(key + value);
      }
  }
  EXPECT_EQ(all.hex(), "81236e428f17da4ec4c5222c28e7442d9053f6d5135cfd0d15f82bbd457672fc");
}

TEST_P(EveryDomain, no_key_and_no_question_is_in_two_splits) {
  std::unordered_map<std::string, Split> keys, questions;
  int items = 0;
  for (const Split split : all_splits) {
    const Level level = split == Split::heldout ? Level::harder : Level::full;
    for (std::uint64_t i = 0; i < 3000; ++i) {
      const Item item =
          draw_item(recipe(), Rng(9, "overlap").fork(to_string(split)).fork(i), level, split);
      EXPECT_EQ(keys.emplace(item.key, split).first->second, split) << item.key;
      EXPECT_EQ(questions.emplace(item.problem.question, split).first->second, split)
          << item.problem.question;
      ++items;
    }
  }
  EXPECT_EQ(items, 12000);
}

TEST_P(EveryDomain, basic_problems_of_the_stream_are_all_on_the_train_side) {
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const Item item = draw_item(recipe(), Rng(1, "basic").fork(i), Level::basic, Split::train);
    EXPECT_EQ(split_of_key(item.key), Split::train);
  }
}

TEST(Procedural, keys_split_seventy_ten_twenty) {
  std::map<Split, int> counts;
  for (int i = 0; i < 20000; ++i) ++counts[split_of_key("math|boxes|11," + std::to_string(i))];
  EXPECT_NEAR(counts[Split::train], 14000, 250);
  EXPECT_NEAR(counts[Split::validation], 2000, 150);
  EXPECT_NEAR(counts[Split::test], 4000, 200);
  EXPECT_EQ(counts[Split::heldout], 0);
}

// A kind's share of a test set of 400 must be a small part of what its test side holds.
TEST_P(EveryDomain, kinds_hold_many_more_problems_than_a_test_set_asks_for) {
  std::map<std::string, std::pair<int, std::unordered_set<std::string>>> kinds;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    const Item item = draw_item(recipe(), Rng(4, "size").fork(i), Level::full, Split::test);
    auto& [drawn, distinct] = kinds[std::string(item.kind->name)];
    ++drawn;
    distinct.insert(item.key);
  }
  for (const auto& [kind, entry] : kinds) {
    const auto& [drawn, distinct] = entry;
    EXPECT_GE(distinct.size(), 200U) << kind << ": " << drawn << " drawn";
  }
}

TEST_P(EveryDomain, a_test_set_repeats_hardly_any_problem) {
  std::unordered_set<std::string> distinct;
  for (std::uint64_t i = 0; i < 400; ++i)
    distinct.insert(draw_item(recipe(), Rng(5, "repeat").fork(i), Level::full, Split::test).key);
  EXPECT_GE(distinct.size(), 380U);
}

TEST(Procedural, holes_are_the_numbers_that_leave_four_by_eleven) {
  std::string holes;
  for (int n = 0; n < 100; ++n)
    if (is_hole(n)) holes += std::to_string(n) + " ";
  EXPECT_EQ(holes, "15 26 37 48 59 70 81 92 ");
}

}  // namespace
}  // namespace xfer::domains
