// SPDX-License-Identifier: Apache-2.0
// The batches of a leg.
#pragma once

#include "study/plan/index_stream.hpp"

#include "xfer/condition.hpp"
#include "xfer/study/materials.hpp"
#include "xfer/study/plan.hpp"
#include "xfer/study/spec.hpp"
#include "xfer/trainer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace xfer::study {

struct Batch {
  std::vector<Datum> data;
  std::int64_t tokens = 0;
  std::int64_t target_tokens = 0;
  /// Examples drawn but longer than the limit; others took their places.
  int skipped = 0;
};

/// Batches as a pure function of the leg and the step, so that a leg can be taken up anywhere.
///
/// cross_entropy is a plain sum over tokens. The weights of a batch are therefore 1 / (its target
/// tokens): the loss is the mean per answer token, and a learning rate means the same at every
/// batch size.
class TrainingData {
public:
  TrainingData(const StudySpec& spec, const Materials& materials, const PlannedLeg& leg);

  /// Throws `invalid_argument` when no example of a domain fits into the longest sequence, and
  /// `bad_data` when one has nothing to train on.
  Batch batch(int step) const;

private:
  struct Source {
    const domains::Domain* domain;
    IndexStream order;
    std::size_t size;
    /// Random choices follow the content, not the name: a leg's key holds the former alone.
    std::uint64_t stream;
  };

  text::RenderedExample draw(const Source& source, std::uint64_t position, int& skipped) const;
  text::RenderedExample render(const Source& source, std::uint64_t index,
                               std::uint64_t answer_index) const;
  std::uint64_t partner(const Source& source, std::uint64_t position) const;
  void randomise(text::RenderedExample& example, const Source& source,
                 std::uint64_t position) const;

  std::vector<Source> sources_;
  const text::Renderer* renderer_;
  const text::Tokenizer* tokenizer_;
  Corruption corruption_;
  std::uint64_t seed_;
  int batch_size_;
  std::size_t sequence_tokens_max_;
  std::vector<std::int32_t> ordinary_tokens_;
};

}  // namespace xfer::study
