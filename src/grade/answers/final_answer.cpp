// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/final_answer.hpp"

#include "grade/graders.hpp"

namespace xfer::grade {
namespace {

class FinalAnswer final : public Grader {
public:
  std::string_view name() const noexcept override { return "final_answer"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    Verdict verdict;
    const auto found = text_after_mark(completion);
    if (!found) {
      verdict.failure = "no final answer: no '#' in the text";
      return verdict;
    }
    verdict.extracted = verdict.strict_extracted = true;
    verdict.answer = std::string(*found);
    if (*found == trim(example.answer))
      verdict.score = verdict.strict_score = 1.0;
    else
      verdict.failure = "differs from the reference";
    return verdict;
  }
};

}  // namespace

std::string_view trim(std::string_view text) noexcept {
  constexpr std::string_view blank = " \t\r\n\v\f";
  const std::size_t first = text.find_first_not_of(blank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blank) - first + 1);
}

std::optional<std::string_view> text_after_mark(std::string_view text) noexcept {
  const std::size_t mark = text.rfind('#');
  if (mark == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(mark + 1);
  return trim(rest.substr(0, rest.find('\n')));
}

std::shared_ptr<const Grader> make_final_answer() { return std::make_shared<FinalAnswer>(); }

}  // namespace xfer::grade
