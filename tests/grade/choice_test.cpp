// SPDX-License-Identifier: Apache-2.0
#include "xfer/error.hpp"
#include "xfer/grade/grader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xfer::grade {
namespace {

Example question(std::string answer = "B") {
  Example example;
  example.id = "q1";
  example.choices = {"London", "Paris", "Rome, Italy", "the city of Bern"};
  example.answer = std::move(answer);
  return example;
}

std::string choice(std::string_view text, const Example& example = question()) {
  const Verdict verdict = Grader::make("choice")->grade(example, text);
  EXPECT_EQ(verdict.extracted, !verdict.answer.empty()) << text;
  EXPECT_EQ(verdict.score == 1.0, verdict.answer == example.answer) << text;
  return verdict.answer;
}

bool strict(std::string_view text, const Example& example = question()) {
  return Grader::make("choice")->grade(example, text).strict_extracted;
}

TEST(Choice, reads_letter_text_or_both) {
  for (const char* text : {"B",
                           "b",
                           " B.",
                           "(B)",
                           "B)",
                           "**B**",
                           "\"B\"",
                           "B. Paris",
                           "(B) Paris.",
                           "B: Paris",
                           "Paris",
                           "paris.",
                           "The answer is B",
                           "The answer is B.",
                           "Answer: B",
                           "answer: (b)",
                           "**Answer:** B",
                           "The correct answer is (B) Paris.",
                           "The answer is Paris.",
                           "the answer is paris",
                           "Final answer: B) Paris",
                           "The best option is B.",
                           "I choose B.",
                           "I would go with option B",
                           "So it must be ... I pick (B)",
                           "Thus, $\\boxed{B}$",
                           "\\boxed{\\text{B}}",
                           "\\boxed{\\text{(B) Paris}}",
                           "#### B",
                           "It rains.\n\nAnswer:\nB",
                           "The answer is therefore B.",
                           "The answer is the option B.",
                           "Option (B) is correct.",
                           "B is the right answer.",
                           "London is in England.\nB",
                           "The answer to this question is: B",
                           "The answer is \"Paris\", of course."})
    EXPECT_EQ(choice(text), "B") << text;
}

TEST(Choice, takes_the_last_committed_answer) {
  EXPECT_EQ(choice("The answer is A. Wait, no: the answer is B."), "B");
  EXPECT_EQ(choice("Answer: A\nOn reflection,\nAnswer: C"), "C");
  EXPECT_EQ(choice("(A) is correct? No. I choose (D)."), "D");
  EXPECT_EQ(choice("The answer is D.\nLondon is wrong since it lies in England."), "D");
  EXPECT_EQ(choice("The answer is not A but the answer is B"), "B");
}

TEST(Choice, does_not_take_quoted_options_for_an_answer) {
  for (const char* text :
       {"", "I do not know.", "A) London\nB) Paris\nC) Rome, Italy\nD) the city of Bern",
        "(A) London (B) Paris (C) Rome, Italy (D) the city of Bern",
        "The options are:\nA. London\nB. Paris", "The answer choices are: A) London B) Paris",
        "The answer is not B.", "The answer is none of these.", "A train leaves London for Paris.",
        "The answer is a matter of taste.", "Option B is wrong.", "London or Paris?"})
    EXPECT_EQ(choice(text), "") << text;
}

TEST(Choice, tells_letters_from_words) {
  Example example = question("A");
  example.choices = {"A dog", "I", "dog A", "a cat"};
  EXPECT_EQ(choice("The answer is A dog.", example), "A");
  EXPECT_EQ(choice("The answer is a cat", example), "D");
  EXPECT_EQ(choice("The answer is A because it barks", example), "A");
  EXPECT_EQ(choice("The answer is a dog", example), "A");
  example.choices = {"5", "50", "5.5", "-5"};
  EXPECT_EQ(choice("The answer is 5", example), "A");
  EXPECT_EQ(choice("The answer is 50.", example), "B");
  EXPECT_EQ(choice("The answer is 5.5", example), "C");
  EXPECT_EQ(choice("The answer is -5", example), "D");
  EXPECT_EQ(choice("The answer is 5.51", example), "");
  example.choices = {"(1, 2)", "[1, 2)", "(1, 2]", "$x^2$"};
  EXPECT_EQ(choice("The answer is [1, 2)", example), "B");
  EXPECT_EQ(choice("The answer is (1, 2]", example), "C");
  EXPECT_EQ(choice("The answer is $x^2$.", example), "D");
}

TEST(Choice, reads_strictly_only_plain_answers) {
  for (const char* text : {"B", "(B) Paris", "Paris.", "Because of x.\nThe answer is B.",
                           "Long thoughts\nAnswer: (B)", "#### B", "$\\boxed{B}$"})
    EXPECT_TRUE(strict(text)) << text;
  for (const char* text : {"B because of x", "The answer is B. More.", "I think it is Paris, yes",
                           "Answer: B\nQuestion: next", "B. London", ""})
    EXPECT_FALSE(strict(text)) << text;
  const Verdict differs = Grader::make("choice")->grade(question(), "B, since it is in France");
  EXPECT_EQ(differs.score, 1.0);
  EXPECT_EQ(differs.strict_score, 0.0);
}

TEST(Choice, refuses_examples_that_it_cannot_judge) {
  for (const std::string answer : {"", "E", "Paris", "1"}) {
    try {
      choice("B", question(answer));
      ADD_FAILURE() << answer;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::bad_data);
      EXPECT_NE(std::string(error.what()).find("'q1'"), std::string::npos);
    }
  }
  Example none = question();
  none.choices.clear();
  EXPECT_THROW(choice("B", none), Error);
}

Example labelled(std::string answer, std::string labels = R"(["yes", "no", "maybe"])") {
  Example example;
  example.id = "l1";
  example.answer = std::move(answer);
  example.extra["labels"] = std::move(labels);
  return example;
}

std::string label(std::string_view text, const Example& example = labelled("yes")) {
  return Grader::make("label")->grade(example, text).answer;
}

TEST(Label, reads_labels) {
  for (const char* text : {"yes", "Yes", "Yes.", "YES, because there is no doubt", "**Yes**",
                           "The answer is yes.", "Answer: Yes\n", "There is no doubt.\nAnswer: yes",
                           "The conclusion is: yes", "I would say yes"})
    EXPECT_EQ(label(text), "yes") << text;
  EXPECT_EQ(label("no"), "no");
  EXPECT_EQ(label("The answer is no, not yes"), "no");
  EXPECT_EQ(label("yes or no"), "");
  EXPECT_EQ(label("yes, no or maybe?\nmaybe"), "maybe");
  EXPECT_EQ(label("nothing known"), "");
  EXPECT_EQ(label(""), "");
}

TEST(Label, takes_the_longest_of_overlapping_labels) {
  const Example law = labelled("UCC", R"(["UCC", "Common Law", "Law"])");
  EXPECT_EQ(label("common  law", law), "Common Law");
  EXPECT_EQ(label("This is governed by Common Law.", law), "Common Law");
  EXPECT_EQ(label("The answer is the UCC.", law), "UCC");
  EXPECT_EQ(Grader::make("label")->grade(law, "ucc").strict_score, 1.0);
}

TEST(Label, refuses_examples_that_it_cannot_judge) {
  for (const char* labels :
       {"", "[]", "{}", "[1]", "[\"yes\", \"Yes\"]", "[\"no\", \"maybe\"]", "[\"yes\", \" \"]"})
    EXPECT_THROW(label("yes", labelled("yes", labels)), Error) << labels;
}

TEST(Number, finds_the_number) {
  Example example;
  example.id = "n1";
  example.answer = "-2.18";
  const auto number = [&](std::string_view text) {
    return Grader::make("number")->grade(example, text).answer;
  };
  EXPECT_EQ(number("-2.18"), "-2.18");
  EXPECT_EQ(number("\xe2\x88\x92"
                   "2.18 log units"),
            "-2.18");
  EXPECT_EQ(number("The solubility is about -2.5 mol/L"), "-2.5");
  EXPECT_EQ(number("Of 3 values, the answer is 1,234.5."), "1234.5");
  EXPECT_EQ(number("answer: .5"), "0.5");
  EXPECT_EQ(number("1.5e-3"), "1.5e-3");
  EXPECT_EQ(number("$1.5 \\times 10^{-3}$"), "1.5e-3");
  EXPECT_EQ(number("for H2O it is 7"), "7");
  EXPECT_EQ(number("in the range 3-5"), "3");
  EXPECT_EQ(number("no idea"), "");
  EXPECT_EQ(number("1e999 or 4"), "4");
}

TEST(Number, agrees_to_the_digits_of_the_reference_or_a_given_tolerance) {
  Example example;
  example.id = "n1";
  example.answer = "-2.18";
  const auto score = [&](std::string_view text) {
    return Grader::make("number")->grade(example, text).score;
  };
  EXPECT_EQ(score("-2.18"), 1.0);
  EXPECT_EQ(score("-2.183"), 1.0);
  EXPECT_EQ(score("-2.19"), 0.0);
  EXPECT_EQ(score("2.18"), 0.0);
  example.answer = "27181";
  example.extra["relative_tolerance"] = "0.1";
  EXPECT_EQ(score("$29,000"), 1.0);
  EXPECT_EQ(score("$30,000"), 0.0);
  example.extra["relative_tolerance"] = "-1";
  EXPECT_THROW(score("1"), Error);
  example.extra.clear();
  example.answer = "high";
  EXPECT_THROW(score("1"), Error);
  example.answer = "5";
  const Verdict prose = Grader::make("number")->grade(example, "It has 5 of them");
  EXPECT_EQ(prose.score, 1.0);
  EXPECT_FALSE(prose.strict_extracted);
}

Example entities(std::string gold) {
  Example example;
  example.id = "e1";
  example.extra["gold"] = std::move(gold);
  return example;
}

TEST(Factoid, scores_the_rank_of_the_first_right_answer) {
  const Example example = entities(R"([["BRCA1", "breast cancer 1"]])");
  const auto grade = [&](std::string_view text) {
    return Grader::make("factoid")->grade(example, text);
  };
  EXPECT_EQ(grade("brca1").score, 1.0);
  EXPECT_EQ(grade("The answer is Breast  Cancer 1.").score, 1.0);
  EXPECT_EQ(grade("1. TP53\n2. BRCA1\n").score, 0.5);
  EXPECT_EQ(grade("1. TP53\n2. BRCA1\n").strict_score, 0.0);
  EXPECT_EQ(grade("TP53; EGFR; \"BRCA1\"").score, 1.0 / 3.0);
  EXPECT_EQ(grade("a\nb\nc\nd\ne\nBRCA1").score, 0.0) << "beyond the fifth";
  EXPECT_FALSE(grade("").extracted);
  EXPECT_NE(grade("TP53").failure, "");
  EXPECT_THROW(Grader::make("factoid")->grade(entities("[]"), "x"), Error);
  EXPECT_THROW(Grader::make("factoid")->grade(entities(R"(["x"])"), "x"), Error);
}

TEST(List, scores_f1_with_synonyms_as_one) {
  const Example example = entities(R"([["aspirin", "ASA"], ["ibuprofen"], ["naproxen"]])");
  const auto grade = [&](std::string_view text) {
    return Grader::make("list")->grade(example, text);
  };
  EXPECT_EQ(grade("aspirin, ibuprofen and naproxen").score, 1.0);
  EXPECT_EQ(grade("- Aspirin\n- ASA\n- Ibuprofen\n* naproxen").score, 1.0);
  EXPECT_DOUBLE_EQ(grade("ASA, codeine").score, 0.4) << "precision 1/2, recall 1/3";
  EXPECT_EQ(grade("Answer: aspirin, ibuprofen, and naproxen").strict_score, 1.0);
  EXPECT_EQ(grade("codeine").score, 0.0);
  EXPECT_EQ(grade("aspirin").failure, "some names are missing");
}

TEST(TextAnswers, give_a_verdict_on_any_bytes_in_little_time) {
  std::string noise;
  for (int i = 0; i < 4096; ++i) noise += static_cast<char>((i * 131 + (i >> 3)) & 0xFF);
  std::vector<std::string> texts = {"", noise, std::string(3, '\0')};
  for (const char* part : {"#", "(A) ", "answer is ", "I choose ", "\\boxed{", "B\n", "a, ", "7",
                           "-", "yes ", "*", "(", "the answer is the the the "}) {
    std::string text;
    while (text.size() < 100000) text += part;
    texts.push_back(std::move(text));
  }
  Example number;
  number.answer = "1";
  for (const std::string& text : texts) {
    EXPECT_NO_THROW(choice(text));
    EXPECT_NO_THROW(label(text));
    EXPECT_NO_THROW(Grader::make("number")->grade(number, text));
    EXPECT_NO_THROW(Grader::make("factoid")->grade(entities(R"([["x"]])"), text));
    EXPECT_NO_THROW(Grader::make("list")->grade(entities(R"([["x"]])"), text));
  }
}

}  // namespace
}  // namespace xfer::grade
