// SPDX-License-Identifier: Apache-2.0
// Which option a model prefers, and how well a list of names answers a question. Metrics of whole
// test sets are in `stats`.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::grade {

/// How the log-probabilities of options are compared, named as in lm-evaluation-harness.
enum class ChoiceScore {
  acc,              ///< log p(option | question)
  acc_norm,         ///< the same over the number of characters (code points) of the option
  acc_mutual_info,  ///< log p(option | question) - log p(option | nothing)
};

/// By its name above. Throws `invalid_argument` listing the names otherwise.
ChoiceScore choice_score(std::string_view name);

/// What is known of each option of one question, in the order of its options.
struct OptionLogprobs {
  /// log p(option | question) in any one base, summed over the option's tokens; at most 0.
  std::span<const double> conditional;
  /// log p(option | nothing), for `acc_mutual_info` alone.
  std::span<const double> unconditional;
  /// The options' texts, for `acc_norm` alone, which measures their length.
  std::span<const std::string> options;
};

/// The index of the option with the largest score; the first of equal ones. Throws
/// `invalid_argument` when there is no option, a list that the score needs has another length, a
/// number is not a log-probability, or an option that must be measured is empty.
std::size_t chosen_option(ChoiceScore score, const OptionLogprobs& logprobs);

/// Answers to one question whose gold answers are entities with synonyms, as BioASQ measures them.
/// Texts are compared trimmed and without regard to case (of ASCII letters), final full stops and
/// quotation marks.
struct EntityAnswers {
  /// Each entity's names.
  std::span<const std::vector<std::string>> gold;
  /// In order of preference.
  std::span<const std::string> answers;
};

/// 1 / rank of the first answer that names a gold entity, among the first five; 0 when none does.
/// Its mean over questions is BioASQ's MRR; the share above 0 its lenient accuracy and the share
/// that is 1 its strict accuracy.
double reciprocal_rank(const EntityAnswers& entities);

struct ListScores {
  double precision = 0.0;
  double recall = 0.0;
  /// Harmonic mean of the two; 0 when both are 0.
  double f1 = 0.0;
};

/// Of one list question: names of one entity count once, as do repeated answers. 0 throughout
/// where there is no answer. Throws `invalid_argument` when there is no gold entity.
ListScores list_scores(const EntityAnswers& entities);

}  // namespace xfer::grade
#pragma GCC visibility pop
