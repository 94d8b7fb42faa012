// SPDX-License-Identifier: Apache-2.0
#include "xfer/domains/pretraining.hpp"
#include "domains/problem.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/hash.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>
#include <unordered_set>

namespace xfer::domains {
namespace {

bool is_direct(const PretrainingDocument& d) { return d.answer.starts_with('#'); }

TEST(PretrainingStream, is_a_pure_function_of_seed_and_index) {
  Sha256 all;
  for (const auto phase : {PretrainingPhase::base, PretrainingPhase::anneal})
    for (std::uint64_t i = 0; i < 300; ++i) {
      const auto d = pretraining_document(0, i, phase);
      EXPECT_EQ(d.prompt, pretraining_document(0, i, phase).prompt);
      all.update(d.prompt + "|" + d.answer + "|" + d.domain + "|" + d.kind + "\n");
    }
  EXPECT_EQ(all.hex(), "4cb189fba0320b8525f228ffe27d404eeef7392a9e1d607d769ced7e77aace99");
  EXPECT_NE(pretraining_document(0, 0).prompt, pretraining_document(1, 0).prompt);
}

TEST(PretrainingStream, base_has_the_basic_kinds_of_all_domains_in_all_prompts) {
  std::map<std::string, std::set<std::string>> kinds;
  std::set<std::string> ends;
  std::map<std::string, int> documents;
  std::map<std::string, std::pair<int, int>> direct;
  for (std::uint64_t i = 0; i < 20000; ++i) {
    const auto d = pretraining_document(7, i);
    kinds[d.domain].insert(d.kind);
    ++documents[d.domain];
    auto& [of_kind, without_steps] = direct[d.domain + "|" + d.kind];
    ++of_kind;
    without_steps += is_direct(d) ? 1 : 0;
    ends.insert(d.prompt.substr(d.prompt.rfind('\n')));
    EXPECT_EQ(d.answer.find('\n'), std::string::npos);
    EXPECT_EQ(d.prompt.back(), ':');
  }
  EXPECT_EQ(ends, (std::set<std::string>{"\nA:", "\nAnswer:", "\nSolution:", "\nReply:"}));
  for (const std::string& name : procedural_domain_names()) {
    std::set<std::string> basic;
    for (const Kind& kind : recipe(name).kinds)
      if (kind.since == Since::pretraining) {
        basic.emplace(kind.name);
        const auto& [of_kind, without_steps] = direct[name + "|" + std::string(kind.name)];
        EXPECT_NEAR(static_cast<double>(without_steps) / of_kind, kind.direct_share, 0.08)
            << name << " " << kind.name;
      }
    EXPECT_EQ(kinds[name], basic);
    EXPECT_NEAR(documents[name], 20000 * 0.80 / 7, 200) << name;
  }
  EXPECT_NEAR(documents["drill"], 4000, 200);
}

TEST(PretrainingStream, anneal_has_a_fifth_of_the_full_task) {
  int unseen = 0, all = 0;
  for (std::uint64_t i = 0; i < 10000; ++i) {
    const auto d = pretraining_document(7, i, PretrainingPhase::anneal);
    if (d.domain == "drill") continue;
    ++all;
    for (const Kind& kind : recipe(d.domain).kinds)
      if (kind.name == d.kind) {
        EXPECT_NE(kind.since, Since::heldout);
        unseen += kind.since == Since::full ? 1 : 0;
      }
  }
  // Somewhat more than half of the full task are kinds that the base phase never shows.
  EXPECT_NEAR(static_cast<double>(unseen) / all, 0.2 * 0.58, 0.03);
}

TEST(PretrainingStream, holds_no_question_of_a_test_set) {
  std::unordered_set<std::string> asked;
  for (const std::string& name : procedural_domain_names()) {
    const Domain d = procedural_domain(name, 0);
    for (const Split split : {Split::validation, Split::test, Split::heldout})
      for (std::size_t i = 0; i < 1000; ++i)
        asked.insert(d.prompts[0].apply(d.dataset->at(split, i).question));
  }
  int compared = 0;
  for (const auto phase : {PretrainingPhase::base, PretrainingPhase::anneal})
    for (std::uint64_t i = 0; i < 30000; ++i) {
      const auto d = pretraining_document(0, i, phase);
      if (!d.prompt.starts_with("Q: ")) continue;
      ++compared;
      EXPECT_FALSE(asked.contains(d.prompt)) << d.prompt;
    }
  EXPECT_GT(compared, 10000);
}

}  // namespace
}  // namespace xfer::domains
