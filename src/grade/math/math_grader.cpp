// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/final_answer.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"
#include "grade/math/math_text.hpp"
#include "xfer/grade/math.hpp"

namespace xfer::grade {
namespace {

/// Free mathematical answers, as those of MATH (Hendrycks et al. 2021, arXiv 2103.03874).
class Math final : public Grader {
public:
  std::string_view name() const noexcept override { return "math"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    if (trim(example.answer).empty()) refuse(name(), example, "the answer is empty");
    const auto found = find_math_answer(completion);
    const auto marked = find_marked_math_answer(completion);
    Verdict verdict;
    verdict.strict_extracted = marked.has_value();
    verdict.strict_score = marked && math_equal(example.answer, *marked) ? 1.0 : 0.0;
    verdict.extracted = found.has_value();
    if (!found) {
      verdict.failure = "no mathematical answer in the text";
      return verdict;
    }
    verdict.answer = std::string(found->substr(0, answer_length_max));
    if (math_equal(example.answer, *found))
      verdict.score = 1.0;
    else
      verdict.failure = "differs from the reference";
    return verdict;
  }

private:
  static constexpr std::size_t answer_length_max = 2000;
};

}  // namespace

std::shared_ptr<const Grader> make_math() { return std::make_shared<Math>(); }

}  // namespace xfer::grade
