// SPDX-License-Identifier: Apache-2.0
// What the readers of tokenizer files produce, and what a Tokenizer is made of.
#pragma once

#include "text/added_tokens.hpp"
#include "text/bpe.hpp"
#include "text/sentencepiece.hpp"
#include "text/splitter.hpp"
#include "text/vocabulary.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::text {

/// The content of a tokenizer file, checked. Every id in it is in `vocabulary`.
struct TokenizerParts {
  Vocabulary vocabulary;
  std::vector<Merge> merges;
  BpeOptions options;
  std::vector<AddedToken> added;
  /// Whether text is brought into normalization form C first.
  bool nfc = false;
  SpacePrefix space_prefix = SpacePrefix::none;
  std::vector<std::unique_ptr<Splitter>> steps;
  std::optional<std::int32_t> bos;
  std::vector<std::int32_t> end_tokens;
  bool add_bos = false;
  std::string chat_template;
};

/// The content of a `tokenizer.json`; `origin` names it in errors.
TokenizerParts parts_from_huggingface(std::string_view json, const std::string& origin);
/// A `tokenizer.json` with what the files beside it say about its first and last tokens.
TokenizerParts parts_from_huggingface_file(const std::filesystem::path& path);
TokenizerParts parts_from_gguf(const std::filesystem::path& path);
TokenizerParts parts_from_tiktoken(const std::filesystem::path& path, const std::string& family);

/// End tokens of a file that declares none: those of its special tokens that are known as such.
std::vector<std::int32_t> known_end_tokens(const std::vector<AddedToken>& added);

}  // namespace xfer::text
