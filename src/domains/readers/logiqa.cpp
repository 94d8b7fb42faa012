// SPDX-License-Identifier: Apache-2.0
// LogiQA (Liu et al. 2020, arXiv 2007.08124) and LogiQA 2.0 (Liu et al. 2023): reading questions
// that ask for logic. ReClor (Yu et al. 2020, arXiv 2002.04326) has the same shape.
#include "domains/readers/answers.hpp"
#include "domains/readers/form.hpp"
#include "domains/records/text_tools.hpp"

namespace xfer::domains {
namespace {

/// Items on one passage share a cluster, and so never lie on two sides of a split.
Example passage_example(const Record& record, const std::string& passage,
                        const std::string& question, std::vector<std::string> options,
                        std::size_t right) {
  Example example;
  need_content(record, "question", question);
  std::string stem;
  if (!is_blank(passage)) {
    stem = "Passage: " + trimmed(passage) + "\n";
    example.cluster = canonical(passage);
  }
  for (std::string& option : options) option = trimmed(option);
  set_choices(example, record,
              stem + "Question: " + trimmed(question) + "\nChoices:", std::move(options), right);
  example.extra["stem"] = stem + "Question: " + trimmed(question);
  return example;
}

Reading read_text(const Record& record) {
  std::vector<std::string> options = record.texts("marked_options");
  for (std::size_t i = 0; i < options.size(); ++i) options[i] = without_mark(options[i], i);
  const std::size_t right = option_index(record, "label", options.size());
  return one(passage_example(record, record.text("context"), record.text("question"),
                             std::move(options), right));
}

/// Fields of the exports: where the passage, the question and the right option stand.
template <const char* passage, const char* question, const char* right, bool marked>
Reading read_export(const Record& record) {
  std::vector<std::string> options = record.texts("options");
  if (marked)
    for (std::size_t i = 0; i < options.size(); ++i) options[i] = without_mark(options[i], i);
  const std::size_t index = option_index(record, right, options.size());
  return one(passage_example(record, record.text_or_empty(passage), record.text(question),
                             std::move(options), index));
}

Reading read_second(const Record& record) {
  const std::vector<std::string> options = record.texts("options");
  const std::size_t right = option_index(record, "answer", options.size());
  Example example =
      passage_example(record, record.text("text"), record.text("question"), options, right);
  example.id = record.text_or_number("id");
  if (record.is_object("type")) {
    std::vector<std::string> kinds;
    for (const auto& [kind, holds] : record.object().at("type").items())
      if (holds.is_boolean() && holds.get<bool>()) kinds.push_back(kind);
    example.kind = joined(kinds, ", ");
  }
  return one(std::move(example));
}

constexpr char context[] = "context";
constexpr char passage[] = "passage";
constexpr char question[] = "question";
constexpr char query[] = "query";
constexpr char label[] = "label";
constexpr char correct_option[] = "correct_option";

Reader logiqa_agieval(const Source&) {
  Reader reader;
  reader.read = read_export<passage, question, label, true>;
  reader.side = [](const Record&) { return Side::test; };
  return reader;
}

Reader second(const Source&) {
  Reader reader;
  reader.read = read_second;
  reader.ids_per_file = true;
  return reader;
}

Reading read_reclor(const Record& record) {
  if (!record.has("label")) return aside("no label");
  const std::vector<std::string> options = record.texts("answers");
  const std::size_t right = option_index(record, "label", options.size());
  Example example =
      passage_example(record, record.text("context"), record.text("question"), options, right);
  example.id = record.text_or_empty("id_string");
  return one(std::move(example));
}

Side side_of_reclor(const Record& record) {
  const std::string id = record.text_or_empty("id_string");
  if (id.starts_with("train")) return Side::train;
  if (id.starts_with("val")) return Side::validation;
  return id.starts_with("test") ? Side::test : Side::by_file;
}

Reader reclor(const Source&) {
  Reader reader;
  reader.read = read_reclor;
  reader.side = side_of_reclor;
  reader.validation_is_test = true;
  reader.note = "the labels of the test file are hidden: its authors' validation rows are the test";
  return reader;
}

}  // namespace

std::vector<Form> logiqa_forms() {
  return {{"logiqa", "the authors' text files",
           [](const Record& r, const std::filesystem::path&) { return r.has("marked_options"); },
           plain_rows<read_text>},
          {"logiqa", "context, question, options, label",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("context") && r.has("question") && r.is_array("options") &&
                    r.has("label");
           },
           plain_rows<read_export<context, question, label, false>>},
          {"logiqa", "context, query, options, correct_option",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("context") && r.has("query") && r.is_array("options") &&
                    r.has("correct_option");
           },
           plain_rows<read_export<context, query, correct_option, false>>},
          {"logiqa", "AGIEval",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("passage") && r.has("question") && r.is_array("options") &&
                    r.texts("options").size() == 4 && r.has("label");
           },
           logiqa_agieval},
          {"logiqa2", "LogiQA 2.0",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("text") && r.has("question") && r.is_array("options") &&
                    r.has("answer");
           },
           second}};
}

std::vector<Form> reclor_forms() {
  return {{"reclor", "context, question, answers, label, id_string",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("context") && r.has("question") && r.is_array("answers");
           },
           reclor}};
}

}  // namespace xfer::domains
