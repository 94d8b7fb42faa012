// SPDX-License-Identifier: Apache-2.0
// From dataset files to a dataset with splits, and to what a check reports.
#pragma once

#include "domains/file_dataset.hpp"
#include "xfer/domains/data_file.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace xfer::domains {

/// A dataset that was read and checked as a whole, its grader not made yet.
struct Loaded {
  std::shared_ptr<FileDataset> dataset;
  DatasetCard card;
  /// As `make_grader` takes it.
  std::string grader;
  std::vector<PromptTemplate> prompts;
  std::vector<Example> few_shot;
  DataReport report;
};

/// The files that a path stands for. Throws `io`, `bad_data`.
std::vector<std::shared_ptr<const RecordFile>> open_family(const std::filesystem::path& path);

/// Recognises the dataset and reads it. Throws as `domain_from_file` does.
Loaded load_dataset(const std::filesystem::path& path, const ReadOptions& options);
Loaded load_files(const std::vector<std::shared_ptr<const RecordFile>>& files,
                  const std::filesystem::path& path, const ReadOptions& options);

/// Reads parts whose readers are known.
Loaded load_parts(std::vector<FilePart> parts, DatasetCard card, std::string_view form,
                  const ReadOptions& options);

/// By name; "a+b" judges each example by the one that its extra["grader"] names; "legalbench" is
/// LegalBench's own scoring. Throws `invalid_argument`.
std::shared_ptr<const grade::Grader> make_grader(std::string_view name);

Domain to_domain(Loaded loaded, std::shared_ptr<const grade::Grader> grader);

/// The reader of rows with the fields of a `FieldMap`, for the grader named. `files` give the
/// labels where none are named.
Reader own_reader(const FieldMap& fields, const std::string& grader,
                  const std::vector<std::string>& labels,
                  const std::vector<std::shared_ptr<const RecordFile>>& files);

/// Own rows that say themselves how they are graded: question, answer and choices, labels or
/// grader.
std::vector<Form> own_forms();

}  // namespace xfer::domains
