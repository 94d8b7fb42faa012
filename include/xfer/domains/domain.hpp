// SPDX-License-Identifier: Apache-2.0
// A domain: its examples, its prompts, its grader.
#pragma once

#include "xfer/dataset.hpp"
#include "xfer/grade/grader.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// One way of asking: `before` + question + `after`, the answer follows. Renderer-neutral.
struct PromptTemplate {
  std::string before;
  std::string after;
  std::string apply(std::string_view question) const {
    return before + std::string(question) + after;
  }
};

/// Everything a study needs to know about a domain. Copyable.
struct Domain {
  /// Lower-case, e.g. "math".
  std::string name;
  /// For people, e.g. "Mathematics: word problems with worked steps".
  std::string title;
  std::shared_ptr<const Dataset> dataset;
  std::shared_ptr<const grade::Grader> grader;
  /// At least one; the first is the standard prompt, the others say the same in other words.
  std::vector<PromptTemplate> prompts;
  /// Examples shown before the question; never test items. Empty: zero-shot.
  std::vector<Example> few_shot;
  /// Most tokens an answer may take.
  int max_answer_tokens = 128;
  /// Texts after which a plain-text answer is over.
  std::vector<std::string> stop_strings;
};

/// The procedural domains of the embedded model: math, code, physics, chemistry, biology, logic,
/// law. Items are drawn from `seed`; the splits do not depend on it.
Domain procedural_domain(std::string_view name, std::uint64_t seed = 0);
std::vector<std::string> procedural_domain_names();

/// How a dataset file is read.
struct ReadOptions {
  /// Pass over bad rows instead of refusing the file; the title of the domain says how many.
  bool skip_bad = false;
  /// One task of a dataset that has several, e.g. "NR-AR" of Tox21, "pIC50" of BACE, "summary" of
  /// BioASQ; "": all that one grader can judge.
  std::string task;
  /// Decides the order of options where the file gives none (SciQ).
  std::uint64_t seed = 0;
};

/// A dataset file that people have, recognised by its content; see docs/datasets.md for the
/// datasets and their forms. Files of the other splits beside it are read along with it; a folder
/// stands for the dataset in it. Every row is checked, texts stay in the file. Throws `bad_data`
/// naming file, line, field, what was found and what was expected; `io` when it cannot be read.
Domain domain_from_file(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace xfer::domains
#pragma GCC visibility pop
