// SPDX-License-Identifier: Apache-2.0
// HumanEval: Python functions from docstrings (Chen et al. 2021, arXiv 2107.03374).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"

namespace xfer::domains {
namespace {

Reading read_humaneval(const Record& record) {
  Example example;
  example.id = record.text("task_id");
  example.question = record.text("prompt");
  need_content(record, "prompt", example.question);
  example.solution = record.text("canonical_solution");
  need_content(record, "canonical_solution", example.solution);
  example.answer = example.solution;
  for (const char* field : {"prompt", "test", "entry_point"}) {
    example.extra[field] = record.text(field);
    need_content(record, field, example.extra[field]);
  }
  if (example.id.starts_with("HumanEval/")) example.id.erase(0, 10);
  return one(std::move(example));
}

Reader tasks(const Source&) {
  Reader reader;
  reader.read = read_humaneval;
  // There is no training split, whatever a file is called.
  reader.side = [](const Record&) { return Side::test; };
  return reader;
}

}  // namespace

std::vector<Form> humaneval_forms() {
  return {{"humaneval", "task_id, prompt, entry_point, canonical_solution, test",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("task_id") && r.is_text("prompt") && r.is_text("entry_point") &&
                    r.is_text("canonical_solution") && r.is_text("test");
           },
           tasks}};
}

}  // namespace xfer::domains
