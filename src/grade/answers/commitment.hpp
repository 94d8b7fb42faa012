// SPDX-License-Identifier: Apache-2.0
// Where a text commits itself to an answer.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace xfer::grade {

/// The text behind words that announce an answer, to the end of its line; at most 2000 characters.
struct Commitment {
  /// Without blanks and colons in front.
  std::string_view rest;
  /// Index of `rest` in the whole text.
  std::size_t at = 0;
};

/// In the order of the text: behind "(the) answer is", "Answer:", "the best option is", "I choose",
/// "\boxed{", "####" and their like. Not behind "answer choices:", nor where the words deny
/// ("the answer is not"). Time is linear in the text.
std::vector<Commitment> find_commitments(std::string_view text);

/// Without one word such as "option" or "the" in front of an answer; the same when there is none.
std::string_view strip_filler(std::string_view rest) noexcept;

/// Whether the words behind an answer say that it is not the right one, e.g. " is wrong".
bool rejects(std::string_view rest);

/// Whether the words behind an answer say that it is the right one, e.g. " is correct" or " is the
/// best answer".
bool confirms(std::string_view rest);

}  // namespace xfer::grade
