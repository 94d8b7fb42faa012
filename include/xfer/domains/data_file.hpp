// SPDX-License-Identifier: Apache-2.0
// Dataset files: what is in them, and how they become domains.
#pragma once

#include "xfer/domains/domain.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// Rows that were written to JSON Lines from another format (e.g. Parquet); messages and ids name
/// them after their origin.
struct RowsFile {
  std::filesystem::path lines;
  std::filesystem::path origin;
  /// SHA-256 and size of the origin.
  std::string sha256;
  std::uint64_t bytes = 0;
};

/// As `domain_from_file`, from rows. The names of the origins say which split each is.
Domain domain_from_rows(const std::vector<RowsFile>& files, const ReadOptions& options = {});

/// Where the fields of an own dataset are. "" stands for "not there".
struct FieldMap {
  std::string question = "question";
  /// The right answer: a text; for choices also a letter or a number from 0.
  std::string answer = "answer";
  /// The worked answer; the answer itself where it is missing.
  std::string solution = "solution";
  std::string choices = "choices";
  std::string id = "id";
  std::string kind = "kind";
  std::string cluster = "cluster";
};

/// A dataset of one's own: files per split, in any format that `domain_from_file` reads.
struct OwnDomain {
  std::string name;
  std::string title;
  std::map<Split, std::vector<std::filesystem::path>> files;
  std::map<Split, std::vector<RowsFile>> rows;
  FieldMap fields;
  /// Named, or brought along.
  std::string grader;
  std::shared_ptr<const grade::Grader> own_grader;
  /// The labels allowed, for the grader "label"; empty: those that occur.
  std::vector<std::string> labels;
  /// Empty: five plain ones.
  std::vector<PromptTemplate> prompts;
  int few_shot = 0;
  int max_answer_tokens = 128;
  std::vector<std::string> stop_strings = {"\n\n"};
};

/// Reads and checks it all. Splits that are missing are made by hash from the train rows; the title
/// says so. Throws `bad_data` naming file, line and field.
Domain own_domain(const OwnDomain& own, const ReadOptions& options = {});

/// What a dataset file holds.
struct DataReport {
  struct File {
    std::string path;
    std::string format;
    std::string sha256;
    std::uint64_t bytes = 0;
    std::uint64_t rows = 0;
    /// "train", "validation", "test", or "" when its name does not say.
    std::string split;
  };
  struct Duplicate {
    std::string id;
    std::string first_id;
    /// Splits of both; a train item equal to a test item is a leak.
    std::string split;
    std::string first_split;
  };
  std::string dataset;
  std::string form;
  std::string title;
  std::string domain;
  std::string licence;
  std::string splits_note;
  std::vector<File> files;
  /// Examples per split; the manifest hash of each.
  std::map<std::string, std::uint64_t> examples;
  std::map<std::string, std::string> manifests;
  /// Split -> answer -> count, where answers are letters or labels.
  std::map<std::string, std::map<std::string, std::uint64_t>> labels;
  /// Rows that are no examples, by reason: "no answer", "image only", ...
  std::map<std::string, std::uint64_t> set_aside;
  std::uint64_t bad_rows = 0;
  /// The first 100.
  std::vector<std::string> bad;
  /// Examples whose question is, but for spaces and capitals, that of an earlier one.
  std::uint64_t duplicate_questions = 0;
  std::vector<Duplicate> duplicates;  ///< the first 100
};

/// Reads a whole dataset, bad rows and all. Throws `bad_data` only where it cannot be read at all
/// or is no dataset known here. Safe to call concurrently.
DataReport check_data(const std::filesystem::path& path, const ReadOptions& options = {});
DataReport check_rows(const std::vector<RowsFile>& files, const ReadOptions& options = {});

}  // namespace xfer::domains
#pragma GCC visibility pop
