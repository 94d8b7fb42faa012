// SPDX-License-Identifier: Apache-2.0
// The chat templates behind Renderer::make.
#pragma once

#include "xfer/text/renderer.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace xfer::text {

/// What all templates share: a prompt, then an answer that is encoded on its own, so that the
/// boundary between them lies at the same place in training and in sampling.
class TemplateRenderer : public Renderer {
public:
  TemplateRenderer(std::string_view name, Tokenizer tokenizer)
      : name_(name), tokenizer_(std::move(tokenizer)) {}

  std::string_view name() const noexcept final { return name_; }
  std::vector<std::int32_t> generation_prompt(const std::vector<Message>& messages) const final;
  RenderedExample supervised_example(const std::vector<Message>& messages) const final;
  std::vector<std::int32_t> stop_tokens() const final;
  std::vector<std::string> stop_strings() const override { return {}; }
  std::string parse_answer(const std::vector<std::int32_t>& completion) const final;
  std::string content_hash() const final;

protected:
  using Tokens = std::vector<std::int32_t>;

  /// Appends the prompt for messages that end with one from the user.
  virtual void append_prompt(const std::vector<Message>& messages, Tokens& out) const = 0;
  /// Appends an answer and what ends it.
  virtual void append_answer(const std::string& answer, Tokens& out) const = 0;
  /// The token that ends a turn, besides the tokenizer's end tokens; none when < 0.
  virtual std::int32_t turn_end() const noexcept { return -1; }
  /// Removes the template's own characters around a decoded answer.
  virtual std::string strip_answer(std::string answer) const { return answer; }
  /// The template in words that change when it does.
  virtual std::string description() const = 0;

  /// Appends text as it stands: special tokens written out in it stay text, so that no content can
  /// end its own turn.
  void append_text(std::string_view text, Tokens& out) const {
    tokenizer_.encode_to(text, out, false);
  }
  /// The id of a token the template needs. Throws `invalid_argument` naming it when missing.
  std::int32_t required(std::string_view token) const;
  const Tokenizer& tokenizer() const noexcept { return tokenizer_; }

private:
  std::string name_;
  Tokenizer tokenizer_;
};

/// The system message that a ChatML template (Jinja) adds on its own when a conversation has none;
/// "" when it adds none.
std::string default_system_message(std::string_view chat_template);

std::unique_ptr<Renderer> make_plain(Tokenizer tokenizer);
std::unique_ptr<Renderer> make_role_colon(Tokenizer tokenizer);
std::unique_ptr<Renderer> make_llama3(Tokenizer tokenizer);
std::unique_ptr<Renderer> make_chatml(Tokenizer tokenizer);
std::unique_ptr<Renderer> make_qwen3(Tokenizer tokenizer, bool thinking);

}  // namespace xfer::text
