// SPDX-License-Identifier: Apache-2.0
// Planted duplicates are found, and nothing is found where nothing was planted.
#include "xfer/domains/overlap.hpp"

#include "domains/overlap/gram_index.hpp"
#include "domains/overlap/words.hpp"
#include "xfer/hash.hpp"
#include "xfer/rng.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>
#include <vector>

namespace xfer::domains {
namespace {

/// Texts in memory, the same in every split.
class Texts final : public Dataset {
public:
  explicit Texts(std::vector<std::string> texts, std::string name)
      : texts_(std::move(texts)), name_(std::move(name)) {}
  std::string_view name() const noexcept override { return name_; }

private:
  std::size_t do_size(Split) const override { return texts_.size(); }
  Example do_at(Split, std::size_t index) const override {
    Example e;
    e.id = name_ + std::to_string(index);
    e.question = texts_[index];
    return e;
  }
  std::string do_manifest_hash(Split) const override { return name_; }
  std::vector<std::string> texts_;
  std::string name_;
};

std::string made_up_word(Rng& rng) {
  std::string word;
  const auto syllables = rng.between(1, 3);
  for (std::int64_t i = 0; i < syllables; ++i) {
    word += "bcdfghklmnprst"[rng.below(14)];
    word += "aeiou"[rng.below(5)];
  }
  return word;
}

/// Words as language has them: few that are everywhere, many that are rare (Zipf).
std::vector<std::string> vocabulary() {
  Rng rng(1, "vocabulary");
  std::vector<std::string> words = {"the", "of", "and", "to", "in", "a", "is", "that", "for", "it"};
  while (words.size() < 4000) words.push_back(made_up_word(rng));
  return words;
}

std::string sentence(Rng& rng, const std::vector<std::string>& words, std::int64_t count) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) {
    const double u = rng.uniform();
    const auto rank = static_cast<std::size_t>(std::pow(static_cast<double>(words.size()), u)) - 1;
    text += (i == 0 ? "" : rng.below(12) == 0 ? ", " : " ") + words[rank];
  }
  return text + "?";
}

std::vector<std::string> sentences(std::uint64_t seed, std::size_t count) {
  const std::vector<std::string> words = vocabulary();
  Rng rng(seed, "sentences");
  std::vector<std::string> all;
  for (std::size_t i = 0; i < count; ++i) all.push_back(sentence(rng, words, rng.between(18, 60)));
  return all;
}

std::vector<std::string> split_words(const std::string& text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text + " ") {
    if (c != ' ') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  return words;
}

/// A fifth of the words replaced, in random places.
std::string edited(const std::string& text, Rng& rng, const std::vector<std::string>& words) {
  std::vector<std::string> parts = split_words(text);
  std::vector<std::size_t> order(parts.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  rng.shuffle(std::span<std::size_t>(order));
  for (std::size_t i = 0; i < parts.size() / 5; ++i)
    parts[order[i]] = words[10 + rng.below(words.size() - 10)];
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : " ") + part;
  return out;
}

std::string respaced(const std::string& text) {
  std::string out = "  ";
  for (const char c : text) {
    out += c == ' ' ? std::string(" \n\t") : std::string(1, c);
  }
  return out + " ";
}

OverlapCell cell(std::vector<std::string> train, std::vector<std::string> test) {
  const OverlapSet from{"train", std::make_shared<Texts>(std::move(train), "a"), Split::train};
  const OverlapSet to{"test", std::make_shared<Texts>(std::move(test), "b"), Split::test};
  return find_overlap({from}, {to}).at(0);
}

TEST(FindOverlap, planted_duplicates) {
  const std::vector<std::string> test = sentences(1, 300);
  const std::vector<std::string> words = vocabulary();
  std::vector<std::string> exact = sentences(2, 700);
  std::vector<std::string> spaced = exact;
  std::vector<std::string> changed = exact;
  Rng rng(3, "edits");
  for (const std::string& text : test) {
    exact.push_back(text);
    spaced.push_back(respaced(text));
    changed.push_back(edited(text, rng, words));
  }
  const auto number = [](const OverlapCell& c, Overlap kind) {
    return c.flagged[static_cast<std::size_t>(kind)];
  };
  EXPECT_EQ(number(cell(exact, test), Overlap::exact), 300U);
  EXPECT_EQ(number(cell(spaced, test), Overlap::normalised), 300U);
  const OverlapCell found = cell(changed, test);
  EXPECT_GE(found.flagged_ids.size(), 285U) << "at least 95 %";
  for (const OverlapPair& pair : found.pairs)
    EXPECT_EQ(std::stoi(pair.train_id.substr(1)) - 700, std::stoi(pair.test_id.substr(1)));
}

TEST(FindOverlap, unrelated_text_shares_nothing) {
  const OverlapCell found = cell(sentences(4, 1000), sentences(5, 1000));
  EXPECT_TRUE(found.flagged_ids.empty());
  EXPECT_TRUE(found.pairs.empty());
}

TEST(FindOverlap, the_wording_around_every_item_is_not_shared_text) {
  std::vector<std::string> a = sentences(6, 200);
  std::vector<std::string> b = sentences(7, 200);
  for (auto* texts : {&a, &b})
    for (std::string& text : *texts)
      text =
          "Read the passage below with care and then choose the one option of the four that "
          "follows from it. " +
          text;
  EXPECT_TRUE(cell(a, b).flagged_ids.empty());
}

TEST(FindOverlap, a_passage_inside_a_longer_text_is_a_run_of_words) {
  std::vector<std::string> test = sentences(8, 50);
  std::vector<std::string> train = sentences(9, 50);
  train[7] = train[7] + " " + test[3] + " " + sentences(10, 1)[0] + sentences(11, 1)[0];
  const OverlapCell found = cell(train, test);
  ASSERT_EQ(found.flagged_ids, std::vector<std::string>{"b3"});
  ASSERT_EQ(found.pairs.size(), 1U);
  EXPECT_EQ(found.pairs[0].kind, Overlap::gram);
  EXPECT_EQ(found.pairs[0].train_id, "a7");
  EXPECT_GE(found.pairs[0].strength, 6.0);
}

TEST(FindOverlap, every_train_split_against_every_test_split) {
  const auto set = [](const std::string& name, std::uint64_t seed, Split split) {
    return OverlapSet{name, std::make_shared<Texts>(sentences(seed, 30), name), split};
  };
  const auto cells = find_overlap({set("x", 1, Split::train), set("y", 2, Split::train)},
                                  {set("x", 2, Split::test), set("y", 3, Split::test)});
  ASSERT_EQ(cells.size(), 4U);
  EXPECT_EQ(cells[2].train, "y");
  EXPECT_EQ(cells[2].test, "x");
  EXPECT_EQ(cells[2].flagged[0], 30U);
  EXPECT_TRUE(cells[0].flagged_ids.empty() && cells[1].flagged_ids.empty() &&
              cells[3].flagged_ids.empty());
  OverlapOptions wrong;
  wrong.gram_words = 1;
  EXPECT_THROW(find_overlap({}, {}, wrong), Error);
  wrong = {};
  wrong.similarity = 0.0;
  EXPECT_THROW(find_overlap({}, {}, wrong), Error);
}

TEST(WithoutItems, leaves_them_out_and_says_so) {
  Domain domain;
  domain.name = "d";
  domain.dataset = std::make_shared<Texts>(sentences(1, 20), "a");
  const Domain left = without_items(domain, Split::test, {"a3", "a5", "other"});
  EXPECT_EQ(left.dataset->size(Split::test), 18U);
  EXPECT_EQ(left.dataset->size(Split::train), 20U);
  EXPECT_EQ(left.dataset->at(Split::test, 3).id, "a4");
  EXPECT_NE(left.dataset->manifest_hash(Split::test), domain.dataset->manifest_hash(Split::test));
  EXPECT_EQ(left.dataset->manifest_hash(Split::train), domain.dataset->manifest_hash(Split::train));
  EXPECT_NE(left.title.find("2 test items left out"), std::string::npos);
}

/// The plain way to do the same.
std::vector<std::uint64_t> words_one_by_one(const std::string& text) {
  std::vector<std::uint64_t> all;
  std::size_t start = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && is_word_byte(static_cast<unsigned char>(text[i]))) continue;
    // Nothing behind the word may be looked at, nor change its hash.
    if (i > start) all.push_back(word_hash(text.data() + start, i - start, text.data() + i));
    start = i + 1;
  }
  return all;
}

TEST(Words, are_cut_the_same_way_at_every_length_and_place) {
  Rng rng(1, "words");
  for (int round = 0; round < 3000; ++round) {
    std::string text(rng.below(200), ' ');
    for (char& c : text) {
      const auto kind = rng.below(6);
      c = kind == 0   ? ' '
          : kind == 1 ? static_cast<char>(rng.below(256))
                      : "abcXYZ019@[`{"[rng.below(13)];
    }
    if (rng.below(4) == 0) text.insert(text.size() / 2, 130, 'q');
    std::vector<std::uint64_t> found;
    for_each_word(text, [&](std::uint64_t word) { found.push_back(word); });
    ASSERT_EQ(found, words_one_by_one(text)) << text;
  }
  EXPECT_EQ(words_one_by_one("Hello WORLD42"), words_one_by_one("hello, world42!"));
  EXPECT_NE(words_one_by_one("ab c"), words_one_by_one("a bc"));
}

TEST(Grams, roll_as_if_each_was_hashed_alone) {
  const std::string text = "a b c d e f g h i j";
  std::vector<std::uint64_t> rolled;
  for_each_gram(text, 3, [&](std::uint64_t key) { rolled.push_back(key); });
  ASSERT_EQ(rolled.size(), 8U);
  for (std::size_t i = 0; i < 8; ++i) {
    std::vector<std::uint64_t> alone;
    for_each_gram(std::string_view(text).substr(2 * i, 5), 3,
                  [&](std::uint64_t key) { alone.push_back(key); });
    ASSERT_EQ(alone.size(), 1U);
    EXPECT_EQ(alone[0], rolled[i]);
  }
}

}  // namespace
}  // namespace xfer::domains
