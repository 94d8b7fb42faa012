// SPDX-License-Identifier: Apache-2.0
// MBPP: short Python tasks with asserts (Austin et al. 2021, arXiv 2108.07732), and its sanitized
// part.
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

namespace xfer::domains {
namespace {

constexpr std::int64_t task_id_max = 974;

std::string unix_lines(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (text[i] != '\r' || i + 1 == text.size() || text[i + 1] != '\n') out += text[i];
  return out;
}

std::int64_t task_id(const Record& record) {
  const std::int64_t id = record.integer("task_id");
  if (id < 1 || id > task_id_max) record.refuse("task_id", "must be in 1..974", std::to_string(id));
  return id;
}

Reading read_mbpp(const Record& record) {
  const std::vector<std::string> tests = record.texts("test_list");
  if (tests.empty()) record.refuse("field \"test_list\" must hold at least one assert");
  const std::string_view wording = record.has("text") ? "text" : "prompt";
  Example example;
  example.id = std::to_string(task_id(record));
  example.question = unix_lines(record.text(wording));
  need_content(record, wording, example.question);
  example.question += " Your code should pass these tests:\n";
  for (const std::string& test : tests) example.question += "\n" + unix_lines(test);
  example.solution = unix_lines(record.text("code"));
  need_content(record, "code", example.solution);
  example.answer = example.solution;
  example.extra["test_list"] = nlohmann::json(tests).dump();
  example.extra["test_setup_code"] = record.has("test_imports")
                                         ? joined(record.texts("test_imports"), "\n")
                                         : record.text_or_empty("test_setup_code");
  example.extra["challenge_test_list"] = nlohmann::json(record.texts("challenge_test_list")).dump();
  return one(std::move(example));
}

/// The authors' own splits. Of the ten prompt tasks, three stand before every question.
Side mbpp_side(const Record& record) {
  const std::int64_t id = task_id(record);
  if (id <= 10) return id >= 2 && id <= 4 ? Side::few_shot : Side::unused;
  if (id <= 510) return Side::test;
  return id <= 600 ? Side::validation : Side::train;
}

Reader mbpp_tasks(const Source&) {
  Reader reader;
  reader.read = read_mbpp;
  reader.side = mbpp_side;
  return reader;
}

}  // namespace

std::vector<Form> mbpp_forms() {
  return {{"mbpp", "task_id, text, code, test_list",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("task_id") && r.is_text("text") && r.has("code");
           },
           mbpp_tasks},
          {"mbpp", "sanitized: task_id, prompt, code, test_imports, test_list",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("task_id") && r.is_text("prompt") && r.has("code") && r.has("test_list");
           },
           mbpp_tasks}};
}

}  // namespace xfer::domains
