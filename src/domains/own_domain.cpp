// SPDX-License-Identifier: Apache-2.0
// Datasets that people bring themselves.
#include "domains/loading.hpp"
#include "domains/readers/answers.hpp"
#include "domains/records/text_tools.hpp"
#include "domains/split_names.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <memory>
#include <set>

namespace xfer::domains {
namespace {

struct OwnRows {
  FieldMap fields;
  std::string grader;
  std::vector<std::string> labels;
};

bool wants(const std::string& field, const Record& record) {
  return !field.empty() && record.has(field);
}

/// An option's text, its letter, or its number.
std::size_t right_option(const Record& record, const std::string& field,
                         const std::vector<std::string>& options) {
  if (record.is_text(field)) {
    const std::string answer = trimmed(record.text(field));
    const auto found = std::find_if(options.begin(), options.end(), [&](const std::string& each) {
      return trimmed(each) == answer;
    });
    if (found != options.end()) return static_cast<std::size_t>(found - options.begin());
    if (answer.size() > 1)
      record.refuse(field, "must be one of the row's options, its letter or its number from 0",
                    "the text " + shown(answer));
  }
  return option_index(record, field, options.size());
}

/// Graders look for fields of their own, e.g. "test_list": whatever the map does not name is kept.
void keep_other_fields(Example& example, const Record& record, const FieldMap& fields) {
  const std::set<std::string> taken = {fields.question, fields.answer, fields.solution,
                                       fields.choices,  fields.id,     fields.kind,
                                       fields.cluster};
  for (const auto& [name, value] : record.object().items())
    if (!taken.contains(name) && !value.is_null() && !example.extra.contains(name))
      example.extra[name] = value.is_string() ? value.get<std::string>() : value.dump();
}

Reading read_own(const Record& record, const OwnRows& own) {
  const FieldMap& fields = own.fields;
  Example example;
  if (wants(fields.id, record)) example.id = trimmed(record.text_or_number(fields.id));
  if (wants(fields.kind, record)) example.kind = record.text_or_number(fields.kind);
  if (wants(fields.cluster, record)) example.cluster = record.text_or_number(fields.cluster);
  if (wants(fields.solution, record)) example.solution = trimmed(record.text(fields.solution));
  const std::string question = trimmed(record.text(fields.question));
  need_content(record, fields.question, question);
  // A grader that was brought along is given whatever the row has.
  if (own.grader == "choice" || (own.grader.empty() && wants(fields.choices, record))) {
    const std::vector<std::string> options = record.texts(fields.choices);
    if (options.empty()) record.refuse("field \"" + fields.choices + "\" is missing or empty");
    const std::size_t right = right_option(record, fields.answer, options);
    set_choices(example, record, question, options, right);
  } else {
    example.question = question;
    const std::string answer = trimmed(record.text_or_number(fields.answer));
    need_content(record, fields.answer, answer);
    if (own.grader == "label") {
      set_label(example, record, fields.answer, own.labels, answer);
    } else if (own.grader == "number") {
      example.answer = decimal(record, fields.answer);
    } else {
      example.answer = answer;
    }
  }
  if (example.solution.empty()) example.solution = example.answer;
  keep_other_fields(example, record, fields);
  return one(std::move(example));
}

std::vector<std::string> labels_in(const std::vector<std::shared_ptr<const RecordFile>>& files,
                                   const std::string& field) {
  std::set<std::string> labels;
  for (const auto& file : files)
    for (std::size_t i = 0; i < file->size(); ++i) {
      try {
        labels.insert(trimmed(file->record(i).text_or_number(field)));
      } catch (const Error&) {
        continue;  // told when the row is read
      }
    }
  labels.erase("");
  return {labels.begin(), labels.end()};
}

/// How a row says it is graded: "" when it does not.
std::string grader_of(const Record& record) {
  if (record.is_text("grader")) return record.text("grader");
  if (record.has("choices")) return "choice";
  return record.is_array("labels") ? "label" : "";
}

std::vector<PromptTemplate> plain_prompts() {
  return {{"Question: ", "\nAnswer:"},
          {"Q: ", "\nA:"},
          {"Problem: ", "\nSolution:"},
          {"Task: ", "\nReply:"},
          {"", "\nAnswer:"}};
}

/// Named by the split that was given, whatever the files are called.
std::vector<FilePart> open_parts(const OwnDomain& own) {
  std::vector<FilePart> parts;
  for (const auto& [split, paths] : own.files)
    for (const auto& path : paths) parts.push_back({open_records(path), nullptr, split, ""});
  for (const auto& [split, rows] : own.rows)
    for (const RowsFile& each : rows)
      parts.push_back(
          {open_rows(each.lines, each.origin, each.sha256, each.bytes), nullptr, split, ""});
  std::set<std::string> stems;
  for (FilePart& part : parts) {
    const std::string wish(to_string(*part.split));
    part.stem = wish;
    for (int i = 2; !stems.insert(part.stem).second; ++i) part.stem = wish + std::to_string(i);
  }
  return parts;
}

}  // namespace

Reader own_reader(const FieldMap& fields, const std::string& grader,
                  const std::vector<std::string>& labels,
                  const std::vector<std::shared_ptr<const RecordFile>>& files) {
  OwnRows own{fields, grader, labels};
  if (grader == "label" && labels.empty()) own.labels = labels_in(files, fields.answer);
  Reader reader;
  reader.grader = grader;
  reader.read = [own = std::move(own)](const Record& record) { return read_own(record, own); };
  return reader;
}

std::vector<Form> own_forms() {
  return {{"own", "own rows: question, answer, and choices, labels or grader",
           [](const Record& r, const std::filesystem::path&) {
             return r.is_text("question") && r.has("answer") && !grader_of(r).empty();
           },
           [](const Source& source) {
             const Record first = source.files[0]->record(0);
             const std::string grader = grader_of(first);
             return own_reader(
                 {}, grader, grader == "label" ? first.texts("labels") : std::vector<std::string>{},
                 source.files);
           }}};
}

Domain own_domain(const OwnDomain& own, const ReadOptions& options) {
  const std::string what = "domain " + shown(own.name);
  if (own.name.empty()) throw Error(Errc::invalid_argument, "own domain: it needs a name");
  if (own.grader.empty() && !own.own_grader)
    throw Error(Errc::invalid_argument, what + ": it needs a grader");
  std::vector<FilePart> parts = open_parts(own);
  if (parts.empty()) throw Error(Errc::invalid_argument, what + ": it needs examples");
  std::vector<std::shared_ptr<const RecordFile>> files;
  for (const FilePart& part : parts) {
    files.push_back(part.file);
    if (part.file->size() == 0)
      throw Error(Errc::bad_data, part.file->path().string() + ": no rows for the split " +
                                      std::string(to_string(*part.split)));
  }
  const auto reader =
      std::make_shared<const Reader>(own_reader(own.fields, own.grader, own.labels, files));
  for (FilePart& part : parts) part.reader = reader;
  DatasetCard card;
  card.name = own.name;
  card.title = own.title.empty() ? own.name : own.title;
  card.grader = own.grader;
  card.prompts = own.prompts.empty() ? plain_prompts() : own.prompts;
  card.few_shot = own.few_shot;
  card.max_answer_tokens = own.max_answer_tokens;
  card.stop_strings = own.stop_strings;
  // The grader first: a name that does not exist is told before files are read.
  auto grader = own.own_grader ? own.own_grader : make_grader(own.grader);
  Loaded loaded = load_parts(std::move(parts), std::move(card), "own", options);
  return to_domain(std::move(loaded), std::move(grader));
}

}  // namespace xfer::domains
