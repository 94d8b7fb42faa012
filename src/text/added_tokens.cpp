// SPDX-License-Identifier: Apache-2.0
#include "text/added_tokens.hpp"

#include "text/unicode.hpp"

#include <algorithm>

namespace xfer::text {

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens)
    : tokens_(std::move(tokens)), nodes_(1), starts_(256, false) {
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    const std::string& content = tokens_[i].content;
    if (content.empty()) continue;
    starts_[static_cast<unsigned char>(content.front())] = true;
    std::int32_t node = 0;
    for (const char byte : content) {
      std::int32_t child = child_of(node, byte);
      if (child < 0) {
        child = static_cast<std::int32_t>(nodes_.size());
        Node& parent = nodes_[static_cast<std::size_t>(node)];
        const std::int32_t sibling = parent.child;
        parent.child = child;
        nodes_.push_back({-1, sibling, -1, byte});
      }
      node = child;
    }
    if (nodes_[static_cast<std::size_t>(node)].token < 0)
      nodes_[static_cast<std::size_t>(node)].token = static_cast<std::int32_t>(i);
  }
}

std::int32_t AddedTokenFinder::child_of(std::int32_t node, char byte) const noexcept {
  std::int32_t child = nodes_[static_cast<std::size_t>(node)].child;
  while (child >= 0 && nodes_[static_cast<std::size_t>(child)].byte != byte)
    child = nodes_[static_cast<std::size_t>(child)].sibling;
  return child;
}

const AddedToken* AddedTokenFinder::longest_at(std::string_view text,
                                               std::size_t at) const noexcept {
  std::int32_t found = -1;
  std::int32_t node = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    node = child_of(node, text[i]);
    if (node < 0) break;
    const std::int32_t token = nodes_[static_cast<std::size_t>(node)].token;
    if (token >= 0) found = token;
  }
  return found < 0 ? nullptr : &tokens_[static_cast<std::size_t>(found)];
}

bool AddedTokenFinder::accepts(const AddedToken& token, std::string_view text, std::size_t done,
                               Span& span) {
  const auto has = [](CodePoint point, CharClass wanted) {
    return (classes_of(point.code) & wanted) != 0;
  };
  if (token.single_word) {
    if (span.start > 0 && has(code_point_before(text, span.start), word_class)) return false;
    if (span.end < text.size() && has(code_point_at(text, span.end), word_class)) return false;
  }
  if (token.lstrip) {
    while (span.start > done) {
      const CodePoint point = code_point_before(text, span.start);
      if (!has(point, space_class)) break;
      span.start -= point.length;
    }
    span.start = std::max(span.start, done);
  }
  if (token.rstrip) {
    while (span.end < text.size()) {
      const CodePoint point = code_point_at(text, span.end);
      if (!has(point, space_class)) break;
      span.end += point.length;
    }
  }
  return true;
}

}  // namespace xfer::text
