// SPDX-License-Identifier: Apache-2.0
// SciQ: crowd-sourced science questions (Welbl, Liu, Gardner 2017, arXiv 1707.06209).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/rng.hpp"

#include <algorithm>
#include <array>
#include <span>

namespace xfer::domains {
namespace {

constexpr std::array fields = {"distractor1", "distractor2", "distractor3", "correct_answer"};

/// The file gives no order of options: the seed and the question decide it.
Reading read_sciq(const Record& record, std::uint64_t seed) {
  const std::string question = record.text("question");
  need_content(record, "question", question);
  std::vector<std::string> options;
  for (const char* field : fields) {
    options.push_back(trimmed(record.text(field)));
    need_content(record, field, options.back());
  }
  std::array<std::size_t, fields.size()> order{0, 1, 2, 3};
  Rng(seed, "sciq options").fork(question).shuffle(std::span<std::size_t>(order));
  std::vector<std::string> shuffled;
  std::size_t right = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (order[i] == fields.size() - 1) right = i;
    shuffled.push_back(options[order[i]]);
  }
  const std::string support = trimmed(record.text_or_empty("support"));
  Example example;
  example.kind = support.empty() ? "closed book" : "with support";
  example.extra["option_seed"] = std::to_string(seed);
  const std::string asked = "Question: " + trimmed(question);
  set_choices(example, record, support.empty() ? asked : support + "\n" + asked,
              std::move(shuffled), right);
  return one(std::move(example));
}

Reader sciq_rows(const Source& source) {
  Reader reader;
  const std::uint64_t seed = source.options.seed;
  reader.read = [seed](const Record& record) { return read_sciq(record, seed); };
  reader.note = "support passages shown; order of options from seed " + std::to_string(seed);
  return reader;
}

constexpr std::string_view adapters_start = "Please choose the correct answer to the question:";

/// "Please choose ...: Q?\n\nAnswer1: a\nAnswer2: b\n\nAnswer format: answer1/answer2" with the
/// answer "answer2". The order of options is the row's own; there is no support passage.
Reading read_adapters(const Record& record) {
  const std::string instruction = record.text("instruction");
  std::vector<std::string> options;
  std::size_t begin = instruction.find("\nAnswer1:");
  const std::size_t end = instruction.rfind("\nAnswer format:");
  if (!instruction.starts_with(adapters_start) || begin == std::string::npos ||
      end == std::string::npos || end < begin)
    record.refuse("instruction", "must be a question, options \"Answer1: ...\" and a format",
                  "the text " + shown(instruction));
  const std::string question =
      trimmed(instruction.substr(adapters_start.size(), begin - adapters_start.size()));
  need_content(record, "instruction", question);
  while (begin != std::string::npos && begin < end) {
    const std::size_t text = instruction.find(':', begin) + 1;
    const std::string next = "\nAnswer" + std::to_string(options.size() + 2) + ":";
    begin = instruction.find(next, text);
    options.push_back(trimmed(instruction.substr(text, std::min(begin, end) - text)));
  }
  std::string answers;
  for (std::size_t i = 0; i < options.size(); ++i) {
    const std::string name = "answer" + std::to_string(i + 1);
    answers += (i == 0 ? "" : ", ") + name;
    if (record.text("answer") != name) continue;
    Example example;
    example.kind = "closed book";
    set_choices(example, record, "Question: " + question, std::move(options), i);
    return one(std::move(example));
  }
  record.refuse("answer", "must be one of " + answers, "the text " + shown(record.text("answer")));
}

Reader adapters_rows(const Source&) {
  Reader reader;
  reader.read = read_adapters;
  reader.note = "without support passages; options in the order of the file";
  return reader;
}

}  // namespace

std::vector<Form> sciq_forms() {
  return {{"sciq", "question, three distractors, correct_answer, support",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("question") && r.has("distractor1") && r.has("distractor2") &&
                    r.has("distractor3") && r.has("correct_answer");
           },
           sciq_rows},
          // Other datasets were written in this way too: the name of the file or of its folder has
          // to say that it is this one.
          {"sciq", "LLM-Adapters",
           [](const Record& r, const std::filesystem::path& path) {
             const auto whole = std::filesystem::absolute(path);
             const std::string names =
                 whole.parent_path().filename().string() + "/" + whole.filename().string();
             return r.is_text("instruction") && r.is_text("answer") && r.has("output") &&
                    lowered(names).find("sciq") != std::string::npos;
           },
           adapters_rows}};
}

}  // namespace xfer::domains
