// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/final_answer.hpp"
#include "grade/code/python_code.hpp"
#include "grade/extra_fields.hpp"
#include "grade/graders.hpp"
#include "xfer/error.hpp"
#include "xfer/grade/sandbox.hpp"

#include <nlohmann/json.hpp>

namespace xfer::grade {
namespace {

/// What runs after the answer: the set-up code, if any, then each test.
std::vector<std::string> read_checks(const Example& example) {
  std::vector<std::string> checks;
  if (const auto setup = example.extra.find("test_setup_code");
      setup != example.extra.end() && !trim(setup->second).empty())
    checks.push_back(setup->second);
  const auto field = example.extra.find("test_list");
  if (field == example.extra.end()) refuse("python_tests", example, "field 'test_list' is missing");
  const auto tests = nlohmann::json::parse(field->second, nullptr, false);
  if (!tests.is_array() || tests.empty())
    refuse("python_tests", example,
           "field 'test_list' must be a JSON array with at least one test");
  for (const auto& test : tests) {
    if (!test.is_string()) refuse("python_tests", example, "field 'test_list' must hold strings");
    checks.push_back(test.get<std::string>());
  }
  return checks;
}

class PythonTests final : public Grader {
public:
  std::string_view name() const noexcept override { return "python_tests"; }
  std::string_view version() const noexcept override { return "1"; }

  Verdict grade(const Example& example, std::string_view completion) const override {
    std::vector<std::string> checks = read_checks(example);
    ExtractedCode extracted = extract_python(completion);
    Verdict verdict;
    verdict.extracted = verdict.strict_extracted = !trim(extracted.code).empty();
    verdict.answer = extracted.code;
    if (!verdict.extracted) {
      verdict.failure = "no code in the text";
      return verdict;
    }
    const SandboxRun run = Sandbox().run({std::move(extracted.code), std::move(checks)});
    verdict.failure = run.failure;
    verdict.score = verdict.strict_score = run.end == SandboxEnd::completed ? 1.0 : 0.0;
    return verdict;
  }
};

}  // namespace

std::shared_ptr<const Grader> make_python_tests() { return std::make_shared<PythonTests>(); }

}  // namespace xfer::grade
