// SPDX-License-Identifier: Apache-2.0
// The stream of text that the embedded models are pretrained on.
#pragma once

#include <cstdint>
#include <string>

#pragma GCC visibility push(default)
namespace xfer::domains {

/// `base`: the kinds and number ranges that the domains call basic. `anneal`: one document in five
/// is from the full task, so that kinds the base has never seen are not an absolute floor.
enum class PretrainingPhase { base, anneal };

/// One document: tokens are encode(prompt), encode(" " + answer), end token, as the "plain"
/// renderer writes them.
struct PretrainingDocument {
  std::string prompt;
  std::string answer;
  /// "math" .. "law", or "drill" for single steps and copying.
  std::string domain;
  std::string kind;
};

/// The document at `index` of the stream of `seed`: a pure function of its arguments, without end.
/// Problems come from the train side of the split alone. Part of the answers have no steps, and
/// nothing in the prompt tells which.
PretrainingDocument pretraining_document(std::uint64_t seed, std::uint64_t index,
                                         PretrainingPhase phase = PretrainingPhase::base);

}  // namespace xfer::domains
#pragma GCC visibility pop
