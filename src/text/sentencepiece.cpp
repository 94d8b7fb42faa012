// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece.hpp"

#include "text/unicode.hpp"

#include <algorithm>
#include <charconv>
#include <tuple>

namespace xfer::text {
namespace {}  // namespace

std::string_view with_spaces(std::string_view text, std::string& buffer) {
  std::size_t at = text.find(space_mark);
  if (at == std::string_view::npos) return text;
  buffer.clear();
  std::size_t done = 0;
  for (; at != std::string_view::npos; at = text.find(space_mark, done)) {
    buffer.append(text.substr(done, at - done)).push_back(' ');
    done = at + space_mark.size();
  }
  buffer.append(text.substr(done));
  return buffer;
}

std::optional<unsigned char> byte_of_token(std::string_view token) {
  if (token.size() != 6 || !token.starts_with("<0x") || token.back() != '>') return std::nullopt;
  unsigned value = 0;
  const char* end = token.data() + 5;
  if (std::from_chars(token.data() + 3, end, value, 16).ptr != end) return std::nullopt;
  return static_cast<unsigned char>(value);
}

// Equal scores: the order in which `transformers` makes the same list, which decides between two
// ways to arrive at a token.
std::vector<Merge> merges_of_scores(const Vocabulary& vocabulary, std::span<const double> scores) {
  const auto score = [&](std::int32_t id) { return scores[static_cast<std::size_t>(id)]; };
  std::vector<Merge> merges;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    if (!vocabulary.has(id)) continue;
    const std::string_view text = vocabulary.bytes(id);
    if (vocabulary.find(text) != id) continue;
    const auto first = static_cast<std::ptrdiff_t>(merges.size());
    for (std::size_t cut = text.empty() ? 0 : code_point_at(text, 0).length; cut < text.size();
         cut += code_point_at(text, cut).length) {
      const auto left = vocabulary.find(text.substr(0, cut));
      const auto right = vocabulary.find(text.substr(cut));
      if (left && right) merges.push_back({*left, *right, id});
    }
    std::stable_sort(merges.begin() + first, merges.end(), [&](const Merge& a, const Merge& b) {
      return std::tuple(score(a.left), score(a.right)) > std::tuple(score(b.left), score(b.right));
    });
  }
  std::stable_sort(merges.begin(), merges.end(),
                   [&](const Merge& a, const Merge& b) { return score(a.id) > score(b.id); });
  return merges;
}

}  // namespace xfer::text
