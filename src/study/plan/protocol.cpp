// SPDX-License-Identifier: Apache-2.0
#include "study/plan/protocol.hpp"

#include "grade/extra_fields.hpp"
#include "study/plan/index_stream.hpp"

#include "xfer/hash.hpp"

#include <algorithm>

namespace xfer::study {
namespace {

/// The question without its options, and the text of the right one, for items that are chosen.
std::string stem_of(const Example& example) {
  const auto stem = example.extra.find("stem");
  return stem != example.extra.end() ? stem->second : example.question;
}

std::vector<Example> shot_examples(const domains::Domain& domain, int count) {
  std::vector<Example> shots(
      domain.few_shot.begin(),
      domain.few_shot.begin() + std::min<std::ptrdiff_t>(count, std::ssize(domain.few_shot)));
  const std::size_t missing = static_cast<std::size_t>(count) - shots.size();
  const std::size_t size = missing == 0 ? 0 : domain.dataset->size(Split::train);
  if (size < missing)
    throw Error(Errc::invalid_argument, "study: eval.shots asks for " + std::to_string(count) +
                                            " examples, but domain " + domain.name + " has " +
                                            std::to_string(size) + " to show");
  if (missing == 0) return shots;
  const IndexStream order(0, "shots", size);
  for (std::size_t i = 0; i < missing; ++i)
    shots.push_back(domain.dataset->at(Split::train, static_cast<std::size_t>(order.at(i))));
  return shots;
}

/// Where the text that ends a turn starts, for renderers that write one in place of a token.
std::size_t end_of_answer(const std::string& answer, const std::vector<std::string>& stops) {
  for (const std::string& stop : stops)
    if (!stop.empty() && answer.size() > stop.size() && answer.ends_with(stop))
      return answer.size() - stop.size();
  return answer.size();
}

}  // namespace

Protocol::Protocol(const StudySpec& spec, const Materials& materials, const std::string& domain,
                   int wording)
    : domain_(&materials.domains.at(domain)), wording_(static_cast<std::size_t>(wording)),
      renderer_(materials.renderer.get()), tokenizer_(&materials.tokenizer),
      choice_(spec.scoring == "generate" ? std::nullopt
                                         : std::optional(grade::choice_score(spec.scoring))),
      max_answer_tokens_(spec.max_answer_tokens > 0 ? spec.max_answer_tokens
                                                    : domain_->max_answer_tokens),
      stop_tokens_(renderer_->stop_tokens()), stop_strings_(renderer_->stop_strings()) {
  if (spec.shots > 0 && renderer_->name() == "plain")
    throw Error(Errc::invalid_argument,
                "study: eval.shots must be 0 with the renderer 'plain', which shows a model the "
                "question alone (got " +
                    std::to_string(spec.shots) + ")");
  stop_strings_.insert(stop_strings_.end(), domain_->stop_strings.begin(),
                       domain_->stop_strings.end());
  for (const Example& shot : shot_examples(*domain_, spec.shots)) {
    const bool chosen = chooses(shot);
    shots_.push_back({"user", asking().apply(chosen ? stem_of(shot) : shot.question)});
    const std::vector<std::string> options =
        chosen ? option_texts(shot) : std::vector<std::string>();
    shots_.push_back({"assistant", chosen ? options[right_option(shot, options)] : shot.solution});
  }
  hash_ = compute_hash();
}

std::vector<std::int32_t> Protocol::prompt(const Example& example) const {
  std::vector<text::Message> messages = shots_;
  messages.push_back({"user", asking().apply(example.question)});
  return renderer_->generation_prompt(messages);
}

Reference Protocol::reference(const Example& example) const {
  return reference(example.id, example.question, example.solution);
}

std::vector<Reference> Protocol::options(const Example& example, bool nothing_asked) const {
  std::vector<Reference> all;
  for (const std::string& option : option_texts(example))
    all.push_back(reference(example.id, nothing_asked ? "" : stem_of(example), option));
  return all;
}

Reference Protocol::reference(const std::string& id, const std::string& question,
                              const std::string& reply) const {
  std::vector<text::Message> messages = shots_;
  messages.push_back({"user", asking().apply(question)});
  messages.push_back({"assistant", reply});
  const text::RenderedExample rendered = renderer_->supervised_example(messages);
  Reference reference;
  const auto first = std::find(rendered.is_target.begin(), rendered.is_target.end(), true);
  reference.first = static_cast<std::size_t>(first - rendered.is_target.begin());
  const auto end =
      std::find_first_of(rendered.tokens.begin() + static_cast<std::ptrdiff_t>(reference.first),
                         rendered.tokens.end(), stop_tokens_.begin(), stop_tokens_.end());
  reference.tokens.assign(rendered.tokens.begin(), end);
  std::string answer;
  for (std::size_t i = reference.first; i < reference.tokens.size(); ++i)
    answer += tokenizer_->token_bytes(reference.tokens[i]);
  const std::size_t bytes = end_of_answer(answer, renderer_->stop_strings());
  std::size_t kept = 0;
  std::size_t token = reference.first;
  for (; token < reference.tokens.size() && kept < bytes; ++token) {
    const std::size_t size = tokenizer_->token_bytes(reference.tokens[token]).size();
    if (token == reference.first) reference.first_token_bytes = static_cast<std::int64_t>(size);
    kept += size;
  }
  reference.tokens.resize(token);
  reference.bytes = static_cast<std::int64_t>(kept);
  if (reference.first < 1 || reference.first >= reference.tokens.size() || reference.bytes == 0)
    throw Error(Errc::bad_data,
                "domain " + domain_->name + ": item " + id + " has an empty reference answer");
  return reference;
}

std::string Protocol::answer_text(const std::vector<std::int32_t>& completion) const {
  std::string text = renderer_->parse_answer(completion);
  std::size_t end = text.size();
  for (const std::string& stop : domain_->stop_strings)
    if (!stop.empty()) end = std::min(end, text.find(stop));
  text.resize(end);
  return text;
}

std::string Protocol::compute_hash() const {
  HashBuilder hash("protocol/1");
  hash.field("before", asking().before)
      .field("after", asking().after)
      .field("renderer", renderer_->content_hash())
      .field("tokenizer", tokenizer_->content_hash())
      .field("sampling", "greedy")
      .field("max_answer_tokens", max_answer_tokens_)
      .field("grader", domain_->grader->name())
      .field("grader_version", domain_->grader->version());
  if (choice_) hash.field("choice", static_cast<int>(*choice_));
  for (const text::Message& message : shots_) hash.field(message.role, message.content);
  for (const std::int32_t token : stop_tokens_) hash.field("stop_token", token);
  for (const std::string& stop : stop_strings_) hash.field("stop_string", stop);
  return hash.hex();
}

text::RenderedExample training_conversation(const domains::Domain& domain,
                                            const text::Renderer& renderer,
                                            const std::string& question,
                                            const std::string& solution) {
  const std::vector<text::Message> messages = {{"user", domain.prompts.front().apply(question)},
                                               {"assistant", solution}};
  return renderer.supervised_example(messages);
}

std::string training_data_hash(const Materials& materials, const std::string& domain) {
  const domains::Domain& d = materials.domains.at(domain);
  return HashBuilder("training data/1")
      .field("manifest", d.dataset->manifest_hash(Split::train))
      .field("before", d.prompts.front().before)
      .field("after", d.prompts.front().after)
      .field("renderer", materials.renderer->content_hash())
      .field("tokenizer", materials.tokenizer.content_hash())
      .hex();
}

std::size_t training_examples(const StudySpec& spec, const domains::Domain& domain) {
  const std::size_t all = domain.dataset->size(Split::train);
  return spec.examples > 0 ? std::min(all, static_cast<std::size_t>(spec.examples)) : all;
}

std::vector<std::string> option_texts(const Example& example) {
  return example.choices.empty() ? grade::string_list("label", example, "labels") : example.choices;
}

std::size_t right_option(const Example& example, const std::vector<std::string>& options) {
  const bool lettered = !example.choices.empty();
  for (std::size_t i = 0; i < options.size(); ++i)
    if (example.answer == options[i] ||
        (lettered && example.answer == std::string(1, static_cast<char>('A' + i))))
      return i;
  throw Error(Errc::bad_data, "item " + example.id + ": its answer '" + example.answer +
                                  "' is none of its options");
}

std::vector<std::size_t> evaluation_items(const domains::Domain& domain, Split split, int items) {
  const std::size_t size = domain.dataset->size(split);
  if (size == 0) return {};
  const IndexStream order(0, std::string(to_string(split)) + " items", size);
  std::vector<std::size_t> indices(std::min(size, static_cast<std::size_t>(items)));
  for (std::size_t i = 0; i < indices.size(); ++i)
    indices[i] = static_cast<std::size_t>(order.at(i));
  return indices;
}

}  // namespace xfer::study
