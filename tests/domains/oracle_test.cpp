// SPDX-License-Identifier: Apache-2.0
// The generators' answers against evaluators that share no code with them.
#include "domains/arithmetic.hpp"
#include "xfer/domains/domain.hpp"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <regex>
#include <string>

namespace xfer::domains {
namespace {

/// Integer expressions over x and y: + - * % min max, parentheses, unary minus.
class Evaluator {
public:
  Evaluator(std::string text, long x, long y) : text_(std::move(text)), x_(x), y_(y) {}
  std::optional<long> value() {
    const long v = sum();
    if (bad_ || at_ != text_.size()) return std::nullopt;
    return v;
  }

private:
  bool take(char c) {
    if (at_ < text_.size() && text_[at_] == c) return ++at_, true;
    return false;
  }
  long sum() {
    long v = term();
    for (;;) {
      if (take('+'))
        v += term();
      else if (take('-'))
        v -= term();
      else
        return v;
    }
  }
  long term() {
    long v = factor();
    for (;;) {
      if (take('*'))
        v *= factor();
      else if (take('%')) {
        const long m = factor();
        if (m == 0) return bad_ = true, 0;
        v = ((v % m) + m) % m;
      } else if (take('/')) {
        const long m = factor();
        if (m == 0 || v % m != 0) return bad_ = true, 0;
        v /= m;
      } else {
        return v;
      }
    }
  }
  long factor() {
    if (take('-')) return -factor();
    if (take('(')) {
      const long v = sum();
      bad_ = bad_ || !take(')');
      return v;
    }
    if (take('x')) return x_;
    if (take('y')) return y_;
    for (const auto* name : {"max(", "min("})
      if (text_.compare(at_, 4, name) == 0) {
        at_ += 4;
        const long a = sum();
        bad_ = bad_ || !take(',');
        const long b = sum();
        bad_ = bad_ || !take(')');
        return name[1] == 'a' ? std::max(a, b) : std::min(a, b);
      }
    if (at_ >= text_.size() || !std::isdigit(static_cast<unsigned char>(text_[at_])))
      return bad_ = true, 0;
    long v = 0;
    while (at_ < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_])))
      v = v * 10 + (text_[at_++] - '0');
    return v;
  }
  std::string text_;
  std::size_t at_ = 0;
  long x_, y_;
  bool bad_ = false;
};

TEST(WorkedArithmetic, is_written_step_by_step) {
  EXPECT_EQ(product(47, 6), "47*6=240+42=282.");
  EXPECT_EQ(product(40, 6), "40*6=240.");
  EXPECT_EQ(product(7, 6), "7*6=42.");
  EXPECT_EQ(product(107, 3), "107*3=300+21=321.");
  EXPECT_EQ(quotient(42, 6), "42/6=7.");
  EXPECT_EQ(quotient(84, 6), "84/6: 8/6=1 r2, 24/6=4. 84/6=14.");
  EXPECT_EQ(quotient(282, 3), "282/3: 28/3=9 r1, 12/3=4. 282/3=94.");
  EXPECT_EQ(comparison(47, '>', 50), "47>50 no.");
}

/// Checks every "a=b=c" of plain numbers and every "a>b yes" in worked steps.
void check_steps(const Example& e) {
  static const std::regex equation(R"((^|[ :])([0-9][0-9+\-*/%]*(?:=[0-9][0-9+*\-]*)+)([ .,]|$))");
  static const std::regex remainder(R"((\d+)/(\d+)=(\d+) r(\d+))");
  static const std::regex compared(R"((\d+)([<>])(\d+) (yes|no))");
  if (e.kind.ends_with("circuit")) return;  // "A1 and B0: E0": checked by `boolean_lines`
  std::string text = e.solution;
  for (std::sregex_iterator it(text.begin(), text.end(), remainder), end; it != end; ++it) {
    const long a = std::stol((*it)[1]), b = std::stol((*it)[2]), q = std::stol((*it)[3]),
               r = std::stol((*it)[4]);
    EXPECT_EQ(a, b * q + r) << e.solution;
    EXPECT_LT(r, b) << e.solution;
  }
  for (std::sregex_iterator it(text.begin(), text.end(), compared), end; it != end; ++it) {
    const long a = std::stol((*it)[1]), b = std::stol((*it)[3]);
    EXPECT_EQ((*it)[2] == ">" ? a > b : a < b, (*it)[4] == "yes") << e.solution;
  }
  text = std::regex_replace(text, remainder, "");
  for (std::sregex_iterator it(text.begin(), text.end(), equation), end; it != end; ++it) {
    std::optional<long> before;
    std::string chain = (*it)[2];
    while (!chain.empty()) {
      const std::size_t cut = std::min(chain.find('='), chain.size());
      const auto value = Evaluator(chain.substr(0, cut), 0, 0).value();
      ASSERT_TRUE(value) << chain << " in " << e.solution;
      EXPECT_EQ(before.value_or(*value), *value) << chain << " in " << e.solution;
      before = value;
      chain.erase(0, cut + 1);
    }
  }
}

class EveryDomainOracle : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Oracle, EveryDomainOracle, ::testing::ValuesIn(procedural_domain_names()),
                         [](const auto& each) { return each.param; });

TEST_P(EveryDomainOracle, every_worked_step_is_true_and_the_grader_accepts_the_answer) {
  const Domain d = procedural_domain(GetParam());
  for (const Split split : {Split::train, Split::test, Split::heldout})
    for (std::size_t i = 0; i < 400; ++i) {
      const Example e = d.dataset->at(split, i);
      const std::size_t mark = e.solution.rfind('#');
      ASSERT_NE(mark, std::string::npos);
      EXPECT_EQ(e.solution.substr(mark + 1), e.answer);
      EXPECT_EQ(std::count(e.solution.begin(), e.solution.end(), '#'), 1);
      EXPECT_EQ(e.question.find('\n'), std::string::npos);
      EXPECT_GT(mark, 0U) << "fine-tuning answers are worked: " << e.solution;
      check_steps(e);
      EXPECT_EQ(d.grader->grade(e, e.solution).score, 1.0) << e.solution;
      EXPECT_EQ(d.grader->grade(e, "#" + e.answer).score, 1.0) << e.solution;
      EXPECT_EQ(d.grader->grade(e, "no idea").score, 0.0);
      EXPECT_EQ(d.grader->grade(e, e.solution + "9").score, 0.0) << e.solution;
    }
}

TEST(CodeOracle, hidden_points_hold_for_the_reference_expression) {
  const Domain d = procedural_domain("code");
  int expressions = 0;
  for (std::size_t i = 0; i < 600; ++i) {
    const Example e = d.dataset->at(Split::test, i);
    if (!e.extra.contains("points")) continue;
    ++expressions;
    EXPECT_EQ(e.extra.at("variables"), R"(["x","y"])");
    EXPECT_LE(e.answer.size(), 40U);
    const auto points = nlohmann::json::parse(e.extra.at("points"));
    EXPECT_EQ(points.size(), 8U);
    for (const auto& p : points)
      EXPECT_EQ(Evaluator(e.answer, p[0], p[1]).value(), p[2].get<long>()) << e.answer;
  }
  EXPECT_GT(expressions, 100);
}

/// Answers a question about rules by following them, from the text alone.
std::string follow(const Example& e) {
  static const std::regex rule(R"(\b([A-Z])([A-Z])\b)");
  std::map<char, char> next;
  for (std::sregex_iterator it(e.question.begin(), e.question.end(), rule), end; it != end; ++it)
    next[(*it)[1].str()[0]] = (*it)[2].str()[0];
  const auto steps = [&](char from, char to) {
    for (int n = 0;; ++n) {
      if (from == to) return n;
      if (!next.contains(from)) return -1;
      from = next[from];
    }
  };
  std::smatch m;
  if (std::regex_search(e.question, m, std::regex("Where does ([A-Z]) end"))) {
    char at = m[1].str()[0];
    while (next.contains(at)) at = next[at];
    return std::string(1, at);
  }
  if (std::regex_search(e.question, m, std::regex("steps from ([A-Z]) to ([A-Z])")))
    return std::to_string(steps(m[1].str()[0], m[2].str()[0]));
  std::regex_search(e.question, m,
                    std::regex("Does ([A-Z]) lead to ([A-Z])(?: (and|or) ([A-Z]) to ([A-Z]))?"));
  bool yes = steps(m[1].str()[0], m[2].str()[0]) >= 0;
  if (m[3].matched) {
    const bool second = steps(m[4].str()[0], m[5].str()[0]) >= 0;
    yes = m[3] == "and" ? yes && second : yes || second;
  }
  return yes ? "yes" : "no";
}

std::string boolean_lines(const Example& e) {
  static const std::regex line(R"(([A-Z])(?:([01])|=([A-Z]) (and|or|xor) (not )?([A-Z])))");
  std::map<char, bool> value;
  for (std::sregex_iterator it(e.question.begin(), e.question.end(), line), end; it != end; ++it) {
    const auto& m = *it;
    const char name = m[1].str()[0];
    if (m[2].matched) {
      value[name] = m[2] == "1";
    } else {
      const bool a = value.at(m[3].str()[0]), b = value.at(m[6].str()[0]) != m[5].matched;
      value[name] = m[4] == "and" ? a && b : m[4] == "or" ? a || b : a != b;
    }
  }
  std::smatch m;
  std::regex_search(e.question, m, std::regex("Find ([A-Z]) and ([A-Z])"));
  return std::string(value.at(m[1].str()[0]) ? "1" : "0") + (value.at(m[2].str()[0]) ? "1" : "0");
}

std::string by_total(const Example& e) {
  static const std::regex part(R"(([A-Z]) has (\d+) and (\d+))");
  std::vector<std::pair<int, char>> totals;
  for (std::sregex_iterator it(e.question.begin(), e.question.end(), part), end; it != end; ++it)
    totals.emplace_back(-std::stoi((*it)[2]) - std::stoi((*it)[3]), (*it)[1].str()[0]);
  std::sort(totals.begin(), totals.end());
  std::string order;
  for (const auto& entry : totals) order += entry.second;
  return e.kind == "most" ? order.substr(0, 1) : order;
}

TEST(LogicOracle, answers_follow_from_the_question_alone) {
  const Domain d = procedural_domain("logic");
  std::map<std::string, int> kinds;
  for (const Split split : {Split::train, Split::test, Split::heldout})
    for (std::size_t i = 0; i < 400; ++i) {
      const Example e = d.dataset->at(split, i);
      ++kinds[e.kind];
      const bool totals = e.kind == "most" || e.kind == "rank";
      const std::string answer = e.kind.ends_with("circuit") ? boolean_lines(e)
                                 : totals                    ? by_total(e)
                                                             : follow(e);
      EXPECT_EQ(answer, e.answer) << e.question;
    }
  EXPECT_EQ(kinds.size(), 8U);
}

TEST(BiologyOracle, codons_follow_the_standard_genetic_code) {
  // A few well-known entries of the table: start, tryptophan, and the ends of the rows.
  const std::map<std::string, std::string> known = {{"AUG", "Met"}, {"UGG", "Trp"}, {"UUU", "Phe"},
                                                    {"GGG", "Gly"}, {"AAA", "Lys"}, {"CAU", "His"},
                                                    {"GAA", "Glu"}, {"UAC", "Tyr"}, {"AGC", "Ser"},
                                                    {"CUG", "Leu"}, {"AUA", "Ile"}, {"ACG", "Thr"}};
  const Domain d = procedural_domain("biology");
  static const std::regex entry("([ACGU]{3}) ([A-Z][a-z]{2})\\.");
  std::map<std::string, std::string> seen;
  for (std::size_t i = 0; i < 3000; ++i) {
    const Example e = d.dataset->at(Split::train, i);
    for (std::sregex_iterator it(e.solution.begin(), e.solution.end(), entry), end; it != end; ++it)
      EXPECT_EQ(seen.emplace((*it)[1], (*it)[2]).first->second, (*it)[2]);
  }
  EXPECT_EQ(seen.size(), 61U);
  for (const auto& [codon, amino] : known) EXPECT_EQ(seen.at(codon), amino) << codon;
}

}  // namespace
}  // namespace xfer::domains
