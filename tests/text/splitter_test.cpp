// SPDX-License-Identifier: Apache-2.0
#include "text/splitter.hpp"

#include "fixture.hpp"
#include "text/pcre2_pattern.hpp"
#include "text/unicode.hpp"

namespace xfer::text {
namespace {

using Pieces = std::vector<std::string>;

Pieces pieces(const Splitter& splitter, std::string_view text) {
  Pieces out;
  splitter.split(text, [&](std::string_view piece) {
    EXPECT_FALSE(piece.empty());
    out.emplace_back(piece);
  });
  return out;
}

Pieces pieces(std::string_view pattern, std::string_view text,
              SplitBehavior behavior = SplitBehavior::isolated) {
  return pieces(*make_pattern_splitter(pattern, behavior), text);
}

TEST(Splitter, hand_written_scanners_match_what_their_patterns_match) {
  test::Dice dice(11);
  for (const std::string_view pattern : {patterns::gpt2, patterns::llama3, patterns::qwen2}) {
    const auto known = make_known_splitter(pattern);
    ASSERT_NE(known, nullptr);
    const auto reference = make_pcre2_splitter(pattern, SplitBehavior::isolated);
    EXPECT_EQ(known->description(), reference->description());
    for (int i = 0; i < 3000; ++i) {
      const std::string text = dice.text(dice.below(12));
      EXPECT_EQ(pieces(*known, text), pieces(*reference, text)) << pattern << "\n" << text;
    }
  }
}

TEST(Splitter, gpt2_pattern) {
  EXPECT_EQ(pieces(patterns::gpt2, "it's 12 foos!  Don'T\n\n x"),
            (Pieces{"it", "'s", " 12", " foos", "!", " ", " Don", "'", "T", "\n\n", " x"}));
}

TEST(Splitter, llama3_and_qwen2_patterns_differ_in_digits) {
  EXPECT_EQ(pieces(patterns::llama3, "x=12345\r\n\n  y'LL\tz"),
            (Pieces{"x", "=", "123", "45", "\r\n\n", " ", " y", "'LL", "\tz"}));
  EXPECT_EQ(pieces(patterns::qwen2, "a 12."), (Pieces{"a", " ", "1", "2", "."}));
}

TEST(Splitter, invalid_bytes_are_symbols) {
  EXPECT_EQ(pieces(patterns::gpt2, "a\xFF\xFE b"), (Pieces{"a", "\xFF\xFE", " b"}));
  EXPECT_EQ(pieces(patterns::llama3, "\xC3z"), (Pieces{"\xC3z"}));
  EXPECT_EQ(pieces(R"(\p{L}+)",
                   "ab\xFF\xFE"
                   "cd"),
            (Pieces{"ab", "\xFF", "\xFE", "cd"}));
}

TEST(Splitter, behaviors) {
  EXPECT_EQ(pieces(R"(\d+)", "a1b22"), (Pieces{"a", "1", "b", "22"}));
  EXPECT_EQ(pieces(R"(\d+)", "a1b22", SplitBehavior::drop_matches), (Pieces{"a", "b"}));
  EXPECT_EQ(pieces(R"(\d+)", "a1b22", SplitBehavior::keep_matches), (Pieces{"1", "22"}));
  EXPECT_EQ(pieces(R"(x*)", "axxb"), (Pieces{"a", "xx", "b"}));
  const auto literal = make_literal_splitter("..", SplitBehavior::isolated);
  EXPECT_EQ(pieces(*literal, "a...b"), (Pieces{"a", "..", ".b"}));
  EXPECT_EQ(pieces(*make_digit_splitter(true), "a12b½"), (Pieces{"a", "1", "2", "b", "½"}));
  EXPECT_EQ(pieces(*make_digit_splitter(false), "a12b½"), (Pieces{"a", "12", "b", "½"}));
  EXPECT_EQ(pieces(*make_prefix_space(), "a"), (Pieces{" a"}));
  EXPECT_EQ(pieces(*make_prefix_space(), " a"), (Pieces{" a"}));
}

TEST(Splitter, white_space_is_that_of_unicode) {
  EXPECT_EQ(pieces(R"(\s)", "a\u180Eb\u0085c"), (Pieces{"a\u180Eb", "\u0085", "c"}));
  EXPECT_EQ(pieces(R"(\S+)", "a\u180Eb\u3000c"), (Pieces{"a\u180Eb", "\u3000", "c"}));
  EXPECT_EQ(pieces(R"([^\s]+)", "a\u180Eb c"), (Pieces{"a\u180Eb", " ", "c"}));
}

TEST(Splitter, scripts_do_not_include_what_they_share) {
  EXPECT_EQ(pieces(R"(\p{Han}+)", "世。界"), (Pieces{"世", "。", "界"}));
}

TEST(Splitter, lines_have_ends_as_in_oniguruma) {
  EXPECT_EQ(pieces(R"(^\s+|x$)", "  ax\n bx"), (Pieces{"  ", "a", "x", "\n", " ", "b", "x"}));
}

TEST(Splitter, what_means_something_else_in_pcre2_is_refused) {
  for (const char* pattern : {R"(\w+)", R"(\bfoo)", R"(\h)", R"([\S])", R"([a-z&&[^b]])", R"(\K)",
                              R"([[:alpha:]])", R"(\X)", R"(\p{scx:Han})", "a\\"}) {
    test::expect_error(Errc::not_available, {pattern},
                       [&] { make_pattern_splitter(pattern, SplitBehavior::isolated); });
  }
  test::expect_error(Errc::not_available, {"(unclosed", "parenthesis"},
                     [] { make_pattern_splitter("(unclosed", SplitBehavior::isolated); });
}

TEST(Splitter, a_pattern_that_backtracks_without_end_is_an_error) {
  const auto splitter = make_pattern_splitter("(?:a+)+$", SplitBehavior::isolated);
  test::expect_error(Errc::not_available, {"(?:a+)+$"}, [&] {
    splitter->split(std::string(200, 'a') + "b", [](std::string_view) {});
  });
}

TEST(Splitter, classes_of_characters) {
  EXPECT_EQ(classes_of('a'), letter_class | word_class);
  EXPECT_EQ(classes_of('7'), number_class | word_class);
  EXPECT_EQ(classes_of(' '), space_class);
  EXPECT_EQ(classes_of(0x3000), space_class);
  EXPECT_EQ(classes_of(0x180E), 0);
  EXPECT_EQ(classes_of(0x10FFFF), 0);
  EXPECT_EQ(classes_of(0x10D4F) & letter_class, letter_class);  // new in Unicode 16
  EXPECT_EQ(classes_of(invalid_code), 0);
}

TEST(Utf8, only_well_formed_sequences_are_characters) {
  const auto code = [](std::string_view text) { return code_point_at(text, 0).code; };
  EXPECT_EQ(code("\u00E9"), 0xE9U);
  EXPECT_EQ(code("\u20AC"), 0x20ACU);
  EXPECT_EQ(code("\U0001F600"), 0x1F600U);
  for (const char* bad :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xF0\x9F\x98", "\xC3("}) {
    EXPECT_EQ(code(bad), invalid_code);
    EXPECT_EQ(code_point_at(bad, 0).length, 1U);
  }
  EXPECT_EQ(code_point_before("a\u20AC", 4).code, 0x20ACU);
  EXPECT_EQ(code_point_before("a\x82\xAC", 3).code, invalid_code);
}

}  // namespace
}  // namespace xfer::text
