// SPDX-License-Identifier: Apache-2.0
// The committed tokenizer of the embedded models against the text that they read.
#include "xfer/domains/domain.hpp"
#include "xfer/domains/pretraining.hpp"
#include "xfer/text/tokenizer.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

namespace xfer::domains {
namespace {

const text::Tokenizer& tokenizer() {
  static const text::Tokenizer loaded = text::Tokenizer::load(
      std::filesystem::path(XFER_SOURCE_DIR) / "python/xfer/models/tokenizer.json");
  return loaded;
}

std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> out;
  for (const std::int32_t id : tokenizer().encode(text))
    out.emplace_back(tokenizer().token_bytes(id));
  return out;
}

TEST(EmbeddedTokenizer, has_its_special_tokens_and_a_small_vocabulary) {
  EXPECT_LE(tokenizer().vocab_size(), 512);
  EXPECT_EQ(tokenizer().token_to_id("<|end|>"), 0);
  EXPECT_EQ(tokenizer().token_to_id("<|pad|>"), 1);
  EXPECT_EQ(tokenizer().end_tokens(), std::vector<std::int32_t>{0});
}

TEST(EmbeddedTokenizer, keeps_digits_alone_and_words_whole) {
  EXPECT_EQ(pieces("Q: Tom has 47 eggs."),
            (std::vector<std::string>{"Q", ":", " ", "Tom", " has", " ", "4", "7", " eggs", "."}));
  EXPECT_EQ(pieces(" 47*6=282. #282"),
            (std::vector<std::string>{" ", "4", "7", "*", "6", "=", "2", "8", "2", ".", " #", "2",
                                      "8", "2"}));
}

TEST(EmbeddedTokenizer, any_bytes_survive_a_round_trip) {
  for (const std::string text :
       {"caf\xC3\xA9 \xF0\x9F\x98\x80", "\xFF\xFE broken", "Zebra  crossing\n\n\t#"})
    EXPECT_EQ(tokenizer().decode(tokenizer().encode(text, false)), text);
}

TEST(EmbeddedTokenizer, every_item_fits_160_tokens_and_the_answer_its_limit) {
  for (const std::string& name : procedural_domain_names()) {
    const Domain d = procedural_domain(name);
    std::size_t longest = 0, answer = 0;
    for (const Split split : all_splits)
      for (std::size_t i = 0; i < 600; ++i) {
        const Example e = d.dataset->at(split, i);
        const std::size_t a = tokenizer().encode(" " + e.solution).size() + 1;
        answer = std::max(answer, a);
        for (const PromptTemplate& prompt : d.prompts)
          longest = std::max(longest, tokenizer().encode(prompt.apply(e.question)).size() + a);
      }
    EXPECT_LE(longest, 160U) << name;
    EXPECT_LE(answer, static_cast<std::size_t>(d.max_answer_tokens)) << name;
  }
}

TEST(EmbeddedTokenizer, spells_hardly_any_word_of_the_stream_letter_by_letter) {
  std::size_t tokens = 0, letters = 0;
  for (std::uint64_t i = 0; i < 4000; ++i) {
    const auto document = pretraining_document(0, i, PretrainingPhase::anneal);
    for (const std::string& piece : pieces(document.prompt + " " + document.answer)) {
      ++tokens;
      letters += piece.size() == 1 && piece[0] >= 'a' && piece[0] <= 'z' ? 1 : 0;
    }
  }
  // "x", "f", "r" and unit signs stand alone by right.
  EXPECT_LT(static_cast<double>(letters) / static_cast<double>(tokens), 0.06);
}

}  // namespace
}  // namespace xfer::domains
