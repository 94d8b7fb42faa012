// MBPP: short Python tasks with asserts (Austin et al. 2021, arXiv 2108.07732).
#include "domains/file_dataset.hpp"

#include <algorithm>
#include <map>
#include <optional>

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
  if (id < 1 || id > task_id_max)
    record.refuse("field \"task_id\" must be in 1..974 (got " + std::to_string(id) + ")");
  return id;
}

Example read_example(const Record& record) {
  const std::vector<std::string> tests = record.texts("test_list");
  if (tests.empty()) record.refuse("field \"test_list\" must hold at least one assert");
  Example example;
  example.question = unix_lines(record.text("text")) + " Your code should pass these tests:\n";
  for (const std::string& test : tests) example.question += "\n" + unix_lines(test);
  example.solution = unix_lines(record.text("code"));
  if (example.solution.find_first_not_of(" \t\r\n") == std::string::npos)
    record.refuse("field \"code\" is empty");
  example.answer = example.solution;
  example.extra["test_list"] = nlohmann::json(tests).dump();
  example.extra["test_setup_code"] = record.text_or_empty("test_setup_code");
  example.extra["challenge_test_list"] = nlohmann::json(record.texts("challenge_test_list")).dump();
  return example;
}

/// The authors' own splits; nothing for the ten tasks that are few-shot prompts.
std::optional<Split> split_of_task(std::int64_t id) {
  if (id <= 10) return std::nullopt;
  if (id <= 510) return Split::test;
  return id <= 600 ? Split::validation : Split::train;
}

std::string id_of_task(std::int64_t id) {
  return "mbpp/" + std::to_string(id);
}

}  // namespace

bool looks_like_mbpp(const Record& first) {
  return first.has("task_id") && first.has("text") && first.has("code");
}

Domain mbpp_domain(std::shared_ptr<const JsonlFile> file) {
  Domain domain;
  domain.name = "mbpp";
  domain.title =
      "MBPP: short Python tasks (official splits: tasks 601-974 train, 511-600 "
      "validation, 11-510 test)";
  auto dataset = std::make_shared<FileDataset>("mbpp", read_example);
  dataset->add_file(file);
  std::map<std::int64_t, std::size_t> lines;
  for (std::size_t line = 0; line < file->size(); ++line) {
    const Record record = file->record(line);
    const std::int64_t id = task_id(record);
    read_example(record);  // a bad row is told now, not in the middle of a study
    if (!lines.emplace(id, line).second)
      record.refuse("field \"task_id\": task " + std::to_string(id) + " is there twice");
  }
  for (const auto& [id, line] : lines) {
    if (const auto split = split_of_task(id)) dataset->add_row(*split, 0, line, id_of_task(id));
    // The three examples that the authors put before every task.
    if (id >= 2 && id <= 4) {
      domain.few_shot.push_back(read_example(file->record(line)));
      domain.few_shot.back().id = id_of_task(id);
    }
  }
  domain.dataset = std::move(dataset);
  domain.grader = grade::Grader::make("python_tests");
  domain.prompts = {{"You are an expert Python programmer, and here is your task: ", ""},
                    {"You are an expert Python programmer, and here is your task: ", "\n[BEGIN]\n"},
                    {"Write Python code for this task. ", ""},
                    {"Task: ", "\nCode:"},
                    {"", "\nAnswer:"}};
  domain.max_answer_tokens = 384;
  domain.stop_strings = {"[DONE]"};
  return domain;
}

}  // namespace xfer::domains
