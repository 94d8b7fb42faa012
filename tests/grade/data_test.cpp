// SPDX-License-Identifier: Apache-2.0
// Verdicts on published answers; the files are not part of the project.
#include "xfer/error.hpp"
#include "xfer/grade/grader.hpp"
#include "xfer/grade/sandbox.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace xfer::grade {
namespace {

using nlohmann::json;

/// The records of a JSON Lines file of the shared folder; empty when it is not here.
std::vector<json> shared_lines(const std::string& path) {
  const char* folder = std::getenv("XFER_SHARED");
  const std::filesystem::path root = folder ? folder : XFER_SOURCE_DIR "/../shared";
  std::ifstream file(root / "data" / path);
  std::vector<json> lines;
  for (std::string line; std::getline(file, line);)
    if (!line.empty()) lines.push_back(json::parse(line));
  return lines;
}

std::string after_last(const std::string& text, const std::string& mark) {
  const std::size_t at = text.rfind(mark);
  return at == std::string::npos ? std::string() : text.substr(at + mark.size());
}

TEST(Gsm8k, agrees_with_every_published_verdict) {
  const auto rows = shared_lines("gsm8k/example_model_solutions.jsonl");
  if (rows.empty()) GTEST_SKIP() << "example_model_solutions.jsonl of GSM8K is not here";
  const auto grader = Grader::make("gsm8k");
  int verdicts = 0;
  for (const json& row : rows) {
    Example example;
    example.id = std::to_string(verdicts);
    example.answer = after_last(row.at("ground_truth"), "A:");
    for (const auto& [model, answer] : row.items()) {
      if (!answer.is_object()) continue;
      ++verdicts;
      const Verdict verdict = grader->grade(example, answer.at("solution").get<std::string>());
      EXPECT_EQ(verdict.score == 1.0, answer.at("is_correct").get<bool>())
          << model << ": " << answer.at("solution");
    }
  }
  EXPECT_EQ(verdicts % 4, 0);
  EXPECT_GE(verdicts, 600);
}

TEST(Gsm8k, accepts_every_reference_solution) {
  const auto rows = shared_lines("gsm8k/test.jsonl");
  if (rows.empty()) GTEST_SKIP() << "test.jsonl of GSM8K is not here";
  const auto grader = Grader::make("gsm8k");
  for (const json& row : rows) {
    Example example;
    example.answer = after_last(row.at("answer"), "####");
    ASSERT_EQ(grader->grade(example, row.at("answer").get<std::string>()).score, 1.0)
        << row.at("answer");
  }
}

Example mbpp_example(const json& row) {
  Example example;
  example.id = std::to_string(row.at("task_id").get<int>());
  example.extra["test_list"] = row.at("test_list").dump();
  example.extra["test_setup_code"] = row.at("test_setup_code").get<std::string>();
  return example;
}

/// Every `XFER_MBPP_STRIDE`-th task, 39 by default: a sample of 25 of the 974.
TEST(PythonTests, accept_reference_solutions_of_mbpp) {
  const auto rows = shared_lines("mbpp/mbpp.jsonl");
  if (rows.empty()) GTEST_SKIP() << "mbpp.jsonl is not here";
  try {
    Sandbox();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const char* setting = std::getenv("XFER_MBPP_STRIDE");
  const auto stride = static_cast<std::size_t>(std::max(1, setting ? std::atoi(setting) : 39));
  const auto grader = Grader::make("python_tests");
  for (std::size_t i = 0; i < rows.size(); i += stride) {
    const std::string code = rows[i].at("code");
    const Verdict verdict = grader->grade(mbpp_example(rows[i]), code);
    EXPECT_EQ(verdict.score, 1.0) << "task " << rows[i].at("task_id") << ": " << verdict.failure;
  }
}

Example doubling() {
  Example example;
  example.id = "double";
  example.extra["test_list"] = R"(["assert double(2) == 4", "assert double(-3) == -6"])";
  return example;
}

TEST(PythonTests, judge_answers_in_their_usual_wrappings) {
  try {
    Sandbox();
  } catch (const Error& error) {
    GTEST_SKIP() << error.what();
  }
  const auto grader = Grader::make("python_tests");
  const std::string code = "def double(x):\n    return 2 * x\n";
  for (const std::string& text : {code, "[BEGIN]\n" + code + "[DONE]", code + "[DONE] and more",
                                  "Sure!\n```python\n" + code + "```\nIt doubles."}) {
    const Verdict verdict = grader->grade(doubling(), text);
    EXPECT_EQ(verdict.score, 1.0) << verdict.failure;
    EXPECT_TRUE(verdict.extracted);
    EXPECT_EQ(verdict.failure, "");
  }
  const Verdict wrong = grader->grade(doubling(), "def double(x):\n    return x + 2\n");
  EXPECT_EQ(wrong.score, 0.0);
  EXPECT_EQ(wrong.failure, "check 2: AssertionError");
  EXPECT_FALSE(grader->grade(doubling(), " \n").extracted);

  Example with_setup = doubling();
  with_setup.extra["test_setup_code"] = "limit = 4";
  with_setup.extra["test_list"] = R"(["assert double(2) == limit"])";
  EXPECT_EQ(grader->grade(with_setup, code).score, 1.0);
}

TEST(PythonTests, refuse_examples_without_usable_tests) {
  const auto grader = Grader::make("python_tests");
  for (const char* tests : {"", "[]", "{}", "[1]", "assert True"}) {
    Example example = doubling();
    example.extra["test_list"] = tests;
    try {
      grader->grade(example, "x = 1");
      ADD_FAILURE() << tests;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Errc::bad_data);
      EXPECT_NE(std::string(error.what()).find("'double'"), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace xfer::grade
