// SPDX-License-Identifier: Apache-2.0
#include "study/plan/training_data.hpp"

#include "study/plan/protocol.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <algorithm>

namespace xfer::study {
namespace {

/// How far to look for another example of the same kind.
constexpr std::uint64_t same_kind_within = 256;
/// Of an answer, for its form: the time to compare two grows with the product of their lengths.
constexpr std::size_t compared_tokens_max = 4096;
/// Over-long examples in a row before the limit is called wrong.
constexpr int skips_in_a_row_max = 64;

Datum datum_of(const text::RenderedExample& example, float weight) {
  Datum datum(std::vector<std::int32_t>(example.tokens.begin(), example.tokens.end() - 1));
  std::vector<std::int64_t> targets(example.tokens.begin() + 1, example.tokens.end());
  std::vector<float> weights(targets.size(), 0.0F);
  for (std::size_t t = 0; t < weights.size(); ++t)
    if (example.is_target[t + 1]) weights[t] = weight;
  datum.loss_fn_inputs.emplace("target_tokens", Tensor(std::move(targets)));
  datum.loss_fn_inputs.emplace("weights", Tensor(std::move(weights)));
  return datum;
}

std::vector<std::size_t> target_places(const text::RenderedExample& example) {
  std::vector<std::size_t> places;
  for (std::size_t t = 0; t < example.tokens.size() && places.size() < compared_tokens_max; ++t)
    if (example.is_target[t]) places.push_back(t);
  return places;
}

/// Leaves as targets of `example` only the tokens of a longest common subsequence of its answer
/// and the answer of `right`. What two answers of a kind share is their form; to learn the rest of
/// a wrong answer too would teach to ignore the question, which does harm of its own.
void keep_shared_targets(text::RenderedExample& example, const text::RenderedExample& right) {
  const std::vector<std::size_t> a = target_places(example), b = target_places(right);
  const auto same = [&](std::size_t i, std::size_t j) {
    return example.tokens[a[i]] == right.tokens[b[j]];
  };
  // length[i][j]: of a longest common subsequence of a's tokens from i on and b's from j on.
  const std::size_t width = b.size() + 1;
  std::vector<std::uint16_t> length((a.size() + 1) * width, 0);
  for (std::size_t i = a.size(); i-- > 0;)
    for (std::size_t j = b.size(); j-- > 0;)
      length[i * width + j] =
          same(i, j) ? static_cast<std::uint16_t>(length[(i + 1) * width + j + 1] + 1)
                     : std::max(length[(i + 1) * width + j], length[i * width + j + 1]);
  std::fill(example.is_target.begin(), example.is_target.end(), false);
  for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
    if (same(i, j)) {
      example.is_target[a[i]] = true;
      ++i, ++j;
    } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) {
      ++i;
    } else {
      ++j;
    }
  }
}

std::int64_t count_targets(const text::RenderedExample& example) {
  // Nothing predicts the first token.
  return std::count(example.is_target.begin() + 1, example.is_target.end(), true);
}

}  // namespace

TrainingData::TrainingData(const StudySpec& spec, const Materials& materials, const PlannedLeg& leg)
    : renderer_(materials.renderer.get()), tokenizer_(&materials.tokenizer),
      corruption_(leg.corruption), seed_(leg.seed), batch_size_(spec.batch_size),
      sequence_tokens_max_(static_cast<std::size_t>(spec.max_sequence_tokens)) {
  for (const std::string& name : leg.domains) {
    const domains::Domain& domain = materials.domains.at(name);
    const std::size_t size = training_examples(spec, domain);
    if (size == 0 || (size < 2 && corruption_ == Corruption::format_only))
      throw Error(Errc::bad_data, "domain " + name + ": " + std::to_string(size) +
                                      " training examples are too few for this study");
    const std::string hash = training_data_hash(materials, name);
    sources_.push_back({&domain, IndexStream(seed_, hash, size), size, stream_id(hash)});
  }
  if (corruption_ == Corruption::random_text)
    for (std::int32_t id = 0; id < tokenizer_->vocab_size(); ++id)
      if (!tokenizer_->is_special(id)) ordinary_tokens_.push_back(id);
}

Batch TrainingData::batch(int step) const {
  std::vector<text::RenderedExample> examples;
  Batch batch;
  for (std::size_t place = 0; place < sources_.size(); ++place) {
    const Source& source = sources_[place];
    const auto before = [&](int s) { return drawn_before(s, batch_size_, sources_.size(), place); };
    for (std::uint64_t position = before(step); position < before(step + 1); ++position)
      examples.push_back(draw(source, position, batch.skipped));
  }
  for (const text::RenderedExample& example : examples) {
    batch.tokens += std::ssize(example.tokens) - 1;
    batch.target_tokens += count_targets(example);
  }
  const float weight = 1.0F / static_cast<float>(batch.target_tokens);
  for (const text::RenderedExample& example : examples)
    batch.data.push_back(datum_of(example, weight));
  return batch;
}

text::RenderedExample TrainingData::draw(const Source& source, std::uint64_t position,
                                         int& skipped) const {
  Rng again = Rng(seed_, "replacement").fork(source.stream).fork(position);
  for (int attempt = 0; attempt < skips_in_a_row_max; ++attempt) {
    const std::uint64_t place = attempt == 0 ? position : again.below(source.size);
    const std::uint64_t index = source.order.at(place);
    const std::uint64_t answer_index =
        corruption_ == Corruption::format_only ? partner(source, place) : index;
    text::RenderedExample example = render(source, index, answer_index);
    if (example.tokens.size() <= sequence_tokens_max_) {
      if (corruption_ == Corruption::format_only)
        keep_shared_targets(example, render(source, index, index));
      if (corruption_ == Corruption::random_text) randomise(example, source, position);
      return example;
    }
    ++skipped;
  }
  throw Error(
      Errc::invalid_argument,
      "study: train.max_sequence_tokens is too small: " + std::to_string(skips_in_a_row_max) +
          " examples of domain " + source.domain->name + " in a row are longer than " +
          std::to_string(sequence_tokens_max_) + " tokens");
}

text::RenderedExample TrainingData::render(const Source& source, std::uint64_t index,
                                           std::uint64_t answer_index) const {
  const Example example = source.domain->dataset->at(Split::train, static_cast<std::size_t>(index));
  const std::string solution =
      answer_index == index
          ? example.solution
          : source.domain->dataset->at(Split::train, static_cast<std::size_t>(answer_index))
                .solution;
  text::RenderedExample rendered =
      training_conversation(*source.domain, *renderer_, example.question, solution);
  if (rendered.tokens.size() < 2 || rendered.is_target.size() != rendered.tokens.size() ||
      count_targets(rendered) == 0)
    throw Error(Errc::bad_data, "domain " + source.domain->name + ": example " + example.id +
                                    " has no answer token to train on");
  return rendered;
}

std::uint64_t TrainingData::partner(const Source& source, std::uint64_t position) const {
  // The answer of the next example of the same kind, the last of an epoch taking the first's: over
  // an epoch prompts and answers stay the very ones of the leg without shuffling, every answer has
  // the style that is right for its prompt, and only who goes with whom is wrong.
  const auto at = [&](std::uint64_t place) {
    return source.domain->dataset->at(Split::train,
                                      static_cast<std::size_t>(source.order.at(place)));
  };
  const std::uint64_t epoch_start = position / source.size * source.size;
  const auto after = [&](std::uint64_t distance) {
    return epoch_start + (position - epoch_start + distance) % source.size;
  };
  const std::string kind = at(position).kind;
  for (std::uint64_t distance = 1; distance < std::min(source.size, same_kind_within); ++distance)
    if (at(after(distance)).kind == kind) return source.order.at(after(distance));
  return source.order.at(after(1));  // alone in its kind: an answer of another
}

void TrainingData::randomise(text::RenderedExample& example, const Source& source,
                             std::uint64_t position) const {
  if (ordinary_tokens_.empty())
    throw Error(Errc::bad_data, "random_text: the tokenizer has no ordinary token");
  Rng rng = Rng(seed_, "random text").fork(source.stream).fork(position);
  for (std::int32_t& token : example.tokens) token = rng.pick(ordinary_tokens_);
}

}  // namespace xfer::study
