// SPDX-License-Identifier: Apache-2.0
// How a domain's questions are put to a model, and how its answers are read.
#pragma once

#include "xfer/dataset.hpp"
#include "xfer/domains/domain.hpp"
#include "xfer/grade/metrics.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/spec.hpp"
#include "xfer/text/renderer.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace xfer::study {

/// A reference answer behind its prompt, ready to be scored.
struct Reference {
  /// Prompt and answer without what ends the turn, because when to stop is habit rather than
  /// content.
  std::vector<std::int32_t> tokens;
  /// Index of the answer's first token.
  std::size_t first = 0;
  std::int64_t bytes = 0;
  std::int64_t first_token_bytes = 0;
};

/// Safe to call concurrently. Refers to the materials' domain: must not outlive it.
class Protocol {
public:
  /// `wording` is the place of the prompt among the domain's.
  Protocol(const StudySpec& spec, const Materials& materials, const std::string& domain,
           int wording = 0);

  /// Tokens up to where the model starts to answer, few-shot examples included.
  std::vector<std::int32_t> prompt(const Example& example) const;
  /// Throws `bad_data` naming the item when its answer has no token.
  Reference reference(const Example& example) const;
  /// Whether the item is answered by choosing among its options.
  bool chooses(const Example& example) const noexcept {
    return choice_ && (!example.choices.empty() || example.extra.count("labels") != 0);
  }
  /// By what; only where items are chosen.
  grade::ChoiceScore choice_score() const { return choice_.value(); }
  /// Each option as the answer to the question without its options; with `nothing_asked` to an
  /// empty question. Throws `bad_data` naming the item when an option has no token.
  std::vector<Reference> options(const Example& example, bool nothing_asked = false) const;
  /// The answer in a completion: without what ended it.
  std::string answer_text(const std::vector<std::int32_t>& completion) const;

  int max_answer_tokens() const noexcept { return max_answer_tokens_; }
  const std::vector<std::int32_t>& stop_tokens() const noexcept { return stop_tokens_; }
  const std::vector<std::string>& stop_strings() const noexcept { return stop_strings_; }
  const domains::Domain& domain() const noexcept { return *domain_; }

  /// Covers prompt template, few-shot examples, renderer, tokenizer, limits, sampling and grader:
  /// two scores may be compared only when it is equal.
  const std::string& hash() const noexcept { return hash_; }

private:
  std::string compute_hash() const;
  Reference reference(const std::string& id, const std::string& question,
                      const std::string& reply) const;
  const domains::PromptTemplate& asking() const { return domain_->prompts.at(wording_); }

  const domains::Domain* domain_;
  std::size_t wording_;
  const text::Renderer* renderer_;
  const text::Tokenizer* tokenizer_;
  std::optional<grade::ChoiceScore> choice_;
  std::vector<text::Message> shots_;
  int max_answer_tokens_ = 0;
  std::vector<std::int32_t> stop_tokens_;
  std::vector<std::string> stop_strings_;
  std::string hash_;
};

/// The zero-shot conversation that a model is trained on: standard prompt, then `solution`.
text::RenderedExample training_conversation(const domains::Domain& domain,
                                            const text::Renderer& renderer,
                                            const std::string& question,
                                            const std::string& solution);

/// Covers what `training_conversation` makes of a domain's train split.
std::string training_data_hash(const Materials& materials, const std::string& domain);

/// How many examples of a domain's train split a study draws from.
std::size_t training_examples(const StudySpec& spec, const domains::Domain& domain);

/// What may be chosen as the answer to an item: its options, or else its labels.
std::vector<std::string> option_texts(const Example& example);
/// Which of them is right. Throws `bad_data` naming the item when none is.
std::size_t right_option(const Example& example, const std::vector<std::string>& options);

/// The items of an evaluation in order: indices into the split. The same for every seed.
std::vector<std::size_t> evaluation_items(const domains::Domain& domain, Split split, int items);

}  // namespace xfer::study
