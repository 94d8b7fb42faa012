// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/answer_text.hpp"
#include "grade/answers/entities.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/answers/option_reader.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"

#include <algorithm>
#include <set>

namespace xfer::grade {
namespace {

constexpr std::size_t choices_max = 26;

std::string letter(std::size_t option) {
  return std::string(1, static_cast<char>('A' + static_cast<char>(option)));
}

/// Fills both readings of an option; `name` says what stands in `Verdict::answer`.
template <class Name>
Verdict judge(const OptionReading& reading, std::size_t right, Name name) {
  Verdict verdict;
  verdict.extracted = reading.lenient.has_value();
  verdict.strict_extracted = reading.strict.has_value();
  verdict.strict_score = reading.strict == right ? 1.0 : 0.0;
  if (!reading.lenient) {
    verdict.failure = "no answer that is one of the options";
    return verdict;
  }
  verdict.answer = name(*reading.lenient);
  if (*reading.lenient == right)
    verdict.score = 1.0;
  else
    verdict.failure = "differs from the reference";
  return verdict;
}

/// Multiple choice: letter, text, or both.
class Choice final : public Grader {
public:
  std::string_view name() const noexcept override { return "choice"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    const std::size_t n = example.choices.size();
    if (n < 2 || n > choices_max)
      refuse(name(), example, "needs 2 to 26 choices (got " + std::to_string(n) + ")");
    const std::string_view answer = trim(example.answer);
    const std::size_t right = answer.size() == 1 && is_letter(answer[0])
                                  ? static_cast<std::size_t>(to_lower(answer[0]) - 'a')
                                  : choices_max;
    if (right >= n)
      refuse(name(), example,
             "the answer must be a letter from A to " + letter(n - 1) + " (got '" +
                 std::string(answer.substr(0, 40)) + "')");
    return judge(OptionReader(example.choices, true).read(completion), right, letter);
  }
};

/// One of a set of labels.
class Label final : public Grader {
public:
  std::string_view name() const noexcept override { return "label"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    const auto labels = string_list(name(), example, "labels");
    std::set<std::string> keys;
    for (const std::string& label : labels)
      if (const std::string key = entity_key(label); key.empty() || !keys.insert(key).second)
        refuse(name(), example,
               "label '" + label + "' is empty or given twice (case does not tell two apart)");
    const std::string right_key = entity_key(example.answer);
    const auto right = std::find_if(labels.begin(), labels.end(), [&](const std::string& label) {
      return entity_key(label) == right_key;
    });
    if (right == labels.end())
      refuse(name(), example, "the answer '" + example.answer + "' is not one of its labels");
    return judge(OptionReader(labels, false).read(completion),
                 static_cast<std::size_t>(right - labels.begin()),
                 [&](std::size_t option) { return labels[option]; });
  }
};

}  // namespace

std::shared_ptr<const Grader> make_choice() { return std::make_shared<Choice>(); }
std::shared_ptr<const Grader> make_label() { return std::make_shared<Label>(); }

}  // namespace xfer::grade
