// SPDX-License-Identifier: Apache-2.0
// Vocabularies that SentencePiece made in its BPE mode (Kudo and Richardson 2018, arXiv
// 1808.06226), as Llama 2, Mistral and Gemma have them: tokens are spelled in characters, with
// U+2581 for the space, and a character without a token of its own is written as the tokens of its
// bytes.
//
// Here such tokens are kept with real spaces, and U+2581 in a text is read as a space too: the two
// cannot be told apart by the model.
#pragma once

#include "text/bpe.hpp"
#include "text/vocabulary.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::text {

/// U+2581, how these vocabularies spell a space.
inline constexpr std::string_view space_mark = "\xE2\x96\x81";

/// Where a space is put in front of a text, so that its first word is the word it is elsewhere.
enum class SpacePrefix {
  none,
  each,          ///< every stretch of text between added tokens
  each_unless,   ///< the same where there is no space yet
  first_unless,  ///< only at the very start, where there is no space yet
};

/// `text` with a space for every U+2581; `buffer` holds it when anything changed.
std::string_view with_spaces(std::string_view text, std::string& buffer);

/// 10 for "<0x0A>"; none for any other spelling.
std::optional<unsigned char> byte_of_token(std::string_view token);

/// The merges that a vocabulary with scores stands for: two tokens whose texts in a row are a third
/// token merge, higher scores of the result first. `scores` has one for each id.
std::vector<Merge> merges_of_scores(const Vocabulary& vocabulary, std::span<const double> scores);

}  // namespace xfer::text
