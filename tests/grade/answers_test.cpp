// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/decimal.hpp"
#include "grade/answers/expression.hpp"
#include "xfer/error.hpp"
#include "xfer/grade/grader.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace xfer::grade {
namespace {

Example example_with(std::string answer) {
  Example example;
  example.id = "item 1";
  example.answer = std::move(answer);
  return example;
}

Verdict grade(std::string_view grader, const Example& example, std::string_view completion) {
  return Grader::make(grader)->grade(example, completion);
}

Errc code_of(const auto& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return Errc::internal;
}

TEST(Grader, makes_every_grader_it_names) {
  const auto names = Grader::names();
  EXPECT_EQ(names.size(), 11U);
  for (const std::string& name : names) {
    EXPECT_EQ(Grader::make(name)->name(), name);
    EXPECT_FALSE(Grader::make(name)->version().empty());
  }
}

TEST(Grader, refuses_an_unknown_name_and_lists_the_known) {
  try {
    Grader::make("vibes");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_NE(std::string(error.what()).find("'vibes'"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("gsm8k"), std::string::npos);
  }
}

TEST(FinalAnswer, takes_what_follows_the_last_mark) {
  const Example example = example_with("AUG");
  const Verdict right = grade("final_answer", example, "TAC -> AUG # AUG \nQ: next #5");
  EXPECT_EQ(right.score, 0.0) << "a later mark counts";
  EXPECT_EQ(right.answer, "5");
  EXPECT_EQ(grade("final_answer", example, "steps #UAC\nagain #\tAUG\r\nmore").score, 1.0);
  EXPECT_EQ(grade("final_answer", example, "#### AUG").score, 1.0);
  EXPECT_EQ(grade("final_answer", example_with(" AUG "), "#AUG").score, 1.0);
}

TEST(FinalAnswer, tells_a_wrong_answer_from_none) {
  const Example example = example_with("18");
  const Verdict none = grade("final_answer", example, "the answer is 18");
  EXPECT_FALSE(none.extracted);
  EXPECT_NE(none.failure, "");
  const Verdict wrong = grade("final_answer", example, "#18.0");
  EXPECT_TRUE(wrong.extracted);
  EXPECT_EQ(wrong.score, 0.0);
  const Verdict empty = grade("final_answer", example, "#\n18");
  EXPECT_TRUE(empty.extracted);
  EXPECT_EQ(empty.answer, "");
  EXPECT_EQ(empty.score, 0.0);
}

std::optional<std::int64_t> value_of(std::string_view text, std::int64_t x = 7,
                                     std::int64_t y = -3) {
  const std::vector<Variable> variables = {{"x", x}, {"y", y}};
  const auto result = evaluate_expression(text, variables);
  const auto* value = std::get_if<std::int64_t>(&result);
  return value ? std::optional(*value) : std::nullopt;
}

TEST(Expression, computes_like_python) {
  // Each right-hand side is what CPython prints for x = 7, y = -3.
  EXPECT_EQ(value_of("x*3+y"), 18);
  EXPECT_EQ(value_of("2+3*4-5"), 9);
  EXPECT_EQ(value_of("(2+3)*4"), 20);
  EXPECT_EQ(value_of("10-4-3"), 3);
  EXPECT_EQ(value_of("-x%4"), 1);
  EXPECT_EQ(value_of("-(x%4)"), -3);
  EXPECT_EQ(value_of("x%y"), -2);
  EXPECT_EQ(value_of("y%x"), 4);
  EXPECT_EQ(value_of("y%-2"), -1);
  EXPECT_EQ(value_of("2*-x"), -14);
  EXPECT_EQ(value_of("--x"), 7);
  EXPECT_EQ(value_of("+x"), 7);
  EXPECT_EQ(value_of("7*8%5"), 1);
  EXPECT_EQ(value_of("7%5*8"), 16);
  EXPECT_EQ(value_of("max(x,y)*2+1"), 15);
  EXPECT_EQ(value_of(" min ( x , y , -9 ) "), -9);
  EXPECT_EQ(value_of("max(min(x,1),min(y,2),)"), 1);
  EXPECT_EQ(value_of("00"), 0);
  EXPECT_EQ(value_of("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
}

TEST(Expression, refuses_everything_else) {
  for (const char* text : {"",          " ",
                           "x**2",      "x* *2",
                           "2x",        "x y",
                           "x/2",       "x//2",
                           "(x",        "x)",
                           "()",        "x+",
                           "*x",        "%",
                           "min(x)",    "min()",
                           "min",       "min(x y)",
                           "max(,x)",   "x,y",
                           "z",         "__import__('os')",
                           "f(x)",      "07",
                           "1_000",     "1.5",
                           "1e3",       "0x10",
                           "x;y",       "x\ny",
                           "x#y",       "\xff",
                           "x\xc2\xb2", "x if y"})
    EXPECT_EQ(value_of(text), std::nullopt) << text;
  EXPECT_EQ(value_of(std::string_view("x\0", 2)), std::nullopt);
}

TEST(Expression, never_overflows_or_traps) {
  for (const char* text : {"9223372036854775808", "9223372036854775807+1", "-9223372036854775807-2",
                           "9999999999*9999999999", "x%0", "x%(y+3)"})
    EXPECT_EQ(value_of(text), std::nullopt) << text;
  EXPECT_EQ(value_of("x%-1", std::numeric_limits<std::int64_t>::min()), 0);
  EXPECT_EQ(value_of("-x", std::numeric_limits<std::int64_t>::min()), std::nullopt);
  EXPECT_EQ(value_of("0-x", std::numeric_limits<std::int64_t>::min()), std::nullopt);
  EXPECT_EQ(value_of(std::string(60, '(')), std::nullopt);
  EXPECT_EQ(value_of(std::string(59, '-') + "1"), std::nullopt);
  EXPECT_EQ(value_of(std::string(100000, '(')), std::nullopt);
  EXPECT_EQ(value_of(std::string(30, '(') + std::string(30, ')')), std::nullopt);
  EXPECT_EQ(value_of("((((((((((((((((((((x))))))))))))))))))))"), 7);
}

Example expression_example() {
  Example example = example_with("x*3+y");
  example.extra["variables"] = R"(["x", "y"])";
  example.extra["points"] = "[[1, 2, 5], [-4, 9, -3], [30, 0, 90]]";
  return example;
}

TEST(CodeExpression, is_right_when_every_point_agrees) {
  const Example example = expression_example();
  EXPECT_EQ(grade("code_expression", example, "#x*3+y").score, 1.0);
  EXPECT_EQ(grade("code_expression", example, "so # y + (x+x+x)\n").score, 1.0);
  const Verdict wrong = grade("code_expression", example, "#x*3-y");
  EXPECT_EQ(wrong.score, 0.0);
  EXPECT_TRUE(wrong.extracted);
  EXPECT_EQ(wrong.answer, "x*3-y");
  const Verdict fault = grade("code_expression", example, "#x**3");
  EXPECT_EQ(fault.score, 0.0);
  EXPECT_EQ(fault.failure, "'**' is not allowed");
  EXPECT_FALSE(grade("code_expression", example, "x*3+y").extracted);
}

TEST(CodeExpression, without_points_compares_texts) {
  EXPECT_EQ(grade("code_expression", example_with("35"), "f(9)=35 #35").score, 1.0);
  EXPECT_EQ(grade("code_expression", example_with("35"), "#30+5").score, 0.0);
}

TEST(CodeExpression, refuses_examples_that_it_cannot_judge) {
  for (const char* points : {"", "[]", "[[1, 2]]", "[[1, 2, 3.5]]", "[[1, 2, \"3\"]]", "{}",
                             "[[1, 2, 18446744073709551615]]", "[5]", "[[[["}) {
    Example example = expression_example();
    example.extra["points"] = points;
    EXPECT_EQ(code_of([&] { grade("code_expression", example, "#x"); }), Errc::bad_data) << points;
  }
  Example example = expression_example();
  example.extra.erase("variables");
  EXPECT_EQ(code_of([&] { grade("code_expression", example, "#x"); }), Errc::bad_data);
}

std::string last_number(std::string_view text) {
  const auto found = find_last_number(text);
  return found ? found->value : "none";
}

TEST(Decimal, reads_numbers_as_people_write_them) {
  EXPECT_EQ(last_number("18"), "18");
  EXPECT_EQ(last_number("18.0"), "18");
  EXPECT_EQ(last_number("$18."), "18");
  EXPECT_EQ(last_number("is 18..."), "18");
  EXPECT_EQ(last_number("1,800"), "1800");
  EXPECT_EQ(last_number("$1,234,567.50 in all"), "1234567.5");
  EXPECT_EQ(last_number("-$5"), "-5");
  EXPECT_EQ(last_number("$-5"), "-5");
  EXPECT_EQ(last_number("it was -3 degrees"), "-3");
  EXPECT_EQ(last_number("20-2"), "2");
  EXPECT_EQ(last_number("1, 2"), "2");
  EXPECT_EQ(last_number("1,2"), "2");
  EXPECT_EQ(last_number("007"), "7");
  EXPECT_EQ(last_number("-0.00"), "0");
  EXPECT_EQ(last_number(".5"), "0.5");
  EXPECT_EQ(last_number("0.50%"), "0.5");
  EXPECT_EQ(last_number("50 apples (or so)"), "50");
  EXPECT_EQ(last_number(""), "none");
  EXPECT_EQ(last_number("none, $,.-"), "none");
  EXPECT_EQ(last_number("1.2.3"), "3");
  EXPECT_EQ(last_number(std::string(100000, '9') + "x"), std::string(100000, '9'));
}

TEST(Gsm8k, compares_decimals_and_prefers_the_mark) {
  const Example example = example_with("18");
  for (const char* text : {"so #### 18", "#### 18.0", "#### $18", "The answer is 18.", "A: 18",
                           "#### 18 dollars, or 3 a day", "it is 18\n#### 18\nabout 5 more",
                           "A: 18\nthat is 3 each", "9 * 2 = $<<9*2=18>>18 every day"})
    EXPECT_EQ(grade("gsm8k", example, text).score, 1.0) << text;
  EXPECT_EQ(grade("gsm8k", example_with("1800"), "#### 1,800").score, 1.0);
  EXPECT_EQ(grade("gsm8k", example_with("2,125"), "2125").score, 1.0);
  EXPECT_EQ(grade("gsm8k", example_with("-10"), "#### -10").score, 1.0);
  const Verdict wrong = grade("gsm8k", example, "18 apples\n#### 17");
  EXPECT_EQ(wrong.score, 0.0);
  EXPECT_EQ(wrong.answer, "17");
  EXPECT_EQ(grade("gsm8k", example, "#### unknown, so 18").score, 1.0) << "falls back";
  const Verdict none = grade("gsm8k", example, "I do not know");
  EXPECT_FALSE(none.extracted);
  EXPECT_NE(none.failure, "");
}

TEST(Gsm8k, refuses_a_reference_without_a_number) {
  EXPECT_EQ(code_of([] { grade("gsm8k", example_with("many"), "5"); }), Errc::bad_data);
}

TEST(TextGraders, give_a_verdict_on_any_bytes) {
  std::string noise;
  for (int i = 0; i < 4096; ++i) noise += static_cast<char>((i * 131 + (i >> 3)) & 0xFF);
  const Example plain = example_with("18");
  for (const std::string& text :
       {std::string(), noise, std::string(200000, '#'), std::string(200000, '-'),
        std::string(200000, ','), std::string(200000, '1'), std::string(3, '\0')}) {
    EXPECT_NO_THROW(grade("final_answer", plain, text));
    EXPECT_NO_THROW(grade("gsm8k", plain, text));
    EXPECT_NO_THROW(grade("code_expression", expression_example(), text));
  }
}

}  // namespace
}  // namespace xfer::grade
