// SPDX-License-Identifier: Apache-2.0
// Chat templates: a conversation as the tokens a model was trained to read.
#pragma once

#include "xfer/text/tokenizer.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::text {

struct Message {
  std::string role;  ///< "system", "user" or "assistant"
  std::string content;
};

/// A training example as tokens: `tokens[i]` carries loss when `is_target[i]`.
struct RenderedExample {
  std::vector<std::int32_t> tokens;
  std::vector<bool> is_target;
};

/// Turns conversations into tokens. Immutable; safe to call concurrently.
class Renderer {
public:
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;
  virtual ~Renderer() = default;

  /// "plain", "role_colon", "llama3", "qwen3", "qwen3_no_thinking", "chatml". Throws
  /// `invalid_argument` with the known names otherwise.
  static std::unique_ptr<Renderer> make(std::string_view name, Tokenizer tokenizer);
  static std::vector<std::string> names();
  /// The template that the model's own files ask for (by its special tokens), "plain" for the
  /// embedded models and "role_colon" for base models without chat tokens.
  static std::string recommended(const Tokenizer& tokenizer);

  virtual std::string_view name() const noexcept = 0;
  /// Tokens of the conversation up to where the assistant starts to write.
  virtual std::vector<std::int32_t> generation_prompt(
      const std::vector<Message>& messages) const = 0;
  /// The whole conversation; loss on the assistant's last turn and on what ends it.
  virtual RenderedExample supervised_example(const std::vector<Message>& messages) const = 0;
  /// Tokens after which a sampled answer is over.
  virtual std::vector<std::int32_t> stop_tokens() const = 0;
  /// Texts after which a sampled answer is over, e.g. "\n\nUser:".
  virtual std::vector<std::string> stop_strings() const = 0;
  /// The answer in a sampled completion: decoded, without whatever ended it.
  virtual std::string parse_answer(const std::vector<std::int32_t>& completion) const = 0;
  /// Hash of the template's text and version, part of every protocol hash.
  virtual std::string content_hash() const = 0;

protected:
  Renderer() = default;
};

}  // namespace xfer::text
#pragma GCC visibility pop
