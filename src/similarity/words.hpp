// SPDX-License-Identifier: Apache-2.0
// How alike the words of two domains are.
#pragma once

#include "xfer/dataset.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::similarity {

/// Runs of letters (lower case; bytes beyond ASCII count as letters), single punctuation marks, and
/// "0" for each number: which numbers occur says little about a domain, and there are many.
std::vector<std::string> words_of(std::string_view text);

/// What is counted of a domain's questions and worked answers. Counts are exact, so that the order
/// of examples cannot matter.
struct TextProfile {
  std::map<std::string, std::uint64_t> words;
  /// Pairs of neighbours, with a space between.
  std::map<std::string, std::uint64_t> pairs;
  /// Examples that contain a word.
  std::map<std::string, std::uint64_t> documents;
  std::uint64_t examples = 0;
};

TextProfile text_profile(const std::vector<Example>& examples);

/// Each takes profiles with at least one word.
/// Words in both over words in either.
double vocabulary_jaccard(const TextProfile& a, const TextProfile& b);
/// Share of the target's vocabulary that the source has.
double vocabulary_coverage(const TextProfile& source, const TextProfile& target);
/// Cosine of the domains' word counts, each weighted by ln((1 + n) / (1 + df)) + 1 with n and df
/// counted over both (the smoothed idf of scikit-learn's TfidfTransformer).
double tfidf_cosine(const TextProfile& a, const TextProfile& b);
/// Jensen-Shannon divergence in bits of the shares of words, and of pairs of words.
double word_divergence(const TextProfile& a, const TextProfile& b);
double pair_divergence(const TextProfile& a, const TextProfile& b);

}  // namespace xfer::similarity
