// SPDX-License-Identifier: Apache-2.0
// HumanEval (Chen et al. 2021, arXiv 2107.03374): the completion of a function.
#include "grade/answers/answer_text.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/code/python_code.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"
#include "xfer/grade/sandbox.hpp"

#include <algorithm>

namespace xfer::grade {
namespace {

bool is_identifier(std::string_view name) noexcept {
  return !name.empty() && !is_digit(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_word(c) || c == '_'; });
}

/// Where a line begins with "def NAME(" (or "async def"); npos when there is none.
std::size_t find_definition(std::string_view code, std::string_view name) {
  const std::string wanted = "def " + std::string(name);
  for (std::size_t at = code.find(wanted); at != std::string_view::npos;
       at = code.find(wanted, at + 1)) {
    const std::size_t end = at + wanted.size();
    if (end < code.size() && (is_word(code[end]) || code[end] == '_')) continue;
    if (at == 0 || code[at - 1] == '\n') return at;
    if (at >= 6 && code.substr(at - 6, 6) == "async " && (at == 6 || code[at - 7] == '\n'))
      return at - 6;
  }
  return std::string_view::npos;
}

/// As the official harness puts a program together.
std::string raw_program(const std::string& prompt, std::string_view completion) {
  return prompt + std::string(completion) + "\n";
}

/// Answers of chat models: a fenced block, or the whole function once more. What the prompt sets up
/// before the function (imports, helpers) stays.
std::string lenient_program(const std::string& prompt, std::string_view completion,
                            const std::string& entry_point) {
  const ExtractedCode extracted = extract_python(completion);
  const std::string_view code = extracted.marked ? std::string_view(extracted.code) : completion;
  if (find_definition(code, entry_point) == std::string_view::npos)
    return raw_program(prompt, code);
  const std::size_t header = find_definition(prompt, entry_point);
  return prompt.substr(0, header == std::string::npos ? 0 : header) + "\n" + std::string(code) +
         "\n";
}

/// The official harness gives 3 s of wall time; on a busy machine processor time is the same thing
/// without the luck. Sleepers get more, for the same reason.
SandboxLimits limits() {
  SandboxLimits limits;
  limits.cpu_time = std::chrono::seconds(3);
  limits.wall_time = std::chrono::seconds(8);
  limits.memory_bytes = 2048ULL << 20U;
  return limits;
}

class HumanEval final : public Grader {
public:
  std::string_view name() const noexcept override { return "humaneval"; }
  std::string_view version() const noexcept override { return "1"; }

  /// `strict_score` takes the completion as it is, as the official harness does.
  Verdict grade(const Example& example, std::string_view completion) const override {
    const std::string& prompt = text_field(name(), example, "prompt");
    const std::string& test = text_field(name(), example, "test");
    const std::string& entry_point = text_field(name(), example, "entry_point");
    if (!is_identifier(entry_point))
      refuse(name(), example,
             "field 'entry_point' must be the name of a function (got '" +
                 entry_point.substr(0, 40) + "')");
    Verdict verdict;
    verdict.extracted = verdict.strict_extracted = !trim(completion).empty();
    verdict.answer = std::string(completion);
    const std::string strict = raw_program(prompt, completion);
    const std::string lenient = lenient_program(prompt, completion, entry_point);
    const std::string check = test + "\ncheck(" + entry_point + ")";
    const auto run = [&](const std::string& program) {
      return Sandbox(limits()).run({program, {check}});
    };
    const SandboxRun found = run(lenient);
    verdict.score = found.end == SandboxEnd::completed ? 1.0 : 0.0;
    verdict.failure = found.failure;
    verdict.strict_score = verdict.score;
    if (strict != lenient)
      verdict.strict_score = run(strict).end == SandboxEnd::completed ? 1.0 : 0.0;
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const Grader> make_humaneval() { return std::make_shared<HumanEval>(); }

}  // namespace xfer::grade
