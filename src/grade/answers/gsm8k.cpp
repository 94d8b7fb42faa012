// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/decimal.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/graders.hpp"
#include "xfer/error.hpp"

namespace xfer::grade {
namespace {

/// The number that begins (after blanks) the rest of the line behind the last `mark`.
std::optional<NumberToken> number_behind(std::string_view text, std::string_view mark) {
  const std::size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + mark.size());
  return find_number(rest.substr(0, rest.find('\n')));
}

/// Marks in the order of their authority: the data set's own, then the one of its published
/// model solutions, then any number at the end.
std::optional<NumberToken> find_answer(std::string_view text) {
  if (auto found = number_behind(text, "####")) return found;
  if (auto found = number_behind(text, "\nA:")) return found;
  if (auto found = text.starts_with("A:") ? number_behind(text, "A:") : std::nullopt) return found;
  return find_last_number(text);
}

/// Lenient, as lm-evaluation-harness's "flexible-extract" for this data set: the last number
/// counts, but a marked one is preferred. Strictly, only the data set's own mark "####" counts.
/// Numbers are compared as decimals.
class Gsm8k final : public Grader {
public:
  std::string_view name() const noexcept override { return "gsm8k"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    const auto reference = find_last_number(example.answer);
    if (!reference)
      throw Error(Errc::bad_data,
                  "grader gsm8k: example '" + example.id + "' has no number as its answer");
    Verdict verdict;
    const auto found = find_answer(completion);
    if (!found) {
      verdict.failure = "no number in the text";
      return verdict;
    }
    const auto marked = number_behind(completion, "####");
    verdict.strict_extracted = marked.has_value();
    verdict.strict_score = marked && marked->value == reference->value ? 1.0 : 0.0;
    verdict.extracted = true;
    verdict.answer = std::string(found->text);
    if (found->value == reference->value)
      verdict.score = 1.0;
    else
      verdict.failure = "differs from the reference";
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const Grader> make_gsm8k() { return std::make_shared<Gsm8k>(); }

}  // namespace xfer::grade
