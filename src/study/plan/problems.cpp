// SPDX-License-Identifier: Apache-2.0
#include "study/plan/problems.hpp"

#include "xfer/error.hpp"
#include "xfer/rng.hpp"

#include <utility>

namespace xfer::study {
namespace {

/// Over-long problems in a row before the limit is called wrong.
constexpr int skipped_problems_max = 64;

}  // namespace

Protocol reinforcement_protocol(const StudySpec& spec, const Materials& materials,
                                const std::string& domain) {
  StudySpec bare = spec;
  bare.shots = 0;
  bare.scoring = "generate";
  return Protocol(bare, materials, domain);
}

Problems::Problems(const StudySpec& spec, const Materials& materials, const PlannedLeg& leg)
    : leg_key_(leg.key), seed_(leg.seed), problems_(spec.rl.problems),
      sequence_tokens_max_(static_cast<std::size_t>(spec.max_sequence_tokens)) {
  for (const std::string& name : leg.domains) {
    const std::size_t size = training_examples(spec, materials.domains.at(name));
    if (size == 0)
      throw Error(Errc::bad_data, "domain " + name + ": has no training example for this study");
    const std::string hash = training_data_hash(materials, name);
    sources_.push_back({reinforcement_protocol(spec, materials, name),
                        IndexStream(seed_, "problems " + hash, size), size, stream_id(hash)});
  }
}

ProblemSet Problems::step(int step) const {
  ProblemSet set;
  for (std::size_t place = 0; place < sources_.size(); ++place) {
    const std::uint64_t end = drawn_before(step + 1, problems_, sources_.size(), place);
    for (std::uint64_t at = drawn_before(step, problems_, sources_.size(), place); at < end; ++at)
      set.problems.push_back(draw(place, at, set.skipped));
  }
  const Rng seeds = Rng(seed_, "sampling " + leg_key_).fork(static_cast<std::uint64_t>(step));
  for (std::size_t i = 0; i < set.problems.size(); ++i)
    set.problems[i].seed = seeds.fork(i).next_u64();
  return set;
}

Problem Problems::draw(std::size_t place, std::uint64_t position, int& skipped) const {
  const Source& source = sources_[place];
  const auto answer = static_cast<std::size_t>(source.protocol.max_answer_tokens());
  Rng again = Rng(seed_, "replacement").fork(source.stream).fork(position);
  for (int attempt = 0; attempt < skipped_problems_max; ++attempt) {
    const std::uint64_t index = source.order.at(attempt == 0 ? position : again.below(source.size));
    Problem problem;
    problem.place = place;
    problem.example =
        source.protocol.domain().dataset->at(Split::train, static_cast<std::size_t>(index));
    problem.prompt = source.protocol.prompt(problem.example);
    if (problem.prompt.size() + answer <= sequence_tokens_max_) return problem;
    ++skipped;
  }
  throw Error(Errc::invalid_argument,
              "study: train.max_sequence_tokens is too small: " +
                  std::to_string(skipped_problems_max) + " problems of domain " +
                  source.protocol.domain().name + " in a row leave no room for an answer of " +
                  std::to_string(answer) + " tokens (eval.max_answer_tokens) within " +
                  std::to_string(sequence_tokens_max_) + " tokens");
}

}  // namespace xfer::study
