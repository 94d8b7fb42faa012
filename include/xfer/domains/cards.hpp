// SPDX-License-Identifier: Apache-2.0
// Domain cards: what there is to know about each domain of real data, in one small file each.
#pragma once

#include "xfer/domains/domain.hpp"

#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// Where a dataset comes from, and whether it may be had.
struct DatasetSource {
  /// Files as their authors publish them.
  std::string files;
  /// Repository and configuration of its Hugging Face export; "" when there is none.
  std::string hub;
  std::string hub_config;
  std::string licence;
  /// What to do to get it, when a download is not enough; "" when it is.
  std::string gate;
};

/// One dataset of a card.
struct DatasetCard {
  /// As `domain_from_file` names the domain, e.g. "gsm8k".
  std::string name;
  std::string title;
  /// Share of the domain's mixture; the weights of a card's datasets add up to 1.
  double weight = 1.0;
  DatasetSource source;
  /// Rows of the official splits, in words.
  std::string splits;
  /// Asked of `grade::Grader::make`.
  std::string grader;
  /// The field's own metric, e.g. "accuracy".
  std::string metric;
  /// How an answer earns its reward in reinforcement learning.
  std::string reward;
  /// What the worked answer of supervised learning looks like.
  std::string answer_format;
  /// Kinds of reasoning the dataset asks for, for the study of similarity.
  std::vector<std::string> reasoning;
  /// Five or more that mean the same; the first is the standard one.
  std::vector<PromptTemplate> prompts;
  /// Examples shown before a question in the standard setting, from the train side.
  int few_shot = 0;
  int max_answer_tokens = 128;
  std::vector<std::string> stop_strings;
  /// What one should know before using it; "" when there is nothing.
  std::string note;
};

struct DomainCard {
  /// "math" .. "law".
  std::string name;
  std::string title;
  std::vector<DatasetCard> datasets;
};

/// The seven cards, in the order of the procedural domains. Safe to call concurrently.
const std::vector<DomainCard>& domain_cards();

/// The card of a dataset by its name. Throws `invalid_argument` with the known names.
const DatasetCard& dataset_card(std::string_view name);

/// Name of the domain whose card has the dataset, "" when none has.
std::string_view domain_of_dataset(std::string_view name);

}  // namespace xfer::domains
#pragma GCC visibility pop
