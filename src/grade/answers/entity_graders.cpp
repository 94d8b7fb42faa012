// SPDX-License-Identifier: Apache-2.0
// Answers that are names: one of them, or a list.
#include "grade/answers/answer_text.hpp"
#include "grade/answers/commitment.hpp"
#include "grade/answers/entities.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"
#include "xfer/grade/metrics.hpp"

#include <algorithm>

namespace xfer::grade {
namespace {

constexpr std::size_t answers_max = 100;

/// Without "1.", "2)", "-", "*" or a bullet in front.
std::string_view strip_bullet(std::string_view line) noexcept {
  line = trim(line);
  std::size_t digits = 0;
  while (digits < line.size() && is_digit(line[digits])) ++digits;
  if (digits > 0 && digits < 4 && digits + 1 < line.size() &&
      (line[digits] == '.' || line[digits] == ')') && is_blank(line[digits + 1]))
    return trim(line.substr(digits + 1));
  for (const std::string_view bullet : {"- ", "* ", "+ ", "\xe2\x80\xa2"})
    if (line.starts_with(bullet)) return trim(line.substr(bullet.size()));
  return line;
}

void add_answer(std::vector<std::string>& answers, std::string_view text) {
  const std::string_view name = strip_decoration(strip_bullet(text));
  if (!name.empty() && answers.size() < answers_max) answers.emplace_back(name);
}

void add_parts(std::vector<std::string>& answers, std::string_view line, bool at_commas) {
  const std::string_view separators = at_commas && line.find(';') == std::string_view::npos
                                          ? std::string_view(",")
                                          : std::string_view(";");
  while (!line.empty()) {
    std::size_t end = std::min(line.find_first_of(separators), line.size());
    std::string_view part = line.substr(0, end);
    line.remove_prefix(std::min(end + 1, line.size()));
    if (at_commas) {
      part = trim(part);
      if (lower(part.substr(0, 4)) == "and ") part.remove_prefix(4);
      // "a, b and c": the last comma is a word.
      if (const std::size_t join = line.empty() ? lower(part).rfind(" and ") : std::string::npos;
          join != std::string::npos) {
        add_answer(answers, part.substr(0, join));
        part.remove_prefix(join + 5);
      }
    }
    add_answer(answers, part);
  }
}

/// One answer a line, or several on one line: separated by semicolons, and with `at_commas` by
/// commas where there are none. Behind "the answer is" when the text says so.
std::vector<std::string> read_answers(std::string_view text, bool at_commas) {
  if (const auto places = find_commitments(text); !places.empty()) {
    const Commitment& last = places.back();
    text.remove_prefix(last.at);
  }
  const auto lines = filled_lines(text);
  std::vector<std::string> answers;
  if (lines.size() == 1) {
    add_parts(answers, lines[0], at_commas);
    return answers;
  }
  for (const std::string_view line : lines) add_answer(answers, line);
  return answers;
}

std::string joined(const std::vector<std::string>& answers) {
  std::string text;
  for (const std::string& answer : answers) text += (text.empty() ? "" : "; ") + answer;
  return text;
}

/// BioASQ's factoid questions: up to five answers, the best first.
class Factoid final : public Grader {
public:
  std::string_view name() const noexcept override { return "factoid"; }
  std::string_view version() const noexcept override { return "1"; }

  /// `score` is the reciprocal rank, `strict_score` whether the first answer is right.
  Verdict grade(const Example& example, std::string_view completion) const override {
    const auto gold = entity_list(name(), example, "gold");
    auto answers = read_answers(completion, false);
    Verdict verdict;
    verdict.extracted = verdict.strict_extracted = !answers.empty();
    verdict.score = reciprocal_rank({gold, answers});
    verdict.strict_score = verdict.score == 1.0 ? 1.0 : 0.0;
    answers.resize(std::min<std::size_t>(answers.size(), 5));
    verdict.answer = joined(answers);
    if (answers.empty())
      verdict.failure = "no answer in the text";
    else if (verdict.score == 0.0)
      verdict.failure = "none of the first five answers names the reference";
    else if (verdict.score < 1.0)
      verdict.failure = "right, but not the first answer";
    return verdict;
  }
};

/// BioASQ's list questions.
class List final : public Grader {
public:
  std::string_view name() const noexcept override { return "list"; }
  std::string_view version() const noexcept override { return "1"; }

  /// `score` is F1, `strict_score` whether the list is complete and holds nothing else.
  Verdict grade(const Example& example, std::string_view completion) const override {
    const auto gold = entity_list(name(), example, "gold");
    const auto answers = read_answers(completion, true);
    const ListScores scores = list_scores({gold, answers});
    Verdict verdict;
    verdict.extracted = verdict.strict_extracted = !answers.empty();
    verdict.score = scores.f1;
    verdict.strict_score = scores.f1 == 1.0 ? 1.0 : 0.0;
    verdict.answer = joined(answers);
    if (answers.empty())
      verdict.failure = "no answer in the text";
    else if (scores.precision < 1.0)
      verdict.failure = scores.recall < 1.0 ? "wrong names, and some are missing" : "wrong names";
    else if (scores.recall < 1.0)
      verdict.failure = "some names are missing";
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const Grader> make_factoid() { return std::make_shared<Factoid>(); }
std::shared_ptr<const Grader> make_list() { return std::make_shared<List>(); }

}  // namespace xfer::grade
