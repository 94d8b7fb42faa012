// SPDX-License-Identifier: Apache-2.0
// AQuA-RAT: algebra with options and rationales (Ling et al. 2017, arXiv 1705.04146).
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

namespace xfer::domains {
namespace {

/// The rationale, then the answer as the grader reads it: some rationales name another letter than
/// the right one, or none.
std::string worked(const std::string& rationale, std::size_t right) {
  const std::string closing = "The answer is " + letter(right) + ".";
  return is_blank(rationale) ? closing : trimmed(rationale) + "\n" + closing;
}

std::vector<std::string> without_marks(std::vector<std::string> options) {
  for (std::size_t i = 0; i < options.size(); ++i) {
    // The tokenised files write "A ) 5".
    if (options[i].size() > 2 && options[i].compare(1, 2, " )") == 0) options[i].erase(1, 1);
    options[i] = without_mark(options[i], i);
  }
  return options;
}

Reading make(const Record& record, const std::string& question, std::vector<std::string> options,
             std::size_t right, const std::string& rationale) {
  Example example;
  need_content(record, "question", question);
  example.solution = worked(rationale, right);
  set_choices(example, record, "Question: " + trimmed(question), std::move(options), right);
  return one(std::move(example));
}

Reading read_aqua(const Record& record) {
  std::vector<std::string> options = without_marks(record.texts("options"));
  const std::size_t right = option_index(record, "correct", options.size());
  return make(record, record.text("question"), std::move(options), right,
              record.text_or_empty("rationale"));
}

Reading read_aqua_agieval(const Record& record) {
  std::vector<std::string> options = without_marks(record.texts("options"));
  const std::size_t right = option_index(record, "label", options.size());
  const std::string rationale =
      record.is_object("other") ? record.inner("other").text_or_empty("solution") : "";
  return make(record, record.text("question"), std::move(options), right, rationale);
}

/// "Q: <question> Answer Choices: (A)... A: Among A through E, the answer is"
Reading read_query(const Record& record) {
  std::string question = record.text("query");
  if (question.starts_with("Q: ")) question.erase(0, 3);
  question = question.substr(0, question.find(" Answer Choices:"));
  std::vector<std::string> options = without_marks(record.texts("choices"));
  const auto& gold = record.object().at("gold");
  if (!gold.is_array() || gold.size() != 1 || !gold[0].is_number_integer())
    record.refuse("gold", "must be a list of one integer", gold.dump());
  const auto right = gold[0].get<std::int64_t>();
  if (right < 0 || right >= static_cast<std::int64_t>(options.size()))
    record.refuse("gold", "must name one of the options from 0", std::to_string(right));
  return make(record, question, std::move(options), static_cast<std::size_t>(right), "");
}

template <Reading (*read)(const Record&)>
Reader by_file(const Source&) {
  Reader reader;
  reader.read = read;
  return reader;
}

/// Both re-exports hold the official test questions.
template <Reading (*read)(const Record&)>
Reader test_rows(const Source&) {
  Reader reader;
  reader.read = read;
  reader.side = [](const Record&) { return Side::test; };
  return reader;
}

}  // namespace

std::vector<Form> aqua_forms() {
  return {{"aqua", "question, options, rationale, correct",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("question") && r.has("options") && r.has("correct");
           },
           by_file<read_aqua>},
          {"aqua", "AGIEval",
           [](const Record& r, const std::filesystem::path&) {
             return r.has("question") && r.is_array("options") && r.texts("options").size() == 5 &&
                    r.has("label") && !r.has("passage") && !r.has("context");
           },
           test_rows<read_aqua_agieval>},
          {"aqua", "AGIEval as queries",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("query") && r.is_array("choices") && r.has("gold") &&
                    r.text("query").find("Among A through E") != std::string::npos;
           },
           test_rows<read_query>}};
}

}  // namespace xfer::domains
