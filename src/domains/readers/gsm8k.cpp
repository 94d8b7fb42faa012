// SPDX-License-Identifier: Apache-2.0
// GSM8K: grade-school word problems (Cobbe et al. 2021, arXiv 2110.14168).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

/// Without the calculator notes "<<48/2=24>>".
std::string without_notes(const std::string& text) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t open = text.find("<<", at);
    const std::size_t close = open == std::string::npos ? open : text.find(">>", open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    at = close + 2;
  }
}

bool is_number(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  return !digits.empty() && digits.front() != '.' && digits.back() != '.' &&
         std::count(digits.begin(), digits.end(), '.') <= 1 &&
         digits.find_first_not_of("0123456789.") == std::string_view::npos;
}

/// The number behind the last `mark` of the field, as a grader expects it.
std::string number_behind(const Record& record, std::string_view field, const std::string& answer,
                          std::string_view mark) {
  const std::string expected = "must end in \"" + std::string(mark) + " <number>\"";
  const std::size_t at = answer.rfind(mark);
  if (at == std::string::npos) record.refuse(field, expected, "no \"" + std::string(mark) + "\"");
  std::string number = trimmed(answer.substr(at + mark.size()));
  std::erase(number, ',');
  if (number.starts_with('$')) number.erase(0, 1);
  if (!is_number(number))
    record.refuse(field, expected, "no number behind the mark but " + shown(number));
  return number;
}

Reading read_gsm8k(const Record& record) {
  Example example;
  example.question = record.text("question");
  need_content(record, "question", example.question);
  const std::string answer = record.text("answer");
  example.answer = number_behind(record, "answer", answer, "####");
  example.solution = trimmed(without_notes(answer));
  return one(std::move(example));
}

constexpr std::array models = {"6b_finetuning", "6b_verification", "175b_finetuning",
                               "175b_verification"};

/// The test rows as they stand in example_model_solutions.jsonl, where "A: 18" ends an answer. The
/// answers of the four models and their verdicts come along, for checking graders.
Reading read_model_solutions(const Record& record) {
  Example example;
  example.question = record.text("question");
  need_content(record, "question", example.question);
  const std::string answer = record.text("ground_truth");
  example.answer = number_behind(record, "ground_truth", answer, "A:");
  std::string steps = trimmed(without_notes(answer));
  steps.replace(steps.rfind("A:"), 2, "####");
  example.solution = std::move(steps);
  nlohmann::json solutions = nlohmann::json::object();
  for (const char* model : models)
    if (record.has(model)) solutions[model] = record.object().at(model);
  example.extra["model_solutions"] = solutions.dump();
  return one(std::move(example));
}

Reader official(const Source&) {
  Reader reader;
  reader.read = read_gsm8k;
  return reader;
}

Reader model_solutions(const Source&) {
  Reader reader;
  reader.read = read_model_solutions;
  reader.side = [](const Record&) { return Side::test; };
  return reader;
}

}  // namespace

std::vector<Form> gsm8k_forms() {
  return {{"gsm8k", "questions with answers that end in \"#### <number>\"",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.is_text("answer") && !r.has("options") &&
                    !r.has("choices") && r.text("answer").find("####") != std::string::npos;
           },
           official},
          {"gsm8k", "example_model_solutions.jsonl",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.is_text("ground_truth") && r.has(models[0]);
           },
           model_solutions}};
}

}  // namespace xfer::domains
