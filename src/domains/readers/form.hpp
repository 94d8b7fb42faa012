// SPDX-License-Identifier: Apache-2.0
// What every reader of a dataset gives: how to recognise a form of it, and how its rows become
// examples.
#pragma once

#include "domains/records/record_file.hpp"
#include "xfer/domains/cards.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// The examples of one row: mostly one; several for a molecule with several labels; none where the
/// row is set aside for the reason given.
struct Reading {
  std::vector<Example> examples;
  std::string set_aside;
};

inline Reading one(Example example) {
  Reading reading;
  reading.examples.push_back(std::move(example));
  return reading;
}

inline Reading aside(std::string why) { return {{}, std::move(why)}; }

/// Where a row says itself that it belongs.
enum class Side { by_file, train, validation, test, few_shot, unused };

/// Reads the rows of one dataset. Both functions are pure.
struct Reader {
  /// Everything of the examples but the id, which may be the source's own ("" : its row number).
  /// Throws `bad_data`.
  std::function<Reading(const Record&)> read;
  /// Empty: all rows by their file.
  std::function<Side(const Record&)> side;
  /// The test answers are hidden: the validation rows serve as the test split.
  bool validation_is_test = false;
  /// Before the card's own.
  std::vector<PromptTemplate> prompts;
  /// Other than the card's; "": the card's.
  std::string grader;
  /// Ids are unique within a file alone: its name goes into them.
  bool ids_per_file = false;
  /// Added to the title.
  std::string note;
};

/// What a reader may look at beforehand.
struct Source {
  /// The file that was asked for, or the first of its folder.
  std::filesystem::path path;
  /// All splits of it.
  std::vector<std::shared_ptr<const RecordFile>> files;
  ReadOptions options;
  /// Put a task's own prompt into its questions: several tasks then share one dataset.
  bool whole_questions = false;
};

/// One public form of a dataset.
struct Form {
  std::string_view dataset;
  std::string_view about;
  bool (*fits)(const Record& first, const std::filesystem::path& path);
  Reader (*make)(const Source& source);
};

/// For forms that need no more than `read`.
template <Reading (*read)(const Record&)>
Reader plain_rows(const Source&) {
  Reader reader;
  reader.read = read;
  return reader;
}

/// Every form, in the order in which they are tried.
std::vector<Form> all_forms();

std::vector<Form> aqua_forms();
std::vector<Form> arc_forms();
std::vector<Form> bioasq_forms();
std::vector<Form> casehold_forms();
std::vector<Form> chemqa_forms();
std::vector<Form> gsm8k_forms();
std::vector<Form> humaneval_forms();
std::vector<Form> legalbench_forms();
std::vector<Form> logiqa_forms();
std::vector<Form> math_forms();
std::vector<Form> mbpp_forms();
std::vector<Form> moleculenet_forms();
std::vector<Form> pubmedqa_forms();
std::vector<Form> reclor_forms();
std::vector<Form> sciq_forms();

}  // namespace xfer::domains
