// SPDX-License-Identifier: Apache-2.0
#include "domains/readers/legalbench.hpp"

#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace xfer::domains {
namespace {

namespace fs = std::filesystem;

/// Columns that may be shown where a task comes without its prompt. The others are ids, or give
/// the answer away ("parties_are_diverse", "issue", "slice").
constexpr std::array inputs = {"text",
                               "contract",
                               "question",
                               "Paragraph",
                               "Citation",
                               "statute",
                               "description",
                               "bill_title",
                               "bill_summary",
                               "company_name",
                               "company_description",
                               "circuit"};

std::string file_text(const fs::path& path) {
  std::error_code ignored;
  if (!fs::is_regular_file(path, ignored)) return "";
  std::string text = files::read_text(path, std::size_t{1} << 22U);
  need_utf8(text, path.string());
  return text;
}

/// "**License**: [CC BY 4.0](...)" of a task's README as "CC BY 4.0".
std::string readme_line(const std::string& readme, std::string_view name) {
  const std::string start = "**" + std::string(name) + "**:";
  const std::size_t at = readme.find(start);
  if (at == std::string::npos) return "";
  const std::size_t begin = at + start.size();
  std::string line = trimmed(readme.substr(begin, readme.find('\n', begin) - begin));
  if (line.starts_with('[')) line = line.substr(1, line.find(']') - 1);
  return line;
}

struct TaskFacts {
  std::string name;
  std::string rule;
  LegalPrompt prompt;
  std::string labels;  ///< JSON list
  std::string reasoning;
  std::string licence;
};

std::string filled(const std::string& pattern, const Record& record) {
  std::string out;
  std::size_t at = 0;
  for (;;) {
    const std::size_t open = pattern.find("{{", at);
    const std::size_t close =
        open == std::string::npos ? std::string::npos : pattern.find("}}", open);
    if (close == std::string::npos) return out + pattern.substr(at);
    out += pattern.substr(at, open - at);
    out += record.text_or_number(trimmed(pattern.substr(open + 2, close - open - 2)));
    at = close + 2;
  }
}

std::string listed_inputs(const Record& record) {
  std::string out;
  for (const char* column : inputs) {
    if (!record.has(column)) continue;
    const std::string text = trimmed(record.text_or_number(column));
    if (text.empty()) continue;
    std::string name = column;
    std::replace(name.begin(), name.end(), '_', ' ');
    name[0] = static_cast<char>(name[0] >= 'a' && name[0] <= 'z' ? name[0] - 'a' + 'A' : name[0]);
    out += (out.empty() ? "" : "\n") + name + ": " + text;
  }
  return out;
}

Reading read_legalbench(const Record& record, const TaskFacts& task, bool whole) {
  const std::string answer = trimmed(record.text_or_number("answer"));
  Example example;
  example.kind = task.name;
  example.id = task.name + "/" + (record.has("index") ? record.text_or_number("index") : "");
  example.question =
      task.prompt.question.empty() ? listed_inputs(record) : filled(task.prompt.question, record);
  if (is_blank(example.question)) record.refuse("the row has no text to ask about");
  if (whole) example.question = task.prompt.before + example.question + task.prompt.after;
  need_content(record, "answer", answer);
  if (task.rule == "label") {
    example.answer = answer;
    example.extra["labels"] = task.labels;
    example.extra["grader"] = "label";
  } else {
    example.answer = answer;
    example.extra["rule"] = task.rule;
    example.extra["grader"] = "legalbench";
    // Answers of these tasks are written as Python lists of names.
    if (task.rule == "parties")
      if (const auto names = parse_list(answer); !names.empty())
        example.answer = joined(names, ", ");
  }
  example.solution = example.answer;
  if (!task.reasoning.empty()) example.extra["reasoning"] = task.reasoning;
  return one(std::move(example));
}

/// Train and test answers together: there is no table of labels to go by.
std::string label_set(const Source& source) {
  std::set<std::string> labels;
  for (const auto& file : source.files)
    for (std::size_t i = 0; i < file->size(); ++i) {
      try {
        const std::string answer = trimmed(file->record(i).text_or_number("answer"));
        if (!answer.empty()) labels.insert(answer);
      } catch (const Error&) {
        continue;  // told when the row is read
      }
    }
  return nlohmann::json(std::vector<std::string>(labels.begin(), labels.end())).dump();
}

Reader task_reader(const Source& source, bool whole) {
  TaskFacts task;
  const fs::path folder = source.path.parent_path();
  task.name = folder.filename().string();
  task.rule = legal_rule(task.name);
  if (task.rule == "by hand")
    throw Error(Errc::bad_data, source.path.string() + ": the answers of the task " + task.name +
                                    " are judged by hand; it has no grader");
  if (task.rule == "label") task.labels = label_set(source);
  task.prompt = cut_prompt(file_text(folder / "base_prompt.txt"));
  std::string readme = file_text(folder / "README.md");
  if (readme.empty()) readme = file_text(folder / "README.MD");
  task.reasoning = readme_line(readme, "Legal reasoning type");
  task.licence = readme_line(readme, "License");
  Reader reader;
  reader.grader = task.rule == "label" ? "label" : "legalbench";
  if (!whole && !task.prompt.question.empty()) {
    // Its examples are rows of train.tsv: they may stand before test rows, not before themselves.
    const bool has_test = source.files.size() > 1;
    reader.prompts = {
        {has_test ? task.prompt.before : task.prompt.instructions, task.prompt.after}};
  }
  reader.ids_per_file = true;
  reader.note = "task " + task.name;
  if (!task.licence.empty()) reader.note += ", licence " + task.licence;
  reader.read = [task = std::move(task), whole](const Record& record) {
    return read_legalbench(record, task, whole);
  };
  return reader;
}

bool fits(const Record& record, const fs::path&) {
  if (!record.object().contains("answer") || !record.object().contains("index")) return false;
  return std::any_of(inputs.begin(), inputs.end(),
                     [&](const char* column) { return record.has(column); });
}

}  // namespace

LegalPrompt cut_prompt(std::string_view base_prompt) {
  LegalPrompt prompt;
  const std::size_t first = base_prompt.find("{{");
  const std::size_t last = base_prompt.rfind("}}");
  if (first == std::string_view::npos || last == std::string_view::npos || last < first)
    return prompt;
  const std::string_view head = base_prompt.substr(0, first);
  const std::size_t blank_line = head.rfind("\n\n");
  const std::size_t begin = blank_line == std::string_view::npos ? 0 : blank_line + 2;
  prompt.before = base_prompt.substr(0, begin);
  std::string_view rest = base_prompt.substr(begin);
  rest = rest.substr(0, rest.find_last_not_of(blanks) + 1);
  const std::size_t slots_end = last + 2 - begin;
  const std::size_t newline = rest.rfind('\n');
  const std::size_t cut =
      newline == std::string_view::npos || newline < slots_end ? rest.size() : newline;
  prompt.question = rest.substr(0, cut);
  prompt.after = rest.substr(cut);
  // Examples end as the question does ("\nA: yes"): what stands before the first is instruction.
  const std::size_t first_example =
      prompt.after.empty() ? std::string::npos : prompt.before.find(prompt.after);
  const std::size_t instructions_end = first_example == std::string::npos
                                           ? prompt.before.size()
                                           : prompt.before.rfind("\n\n", first_example);
  prompt.instructions =
      instructions_end == std::string::npos ? "" : prompt.before.substr(0, instructions_end);
  if (first_example != std::string::npos && !prompt.instructions.empty())
    prompt.instructions += "\n\n";
  return prompt;
}

std::string_view legal_rule(std::string_view task) {
  if (task == "rule_qa") return "by hand";
  if (task == "sara_numeric") return "amount";
  if (task == "successor_liability") return "exceptions";
  if (task == "definition_extraction") return "term";
  if (task == "citation_prediction_open") return "citation";
  if (task.starts_with("ssla_")) return "parties";
  return "label";
}

std::vector<fs::path> legal_task_folders(const fs::path& folder) {
  std::vector<fs::path> all;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored))
    if (fs::is_regular_file(entry.path() / "train.tsv", ignored)) all.push_back(entry.path());
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<Form> legalbench_forms() {
  return {{"legalbench", "one task: index, answer, its texts", fits,
           [](const Source& source) { return task_reader(source, source.whole_questions); }}};
}

}  // namespace xfer::domains
