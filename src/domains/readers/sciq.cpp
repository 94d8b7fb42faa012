// SciQ: crowd-sourced science questions (Welbl, Liu, Gardner 2017, arXiv 1707.06209).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"
#include "xfer/rng.hpp"

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

}  // namespace

std::vector<Form> sciq_forms() {
  return {{"sciq", "question, three distractors, correct_answer, support",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("question") && r.has("distractor1") && r.has("distractor2") &&
                    r.has("distractor3") && r.has("correct_answer");
           },
           sciq_rows}};
}

}  // namespace xfer::domains
