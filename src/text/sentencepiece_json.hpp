// SPDX-License-Identifier: Apache-2.0
// The steps around SentencePiece's vocabularies in a tokenizer.json.
#pragma once

#include "text/json_field.hpp"
#include "text/tokenizer_parts.hpp"

namespace xfer::text {

/// Reads `normalizer`, `pre_tokenizer` and `decoder` of a file whose model falls back on bytes.
/// Throws `not_available` for anything that would give other ids than are made here.
void read_sentencepiece_steps(const JsonField& root, TokenizerParts& parts);

}  // namespace xfer::text
