// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/math.hpp"

#include "grade/math/math_text.hpp"
#include "xfer/error.hpp"
#include "xfer/grade/grader.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

namespace xfer::grade {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void expect(const Pairs& pairs, bool wanted) {
  for (const auto& [a, b] : pairs) {
    EXPECT_EQ(math_equal(a, b), wanted) << a << "   and   " << b;
    EXPECT_EQ(math_equal(b, a), wanted) << b << "   and   " << a;
  }
}

TEST(MathEqual, numbers) {
  expect({{"5", "5"},
          {"5", "5.0"},
          {"5", "+5"},
          {"5.", "5"},
          {"-5",
           "\xe2\x88\x92"
           "5"},
          {"1000", "1,000"},
          {"1000000", "1,000,000"},
          {"10,\\!080", "10080"},
          {"10{,}080", "10080"},
          {"58,500", "58500"},
          {"11,\\! 111,\\! 111,\\! 100", "11111111100"},
          {"\\frac12", "0.5"},
          {"\\frac{1}{2}", "1/2"},
          {"\\dfrac{17}{50}", "0.34"},
          {"\\frac 59", "\\frac{5}{9}"},
          {"\\frac9{19}", "9/19"},
          {"\\frac{270}7", "270/7"},
          {"\\frac{2}{4}", "\\frac{1}{2}"},
          {"-\\frac{1}{2}", "\\frac{-1}{2}"},
          {"-\\frac{1}{2}", "\\frac{1}{-2}"},
          {".35625", "0.35625"},
          {"\\$36", "36"},
          {"\\$32,\\!348", "32348"},
          {"$7$", "7"},
          {"1\\frac{4}{5}", "\\frac{9}{5}"},
          {"137 \\frac{1}{2}", "137.5"},
          {"1 4/5", "9/5"},
          {"-1\\frac{1}{2}", "-1.5"},
          {"2^{10}", "1024"},
          {"5!", "120"},
          {"\\binom{5}{2}", "10"},
          {"3^{-2}", "\\frac19"},
          {"6.02e23", "602000000000000000000000"},
          {"1.5 \\times 10^{3}", "1500"},
          {"52_8", "52_{8}"},
          {"52_8", "42"},
          {"152A_{11}", "152A_{11}"},
          {"3:1", "6:2"}},
         true);
  expect({{"5", "6"},
          {"5", "-5"},
          {"1 1/2", "11/2"},
          {"1\\frac12", "\\frac{11}{2}"},
          {"5", "0.5"},
          {"\\frac12", "\\frac13"},
          {"1,000", "1"},
          {"0.1", "0.2"},
          {"1\\frac{4}{5}", "\\frac{4}{5}"},
          {"52_8", "52_9"},
          {"2^{10}", "2^{11}"},
          {"0.1234561", "0.1234562"},
          {"10080", "10,081"},
          {"1000000000000000000000", "1000000000000000000001"},
          {"", "0"},
          {"", ""},
          {"5", ""}},
         false);
}

TEST(MathEqual, roundings_and_percent) {
  expect({{"\\frac13", "0.333333"},
          {"\\sqrt{2}", "1.414214"},
          {"50\\%", "50"},
          {"50\\%", "0.5"},
          {"50%", "\\frac12"},
          {"50 percent", "50%"},
          {"\\pi", "3.14159265"}},
         true);
  expect({{"\\frac13", "0.33"},
          {"\\sqrt{2}", "1.41"},
          {"50\\%", "5"},
          {"50\\%", "51\\%"},
          {"0.00000001", "\\frac{1}{200000000}"}},
         false);
}

TEST(MathEqual, surds_and_constants) {
  expect({{"3\\sqrt{13}", "\\sqrt{117}"},
          {"11\\sqrt2", "11 \\sqrt{2}"},
          {"\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"},
          {"\\sqrt[3]{8}", "2"},
          {"\\sqrt[3]{-8}", "-2"},
          {"12 - 4\\sqrt{2}", "4(3-\\sqrt{2})"},
          {"2sqrt(3)", "\\sqrt{12}"},
          {"288 \\pi", "288\\pi"},
          {"18+2\\pi", "2(\\pi + 9)"},
          {"-\\frac{\\pi}{6}", "-\\pi/6"},
          {"e^{i\\pi}", "-1"},
          {"6 - 5i", "-5i+6"},
          {"(1+i)^2", "2i"},
          {"\\frac{1}{i}", "-i"},
          {"\\sqrt{5+2\\sqrt{6}}", "\\sqrt{2}+\\sqrt{3}"},
          {"2^{1/2}", "\\sqrt{2}"},
          {"\\log_2 8", "3"},
          {"\\ln e", "1"},
          {"\\sin 30^\\circ", "\\frac12"},
          {"\\cos(\\pi/3)", "0.5"},
          {"|-3|", "3"},
          {"\\lfloor 2.7 \\rfloor", "2"}},
         true);
  expect({{"3\\sqrt{13}", "\\sqrt{116}"},
          {"\\sqrt{2}", "\\sqrt{3}"},
          {"\\pi", "\\frac{22}{7}"},
          {"6-5i", "6+5i"},
          {"\\sqrt{2}+\\sqrt{3}", "\\sqrt{5}"},
          {"\\sqrt{100000000000001}", "10^7"}},
         false);
}

TEST(MathEqual, expressions) {
  expect({{"x^3+3x-6", "3x + x^3 - 6"},
          {"(a+5)(b+2)", "ab+2a+5b+10"},
          {"2k+2", "2(k+1)"},
          {"4(3-x)(3+x)", "36-4x^2"},
          {"\\frac{11+9a}{20}", "\\frac{11}{20}+\\frac{9a}{20}"},
          {"p - q", "-q+p"},
          {"\\cot x", "\\frac{\\cos x}{\\sin x}"},
          {"2 \\tan x", "2\\tan(x)"},
          {"\\sin^2 x + \\cos^2 x", "1"},
          {"\\frac{x^2-1}{x-1}", "x+1"},
          {"3R^2", "3 R^{2}"},
          {"5r^5", "5*r**5"},
          {"x^10", "x^{10}"},
          {"x_1+x_2", "x_{2}+x_{1}"},
          {"2xy", "2yx"},
          {"\\left(x+1\\right)^2", "x^2+2x+1"},
          {"\\theta", "\\theta"},
          {"|x|^2", "x^2"}},
         true);
  expect({{"x^3+3x-6", "x^3+3x+6"},
          {"x+1", "y+1"},
          {"3R^2", "3r^2"},
          {"\\sqrt{x^2}", "x"},
          {"2x", "x^2"},
          {"2k+2", "2"},
          {"|x|", "x"},
          {"x^{10}", "x^{11}"}},
         false);
}

TEST(MathEqual, equations_and_inequalities) {
  expect({{"x=5", "5"},
          {"x = 5", "x=5"},
          {"5", "y=5"},
          {"y = 2x + 3", "2x - y + 3 = 0"},
          {"y=2x+3", "2x+3"},
          {"5x - 7y + 11z + 4 = 0", "-5x+7y-11z=4"},
          {"\\frac{x^2}{16} - \\frac{y^2}{9} = 1", "9x^2-16y^2=144"},
          {"x > 3", "3 < x"},
          {"x \\le 5", "5 \\geq x"},
          {"-2 < x \\le 3", "3 \\ge x > -2"},
          {"2x < 6", "x < 3"},
          {"x \\in [-2,7]", "[-2,7]"},
          {"x = 2 + 3 = 5", "5"}},
         true);
  expect({{"x=5", "x=6"},
          {"x=5", "6"},
          {"x > 3", "x < 3"},
          {"x > 3", "x \\ge 3"},
          {"y = 2x", "y = 3x"},
          {"x^2 = 1", "x = 1"},
          {"2x < 6", "-x < -3"},
          {"x \\ne 3", "x = 3"},
          {"-2 < x \\le 3", "-2 \\le x \\le 3"}},
         false);
}

TEST(MathEqual, collections) {
  expect({{"1,-2", "-2, 1"},
          {"3, 5, 7", "7,5,3"},
          {"1 \\text{ and } 2", "2, 1"},
          {"\\{1,2\\}", "\\{2, 1\\}"},
          {"\\{1,2\\}", "1,2"},
          {"\\{5\\}", "5"},
          {"1 \\pm \\sqrt{19}", "1+\\sqrt{19}, 1-\\sqrt{19}"},
          {"\\{1\\pm\\sqrt{5},-2\\}", "\\{-2, 1+\\sqrt{5}, 1-\\sqrt{5}\\}"},
          {"(3, \\frac{\\pi}{2})", "\\left( 3, \\frac{\\pi}{2} \\right)"},
          {"(6,31,-1)", "(6, 31, -1)"},
          {"(3,4]", "\\left(3, 4\\right]"},
          {"(2,\\infty)", "(2, \\infty)"},
          {"(2,3)", "2,3"},
          {"(-\\infty, 2) \\cup (3, \\infty)", "(3,\\infty)\\cup(-\\infty,2)"},
          {"\\begin{pmatrix} -1/3 \\\\ 2/3 \\end{pmatrix}",
           "\\begin{bmatrix} -\\frac{1}{3} \\\\ \\frac{2}{3} \\end{bmatrix}"},
          {"\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}",
           "\\begin{pmatrix}1&2\\\\3&4\\\\\\end{pmatrix}"},
          {"\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "(1,2)"},
          {"(1,2),(3,4)", "(3,4),(1,2)"},
          {"\\langle 1, 2 \\rangle", "(1,2)"},
          {"\\emptyset", "\\{\\}"}},
         true);
  expect({{"1,2", "1,3"},
          {"1,2", "1,2,3"},
          {"(1,2)", "(2,1)"},
          {"(3,4]", "(3,4)"},
          {"(3,4]", "[3,4]"},
          {"(2,\\infty)", "(3,\\infty)"},
          {"\\{1,2\\}", "(1,2)"},
          {"(-\\infty,2)", "(-\\infty,2)\\cup(3,\\infty)"},
          {"[1,2]", "1,2"},
          {"\\begin{pmatrix} 1 & 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}"},
          {"\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 3 \\end{pmatrix}"},
          {"1 \\pm \\sqrt{19}", "1+\\sqrt{19}"}},
         false);
}

TEST(MathEqual, units_and_words) {
  expect({{"5.4 \\text{ cents}", "5.4"},
          {"864 \\mbox{ inches}^2", "864"},
          {"15\\mbox{ cm}^2", "15"},
          {"90^\\circ", "90"},
          {"145^{\\circ}", "145 degrees"},
          {"\\frac{270}7\\text{ degrees}", "270/7"},
          {"12 meters", "12"},
          {"5 cm", "5"},
          {"60 miles per hour", "60"},
          {"\\text{Evelyn}", "Evelyn"},
          {"\\text{even}", "\\text{Even}"},
          {"\\text{(C)}", "C"},
          {"\\text{(C)}", "(C)"},
          {"\\text{east}", "east."}},
         true);
  expect({{"\\text{Evelyn}", "\\text{Navin}"},
          {"\\text{(C)}", "\\text{(D)}"},
          {"\\text{even}", "odd"},
          {"5 cm", "6 cm"},
          {"\\text{east}", "\\text{west}"}},
         false);
}

TEST(MathEqual, is_total_and_quick) {
  std::vector<std::string> texts = {"9^9^9^9",
                                    "9^{9^{9^{9}}}",
                                    "9!!!!",
                                    "\\frac{1}{0}",
                                    "0^0",
                                    "0^{-1}",
                                    "1/0",
                                    "\\sqrt{",
                                    "}{",
                                    "\\frac",
                                    "^",
                                    "_",
                                    "\\begin{pmatrix}",
                                    "10^{10^{10}}",
                                    "2^{100000}",
                                    "x^{1000000}",
                                    "\\log 0",
                                    "e^{e^{e^{e^{e}}}}",
                                    "\\sin(10^{300})",
                                    "1.2.3",
                                    "...",
                                    "1e999999",
                                    "\xff\xfe",
                                    std::string(3, '\0'),
                                    "\\",
                                    "$",
                                    "|",
                                    "||",
                                    "|x",
                                    "\\binom{2000}{1000}",
                                    "300!",
                                    "(1+x)^{2000}",
                                    "\\cosh(10^5)"};
  for (const char* part :
       {"(",       ")",       "{",           "}",       "[",          "\\{", "9^",
        "-",       "1,",      "x+",          "\\sqrt{", "\\frac{1}{", "|",   "!",
        "1/",      "\\sin ",  "x\\sqrt{2}+", "\\pm 1",  "\\{1,",      "9",   "x",
        "\\left(", "\\text{", "$",           " ",       "\\boxed{"}) {
    for (const std::size_t size : {1900U, 100000U}) {
      std::string text;
      while (text.size() < size) text += part;
      texts.push_back(std::move(text));
    }
  }
  std::string nested = "1,2,3";
  for (int i = 0; i < 12; ++i) nested = "\\{" + nested + "\\},\\{" + nested + "\\}";
  texts.push_back(nested.substr(0, 2000));
  std::clock_t longest = 0;
  for (const std::string& text : texts)
    for (const std::string& other : {text + " ", std::string("7"), "1+" + text, text + "+1"}) {
      const std::clock_t start = std::clock();
      const bool one = math_equal(text, other);
      longest = std::max(longest, std::clock() - start);
      EXPECT_EQ(math_equal(other, text), one) << text.substr(0, 60);
    }
  // Under 50 ms of processor time; the bound here leaves room for sanitizers.
  RecordProperty("longest_us", static_cast<int>(longest * 1000000 / CLOCKS_PER_SEC));
  EXPECT_LT(longest, CLOCKS_PER_SEC / 2);
}

Example gold(std::string answer) {
  Example example;
  example.id = "m1";
  example.answer = std::move(answer);
  return example;
}

TEST(Math, finds_the_answer) {
  const auto answer = [](std::string_view text) {
    return Grader::make("math")->grade(gold("1"), text).answer;
  };
  EXPECT_EQ(answer("so $\\boxed{5}$ and then $\\boxed{\\frac{1}{2}}$."), "\\frac{1}{2}");
  EXPECT_EQ(answer("\\boxed{x = \\boxed{7}}"), "7");
  EXPECT_EQ(answer("\\boxed 3 or so"), "3");
  EXPECT_EQ(answer("\\fbox{8}"), "8");
  EXPECT_EQ(answer("\\boxed{\\{1,2\\}}"), "\\{1,2\\}");
  EXPECT_EQ(answer("Final Answer: The final answer is $x^2$. I hope it is correct."), "x^2");
  EXPECT_EQ(answer("The answer is 3.5."), "3.5");
  EXPECT_EQ(answer("The answer is $1,000."), "$1,000");
  EXPECT_EQ(answer("We get \\(12\\)."), "12");
  EXPECT_EQ(answer("It costs $5 and then 6 of them make 30 in all"), "30");
  EXPECT_EQ(answer("#### 72"), "72");
  EXPECT_EQ(answer("nothing here"), "");
  EXPECT_EQ(answer("\\boxed{unfinished"), "unfinished");
}

TEST(Math, grades_strictly_and_leniently) {
  const auto grader = Grader::make("math");
  const Verdict boxed = grader->grade(gold("\\frac{1}{2}"), "$\\boxed{0.5}$");
  EXPECT_EQ(boxed.score, 1.0);
  EXPECT_EQ(boxed.strict_score, 1.0);
  const Verdict prose = grader->grade(gold("\\frac{1}{2}"), "so the answer is 1/2");
  EXPECT_EQ(prose.score, 1.0);
  EXPECT_FALSE(prose.strict_extracted);
  const Verdict wrong = grader->grade(gold("3"), "$\\boxed{4}$");
  EXPECT_EQ(wrong.score, 0.0);
  EXPECT_EQ(wrong.failure, "differs from the reference");
  EXPECT_FALSE(grader->grade(gold("3"), "").extracted);
  EXPECT_THROW(grader->grade(gold(" "), "3"), Error);
}

}  // namespace
}  // namespace xfer::grade
