// SPDX-License-Identifier: Apache-2.0
#include "similarity/words.hpp"

#include "xfer/stats/similarity.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace xfer::similarity {
namespace {

using Counts = std::map<std::string, std::uint64_t>;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80U) != 0;
}
bool is_space(char c) { return static_cast<unsigned char>(c) <= ' '; }

std::uint64_t count_of(const Counts& counts, const std::string& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

std::size_t shared(const Counts& a, const Counts& b) {
  return static_cast<std::size_t>(
      std::count_if(a.begin(), a.end(), [&](const auto& entry) { return b.count(entry.first); }));
}

double divergence(const Counts& a, const Counts& b) {
  Counts all = a;
  all.insert(b.begin(), b.end());
  std::vector<double> p;
  std::vector<double> q;
  for (const auto& [key, ignored] : all) {
    p.push_back(static_cast<double>(count_of(a, key)));
    q.push_back(static_cast<double>(count_of(b, key)));
  }
  return stats::jensen_shannon(p, q);
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < text.size();) {
    const char c = text[at];
    if (is_space(c)) {
      ++at;
    } else if (is_digit(c)) {
      while (at < text.size() &&
             (is_digit(text[at]) || ((text[at] == '.' || text[at] == ',') && at + 1 < text.size() &&
                                     is_digit(text[at + 1]))))
        ++at;
      words.emplace_back("0");
    } else if (is_letter(c)) {
      std::string word;
      for (; at < text.size() && is_letter(text[at]); ++at) {
        const char letter = text[at];
        word += letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter;
      }
      words.push_back(std::move(word));
    } else {
      words.emplace_back(1, c);
      ++at;
    }
  }
  return words;
}

TextProfile text_profile(const std::vector<Example>& examples) {
  TextProfile profile;
  for (const Example& example : examples) {
    const std::vector<std::string> words = words_of(example.question + "\n" + example.solution);
    for (std::size_t i = 0; i < words.size(); ++i) {
      ++profile.words[words[i]];
      if (i > 0) ++profile.pairs[words[i - 1] + " " + words[i]];
    }
    for (const std::string& word : std::set<std::string>(words.begin(), words.end()))
      ++profile.documents[word];
    ++profile.examples;
  }
  return profile;
}

double vocabulary_jaccard(const TextProfile& a, const TextProfile& b) {
  const std::size_t both = shared(a.words, b.words);
  return static_cast<double>(both) / static_cast<double>(a.words.size() + b.words.size() - both);
}

double vocabulary_coverage(const TextProfile& source, const TextProfile& target) {
  return static_cast<double>(shared(source.words, target.words)) /
         static_cast<double>(target.words.size());
}

double tfidf_cosine(const TextProfile& a, const TextProfile& b) {
  const auto n = static_cast<double>(a.examples + b.examples);
  const auto idf = [&](const std::string& word) {
    const auto df = static_cast<double>(count_of(a.documents, word) + count_of(b.documents, word));
    return std::log((1.0 + n) / (1.0 + df)) + 1.0;
  };
  double product = 0.0;
  double square_a = 0.0;
  double square_b = 0.0;
  for (const auto& [word, count] : a.words) {
    const double x = static_cast<double>(count) * idf(word);
    const double y = static_cast<double>(count_of(b.words, word)) * idf(word);
    square_a += x * x;
    product += x * y;
  }
  for (const auto& [word, count] : b.words) {
    const double y = static_cast<double>(count) * idf(word);
    square_b += y * y;
  }
  return std::min(1.0, product / std::sqrt(square_a) / std::sqrt(square_b));
}

double word_divergence(const TextProfile& a, const TextProfile& b) {
  return divergence(a.words, b.words);
}

double pair_divergence(const TextProfile& a, const TextProfile& b) {
  return divergence(a.pairs, b.pairs);
}

}  // namespace xfer::similarity
