// SPDX-License-Identifier: Apache-2.0
// LegalBench (Guha et al. 2023, arXiv 2308.11462): what a task's folder says about it.
#pragma once

#include "xfer/domains/domain.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::domains {

/// A task's own prompt cut at its slots, so that before + question + after is that prompt with the
/// slots filled. Its examples are in `before`.
struct LegalPrompt {
  std::string before;
  std::string question;  ///< with {{slots}}
  std::string after;
  /// `before` without the examples, as far as they can be told apart.
  std::string instructions;
};

/// Trailing white space is dropped. A prompt without slots gives an empty `question`.
LegalPrompt cut_prompt(std::string_view base_prompt);

/// How the task is scored: "label", or a rule of the LegalBench grader.
std::string_view legal_rule(std::string_view task);

/// Folders below with a task each, in order of their names; empty when it holds none.
std::vector<std::filesystem::path> legal_task_folders(const std::filesystem::path& folder);

}  // namespace xfer::domains
