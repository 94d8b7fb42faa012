// SPDX-License-Identifier: Apache-2.0
// What every similarity must obey whatever it measures: a domain is closest to itself, two halves
// of a domain are closer than two domains, order does not matter, and mixing one domain into
// another brings it closer.
#include "tests/similarity/listed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace xfer::similarity {
namespace {

constexpr std::size_t examples = 64;

/// A half of each of three domains, and the other half of the first.
const stats::SimilarityTable& halves() {
  static const stats::SimilarityTable table = [] {
    SimilarityOptions options;
    options.measures = names_of_basis({"text", "model"});
    return measured({listed("law", examples_of("law", 0, examples)),
                     listed("law again", examples_of("law", examples, examples)),
                     listed("math", examples_of("math", 0, examples)),
                     listed("code", examples_of("code", 0, examples))},
                    options);
  }();
  return table;
}

const std::vector<std::string>& all_measures() {
  static const std::vector<std::string> names = names_of_basis({"text", "model"});
  return names;
}

SimilarityOptions with_all_measures() {
  SimilarityOptions options;
  options.measures = all_measures();
  return options;
}

// One test for all measures: what they are computed from is made once.
void for_each_measure(const std::function<void(const std::string&)>& law) {
  for (const std::string& measure : all_measures()) {
    SCOPED_TRACE(measure);
    law(measure);
  }
}

TEST(Law, a_domain_is_closest_to_itself) {
  const stats::SimilarityTable& table = halves();
  for_each_measure([&](const std::string& measure) {
    const bool directed_towards_target = measure == "leep" || measure == "logme";
    for (const std::string& one : table.domains)
      for (const std::string& other : table.domains) {
        const double self = closeness(table, one, one, measure);
        EXPECT_GE(self, closeness(table, other, one, measure) - 1e-9) << other << " to " << one;
        // These two compare the sources of one target: their scale is the target's.
        if (!directed_towards_target) {
          EXPECT_GE(self, closeness(table, one, other, measure) - 1e-9) << one << " to " << other;
        }
      }
  });
}

TEST(Law, two_halves_of_a_domain_are_closer_than_two_domains) {
  const stats::SimilarityTable& table = halves();
  for_each_measure([&](const std::string& measure) {
    const double half = closeness(table, "law again", "law", measure);
    for (const char* other : {"math", "code"})
      EXPECT_GT(half, closeness(table, other, "law", measure)) << other;
    EXPECT_EQ(predicted_sources(table, "law", measure).front(), "law again");
  });
}

TEST(Law, the_order_of_examples_does_not_matter) {
  std::vector<Example> one = examples_of("law", 0, 24);
  std::vector<Example> two = examples_of("math", 0, 24);
  const auto before = measured({listed("a", one), listed("b", two)}, with_all_measures());
  std::reverse(one.begin(), one.end());
  std::rotate(two.begin(), two.begin() + 7, two.end());
  const auto after = measured({listed("a", one), listed("b", two)}, with_all_measures());
  ASSERT_EQ(before.rows.size(), after.rows.size());
  for (std::size_t i = 0; i < before.rows.size(); ++i)
    EXPECT_NEAR(*before.rows[i].value.number(), *after.rows[i].value.number(), 1e-6)
        << before.rows[i].measure << ": " << before.rows[i].source << " to "
        << before.rows[i].target;
}

TEST(Law, mixing_a_domain_in_brings_it_closer) {
  const std::vector<Example> target = examples_of("law", 0, 48);
  const std::vector<Example> other = examples_of("math", 0, 48);
  std::vector<domains::Domain> all = {listed("target", target)};
  const std::vector<std::string> names = {"0", "1/3", "2/3", "1"};
  for (std::size_t i = 0; i < names.size(); ++i)
    all.push_back(mixed(names[i], other, target, static_cast<double>(i) / 3.0));
  const auto table = measured(std::move(all), with_all_measures());
  for_each_measure([&](const std::string& measure) {
    for (std::size_t i = 1; i < names.size(); ++i)
      EXPECT_GE(closeness(table, names[i], "target", measure),
                closeness(table, names[i - 1], "target", measure))
          << names[i];
  });
}

}  // namespace
}  // namespace xfer::similarity
