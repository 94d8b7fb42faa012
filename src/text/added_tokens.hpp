// SPDX-License-Identifier: Apache-2.0
// Tokens that are found in text before it is split and encoded.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::text {

/// An entry of `added_tokens`, with the flags of `tokenizer.json`.
struct AddedToken {
  std::int32_t id = 0;
  std::string content;
  bool special = false;
  bool single_word = false;
  bool lstrip = false;
  bool rstrip = false;
  bool normalized = false;
};

/// Finds added tokens in text: the leftmost, and of those the longest.
class AddedTokenFinder {
public:
  /// `tokens` with empty content are left out.
  explicit AddedTokenFinder(std::vector<AddedToken> tokens);

  /// Calls `on_text(std::string_view)` and `on_token(id)` in the order of the text. Special tokens
  /// count only when `parse_special`.
  template <class OnText, class OnToken>
  void split(std::string_view text, bool parse_special, OnText on_text, OnToken on_token) const {
    std::size_t done = 0;
    for (std::size_t at = 0; at < text.size();) {
      const AddedToken* token =
          starts_[static_cast<unsigned char>(text[at])] ? longest_at(text, at) : nullptr;
      if (token == nullptr) {
        ++at;
        continue;
      }
      const std::size_t after = at + token->content.size();
      Span span{at, after};
      if ((parse_special || !token->special) && accepts(*token, text, done, span)) {
        if (span.start > done) on_text(text.substr(done, span.start - done));
        // As in `tokenizers`, white space that an `rstrip` took may hold further tokens; `lstrip`
        // can then leave nothing of them.
        if (span.start < span.end) on_token(token->id);
        done = span.end;
      }
      at = after;
    }
    if (done < text.size()) on_text(text.substr(done));
  }

private:
  struct Span {
    std::size_t start;
    std::size_t end;
  };
  struct Node {
    std::int32_t child = -1;
    std::int32_t sibling = -1;
    std::int32_t token = -1;
    char byte = 0;
  };
  const AddedToken* longest_at(std::string_view text, std::size_t at) const noexcept;
  /// Applies `single_word` and widens `span` by `lstrip` and `rstrip`.
  static bool accepts(const AddedToken& token, std::string_view text, std::size_t done, Span& span);
  std::int32_t child_of(std::int32_t node, char byte) const noexcept;

  std::vector<AddedToken> tokens_;
  std::vector<Node> nodes_;
  std::vector<bool> starts_;
};

}  // namespace xfer::text
