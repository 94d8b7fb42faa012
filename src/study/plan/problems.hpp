// SPDX-License-Identifier: Apache-2.0
// The problems that a leg of reinforcement learning puts to its model.
#pragma once

#include "study/plan/index_stream.hpp"
#include "study/plan/protocol.hpp"

#include "xfer/dataset.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/spec.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace xfer::study {

/// One problem, ready to be asked.
struct Problem {
  /// Index into the leg's domains.
  std::size_t place = 0;
  Example example;
  std::vector<std::int32_t> prompt;
  /// Seeds the sampling of its group: a function of leg, step and place in the step.
  std::uint64_t seed = 0;
};

struct ProblemSet {
  std::vector<Problem> problems;
  /// Drawn but too long with the longest answer allowed; others took their places.
  int skipped = 0;
};

/// The protocol by which a leg reinforces answers: the evaluation's, without examples in front.
Protocol reinforcement_protocol(const StudySpec& spec, const Materials& materials,
                                const std::string& domain);

/// Problems as a pure function of the leg and the step. A domain's train split is gone through in
/// another order than by supervised legs of the same seed.
class Problems {
public:
  Problems(const StudySpec& spec, const Materials& materials, const PlannedLeg& leg);

  /// Throws `invalid_argument` when no problem of a domain leaves room for its answer.
  ProblemSet step(int step) const;
  const Protocol& protocol(const Problem& problem) const {
    return sources_[problem.place].protocol;
  }

private:
  struct Source {
    Protocol protocol;
    IndexStream order;
    std::size_t size;
    std::uint64_t stream;
  };

  Problem draw(std::size_t place, std::uint64_t position, int& skipped) const;

  std::vector<Source> sources_;
  std::string leg_key_;
  std::uint64_t seed_;
  int problems_;
  std::size_t sequence_tokens_max_;
};

}  // namespace xfer::study
