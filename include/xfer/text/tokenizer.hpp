// SPDX-License-Identifier: Apache-2.0
// Text to token ids and back, exactly as the model's own tokenizer does it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::text {

/// A BPE tokenizer, byte-level or SentencePiece's. Immutable; safe to call concurrently; cheap to
/// copy.
class Tokenizer {
public:
  /// A Hugging Face `tokenizer.json`, a folder that holds one, a `.gguf` file, or a `.tiktoken`
  /// rank file (its name must tell the family: see `from_tiktoken`). Throws `Error` (`io`,
  /// `bad_data`, `not_available`) naming the file and the field.
  static Tokenizer load(const std::filesystem::path& path);
  /// The content of a `tokenizer.json`; `origin` names it in errors.
  static Tokenizer from_huggingface(std::string_view json, const std::string& origin);
  static Tokenizer from_gguf(const std::filesystem::path& path);
  /// A tiktoken rank file with the split pattern and special tokens of a family: "llama3", "qwen".
  static Tokenizer from_tiktoken(const std::filesystem::path& ranks, const std::string& family);

  /// Token ids of `text`. Special tokens written out in the text (e.g. "<|im_end|>") become their
  /// ids when `parse_special`; otherwise they are encoded as ordinary text. Adds nothing at the
  /// ends. Invalid UTF-8 is encoded byte by byte and survives a round trip; SentencePiece's
  /// vocabularies cannot tell U+2581 from a space.
  std::vector<std::int32_t> encode(std::string_view text, bool parse_special = true) const;
  /// Appends to `out`; otherwise as `encode`. For hot loops.
  void encode_to(std::string_view text, std::vector<std::int32_t>& out,
                 bool parse_special = true) const;
  /// Bytes of the tokens in a row; may end inside a UTF-8 sequence. Where encoding puts a space in
  /// front of a text (Llama 2), one at the start is taken away again. Throws `invalid_argument`
  /// naming the id when one is not in the vocabulary.
  std::string decode(std::span<const std::int32_t> ids, bool skip_special = false) const;

  /// One more than the largest id.
  std::int32_t vocab_size() const noexcept;
  /// The id of an added token by its text, e.g. "<|im_end|>", or of any other by its bytes, e.g.
  /// " the".
  std::optional<std::int32_t> token_to_id(std::string_view token) const;
  /// The raw bytes a token stands for. Throws `invalid_argument` when there is no such token.
  std::string_view token_bytes(std::int32_t id) const;
  bool is_special(std::int32_t id) const noexcept;
  std::optional<std::int32_t> bos() const noexcept;
  /// Tokens that end a text or a turn, as the model's files declare them.
  const std::vector<std::int32_t>& end_tokens() const noexcept;
  /// Whether the model expects `bos()` in front of every text.
  bool add_bos() const noexcept;
  /// The chat template (Jinja) in the model's files; "" when there is none.
  const std::string& chat_template() const noexcept;
  /// Hash of everything that decides the ids.
  const std::string& content_hash() const noexcept;

private:
  struct State;
  explicit Tokenizer(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  std::shared_ptr<const State> state_;
};

}  // namespace xfer::text
#pragma GCC visibility pop
