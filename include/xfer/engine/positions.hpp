// SPDX-License-Identifier: Apache-2.0
// What a model thinks at every position of a text: its most probable tokens, and the
// log-probabilities of chosen ones.
#pragma once

#include "xfer/engine/model.hpp"
#include "xfer/task.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::engine {

struct Adapter;

struct TokenLogprob {
  TokenLogprob() = default;
  TokenLogprob(std::int32_t id, float value) : token(id), logprob(value) {}
  std::int32_t token = 0;
  float logprob = 0.0F;
};

struct PositionQuery {
  explicit PositionQuery(std::vector<std::int32_t> text) : tokens(std::move(text)) {}
  std::vector<std::int32_t> tokens;
  /// Asked for the predictions of tokens [first, last); first at least 1. `last` may be one more
  /// than there are tokens: the prediction of the next.
  std::size_t first = 1;
  std::size_t last = 1;
  /// Most probable tokens at each.
  int top = 0;
  /// For each position as many token ids, row by row; negative: none.
  std::size_t columns = 0;
  std::vector<std::int64_t> targets;
  /// Tokens drawn at each, independently, at that temperature.
  int draws = 0;
  double temperature = 1.0;
  std::uint64_t seed = 0;
};

struct PositionAnswer {
  PositionAnswer() = default;
  /// last - first rows, most probable first.
  std::vector<std::vector<TokenLogprob>> top;
  /// As `targets`; 0 where none was asked for.
  std::vector<float> targets;
  /// last - first rows.
  std::vector<std::vector<TokenLogprob>> drawn;
};

/// Computed in pieces on the engine's thread, between which others get their turn. Each position
/// has the bits that sampling there would give, whatever else runs. Tokens and targets must be in
/// the vocabulary and the text within the model's positions, else throws `invalid_argument`;
/// `adapter` may be null. Honours cancellation between pieces.
task<PositionAnswer> look_at_positions(std::shared_ptr<const Model> model,
                                       std::shared_ptr<const Adapter> adapter, PositionQuery query);

}  // namespace xfer::engine
#pragma GCC visibility pop
