// SPDX-License-Identifier: Apache-2.0
#include "similarity/card_profile.hpp"
#include "similarity/linear_probe.hpp"
#include "similarity/model_profile.hpp"
#include "similarity/words.hpp"
#include "tests/similarity/listed.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

namespace xfer::similarity {
namespace {

TextProfile profile_of(const std::vector<std::string>& texts) {
  std::vector<Example> examples;
  for (const std::string& text : texts) {
    examples.emplace_back();
    examples.back().question = text;
  }
  return text_profile(examples);
}

TEST(Words, are_letters_numbers_and_marks) {
  EXPECT_EQ(words_of("Tom's 3 apples, 1,250.75 km²!"),
            (std::vector<std::string>{"tom", "'", "s", "0", "apples", ",", "0", "km²", "!"}));
  EXPECT_EQ(words_of("x=1.\n"), (std::vector<std::string>{"x", "=", "0", "."}));
  EXPECT_TRUE(words_of(" \t\n").empty());
  EXPECT_EQ(words_of("\xff\xfe 2").size(), 2U);
}

TEST(Words, vocabularies_match_the_worked_example) {
  const TextProfile a = profile_of({"a b", "c d"});
  const TextProfile b = profile_of({"c d e"});
  EXPECT_DOUBLE_EQ(vocabulary_jaccard(a, b), 0.4);
  EXPECT_DOUBLE_EQ(vocabulary_coverage(a, b), 2.0 / 3.0);
  EXPECT_DOUBLE_EQ(vocabulary_coverage(b, a), 0.5);
}

TEST(Words, divergence_matches_the_worked_example) {
  // p = (.5, .3, .2, 0), q = (.1, .4, .4, .1).
  const TextProfile p = profile_of({"a a a a a b b b c c"});
  const TextProfile q = profile_of({"a b b b b c c c c d"});
  EXPECT_NEAR(word_divergence(p, q), 0.184674676, 1e-9);
  EXPECT_EQ(word_divergence(p, p), 0.0);
  EXPECT_GT(pair_divergence(p, q), 0.0);
}

TEST(Words, tfidf_gives_less_weight_to_what_every_example_has) {
  const TextProfile a = profile_of({"the cat", "the dog"});
  const TextProfile b = profile_of({"the cat", "the bird"});
  // By hand: idf(the) = 1, idf(cat) = ln(5/3) + 1, idf(dog) = idf(bird) = ln(5/2) + 1.
  const double cat = std::log(5.0 / 3.0) + 1.0;
  const double once = std::log(5.0 / 2.0) + 1.0;
  EXPECT_NEAR(tfidf_cosine(a, b), (4.0 + cat * cat) / (4.0 + cat * cat + once * once), 1e-12);
  EXPECT_NEAR(tfidf_cosine(a, a), 1.0, 1e-12);
}

TEST(Cards, tags_are_shared_by_weight) {
  const auto logic = card_profile("logiqa");
  const auto reclor = card_profile("reclor");
  const auto code = card_profile("humaneval");
  ASSERT_TRUE(logic && reclor && code);
  // deduction and multiple choice of three tags each.
  EXPECT_NEAR(shared_tags(logic->reasoning, reclor->reasoning), 0.5, 1e-12);
  EXPECT_EQ(shared_tags(logic->reasoning, code->reasoning), 0.0);
  EXPECT_GT(shared_tags(logic->structure, reclor->structure),
            shared_tags(logic->structure, code->structure));
  EXPECT_FALSE(card_profile("no such domain"));
  for (const char* name : {"math", "code", "physics", "chemistry", "biology", "logic", "law"}) {
    const auto card = card_profile(name);
    ASSERT_TRUE(card) << name;
    EXPECT_NEAR(shared_tags(card->reasoning, card->reasoning), 1.0, 1e-12);
    double reasoning = 0.0;
    double structure = 0.0;
    for (const auto& [tag, share] : card->reasoning) reasoning += share;
    for (const auto& [tag, share] : card->structure) structure += share;
    EXPECT_NEAR(reasoning, 1.0, 1e-9) << name;
    EXPECT_NEAR(structure, 1.0, 1e-9) << name;
  }
}

TEST(Cards, mixing_tags_in_brings_a_domain_closer) {
  const TagShares a = card_profile("math")->reasoning;
  const TagShares b = card_profile("law")->reasoning;
  double before = -1.0;
  for (int step = 0; step <= 4; ++step) {
    TagShares mixture;
    for (const auto& [tag, share] : a) mixture[tag] += share * (4 - step) / 4.0;
    for (const auto& [tag, share] : b) mixture[tag] += share * step / 4.0;
    const double now = shared_tags(mixture, b);
    EXPECT_GT(now, before);
    before = now;
  }
}

engine::FeatureRows rows_around(double centre, std::size_t rows, std::uint64_t seed) {
  Rng rng(seed);
  engine::FeatureRows features;
  features.rows = rows;
  features.columns = 8;
  for (std::size_t i = 0; i < rows * 8; ++i)
    features.values.push_back(rng.normal() + (i % 8 == 0 ? centre : 0.0));
  return features;
}

std::vector<std::string> numbered(const std::string& name, std::size_t count) {
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < count; ++i) ids.push_back(name + std::to_string(i));
  return ids;
}

TEST(Probe, tells_what_can_be_told) {
  const auto a = rows_around(0.0, 100, 1);
  const auto same = rows_around(0.0, 100, 2);
  const auto far = rows_around(4.0, 100, 3);
  const auto a_ids = numbered("a", 100);
  const auto b_ids = numbered("b", 100);
  EXPECT_NEAR(held_out_error(a, a_ids, same, b_ids), 0.5, 0.12);
  EXPECT_LT(held_out_error(a, a_ids, far, b_ids), 0.06);  // by the best rule 0.023
  EXPECT_EQ(held_out_error(a, a_ids, a, a_ids), 0.5);
  EXPECT_EQ(held_out_error(a, a_ids, far, b_ids), held_out_error(far, b_ids, a, a_ids));
}

TEST(Probe, gives_probabilities) {
  auto features = rows_around(0.0, 60, 4);
  std::vector<std::int64_t> labels;
  for (std::size_t i = 0; i < 60; ++i) {
    labels.push_back(static_cast<std::int64_t>(i % 3));
    features.values[8 * i + 1 + i % 3] += 6.0;
  }
  const LinearProbe probe(features, labels, 3);
  const auto p = probe.probabilities(features);
  for (std::size_t i = 0; i < 60; ++i) {
    double sum = 0.0;
    for (std::size_t c = 0; c < 3; ++c) sum += p.values[3 * i + c];
    EXPECT_NEAR(sum, 1.0, 1e-12);
    EXPECT_GT(p.values[3 * i + static_cast<std::size_t>(labels[i])], 0.5);
  }
  EXPECT_THROW(LinearProbe(features, {0, 1}, 2), Error);
}

TEST(Gradients, cosine_is_that_of_the_sources_metric) {
  ModelProfile a;
  ModelProfile b;
  a.gradients.mean = {3.0, 4.0};
  a.gradients.mean_square = {9.0, 16.0};
  b.gradients.mean = {3.0, -4.0};
  b.gradients.mean_square = {25.0, 16.0};
  // Weights 1 / (3 + 0.35) and 1 / (4 + 0.35), 0.35 being a tenth of the mean root.
  const double x = 9.0 / 3.35;
  const double y = 16.0 / 4.35;
  EXPECT_NEAR(gradient_cosine(a, b), (x - y) / (x + y), 1e-12);
  EXPECT_NEAR(gradient_cosine(a, a), 1.0, 1e-12);
  EXPECT_NE(gradient_cosine(a, b), gradient_cosine(b, a));
  a.gradients.mean = a.gradients.mean_square = {0.0, 0.0};
  EXPECT_EQ(gradient_cosine(a, b), 0.0);
}

TEST(Task2Vec, identical_tasks_are_at_0) {
  ModelProfile a;
  ModelProfile b;
  a.rank = b.rank = 1;
  a.gradients.mean_square = {1.0, 3.0, 0.0};
  b.gradients.mean_square = {3.0, 1.0, 0.0};
  // (1/4, 3/4) against (3/4, 1/4).
  EXPECT_NEAR(task2vec_distance(a, b), 1.0 - 6.0 / 10.0, 1e-12);
  EXPECT_NEAR(task2vec_distance(a, a), 0.0, 1e-12);
}

TEST(Task2Vec, the_asymmetric_variant_brings_demanding_sources_closer) {
  ModelProfile even;
  ModelProfile uneven;
  even.rank = uneven.rank = 1;
  even.gradients.mean_square = {2.0, 2.0};
  uneven.gradients.mean_square = {6.0, 2.0};  // mean 4: (6/10, 2/6) against (4/10, 4/6)
  const double to_trivial =
      1.0 - (0.6 * 0.4 + 2.0 / 9.0) / std::sqrt((0.36 + 1.0 / 9.0) * (0.16 + 4.0 / 9.0));
  EXPECT_NEAR(task2vec_asymmetric(even, uneven), task2vec_distance(even, uneven), 1e-12);
  EXPECT_NEAR(task2vec_asymmetric(uneven, even),
              task2vec_distance(even, uneven) - 0.15 * to_trivial, 1e-12);
}

TEST(Table, has_every_pair_and_says_why_there_is_no_number) {
  SimilarityOptions options;
  options.measures = {"reasoning_types", "jensen_shannon", "task_vector_cosine"};
  std::vector<Progress> seen;
  options.on_progress = [&](const Progress& p) { seen.push_back(p); };
  std::vector<domains::Domain> domains = {domains::procedural_domain("math"),
                                          listed("own", examples_of("law", 0, 20))};
  EXPECT_FALSE(needs_model(options));
  const auto table = run_blocking(measure_similarity(domains, nullptr, "auto", options));
  EXPECT_EQ(table.rows.size(), 12U);
  EXPECT_EQ(table.primary, "jensen_shannon");  // no gradients asked for
  EXPECT_EQ(table.find("math", "own", "reasoning_types")->value.reason(),
            "no domain card describes own");
  EXPECT_NE(table.find("math", "own", "task_vector_cosine")->value.reason().find("finished run"),
            std::string::npos);
  EXPECT_TRUE(table.find("own", "math", "jensen_shannon")->value.defined());
  EXPECT_EQ(predicted_sources(table, "own"), std::vector<std::string>{"math"});
  EXPECT_TRUE(predicted_sources(table, "own", "reasoning_types").empty());
  EXPECT_THROW(predicted_sources(table, "own", "leep"), Error);
  EXPECT_THROW(predicted_sources(table, "none"), Error);
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().done, seen.back().total);
}

TEST(Table, refuses_what_cannot_be_measured) {
  const auto math = domains::procedural_domain("math");
  const auto law = domains::procedural_domain("law");
  const auto measure = [](std::vector<domains::Domain> domains, SimilarityOptions options,
                          bool with_model = true) {
    return run_blocking(measure_similarity(std::move(domains), with_model ? small_model() : nullptr,
                                           "auto", std::move(options)));
  };
  EXPECT_THROW(measure({math}, {}), Error);
  EXPECT_THROW(measure({math, math}, {}), Error);
  EXPECT_THROW(measure({math, law}, {}, false), Error);
  SimilarityOptions options;
  options.measures = {"cosine"};
  EXPECT_THROW(measure({math, law}, options), Error);
  options.measures = {"jensen_shannon"};
  options.text_examples = 0;
  EXPECT_THROW(measure({math, law}, options), Error);
  options.text_examples = 10;
  options.adapters["code"] = "nowhere";
  EXPECT_THROW(measure({math, law}, options), Error);
  options.adapters.clear();
  const std::atomic<bool> stop = true;
  options.stop = &stop;
  EXPECT_THROW(measure({math, law}, options), Error);
}

}  // namespace
}  // namespace xfer::similarity
