// SPDX-License-Identifier: Apache-2.0
#include "text/renderer_templates.hpp"

#include "text/unicode.hpp"
#include "xfer/error.hpp"

#include <utility>

namespace xfer::text {
namespace {

/// `text` without white space at its ends, as Python's str.strip() takes it off.
std::string_view strip(std::string_view text) {
  const auto is_space = [](CodePoint point) {
    return (point.code >= 0x1CU && point.code <= 0x1FU) ||
           (classes_of(point.code) & space_class) != 0;
  };
  while (!text.empty() && is_space(code_point_at(text, 0)))
    text.remove_prefix(code_point_at(text, 0).length);
  while (!text.empty() && is_space(code_point_before(text, text.size())))
    text.remove_suffix(code_point_before(text, text.size()).length);
  return text;
}

std::string_view strip_newlines_left(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of('\n'), text.size()));
}

std::string_view strip_newlines(std::string_view text) {
  text = strip_newlines_left(text);
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

/// The template of the embedded models: the user's text is the whole prompt.
class Plain final : public TemplateRenderer {
public:
  explicit Plain(Tokenizer from) : TemplateRenderer("plain", std::move(from)) {
    if (tokenizer().end_tokens().empty())
      throw Error(Errc::invalid_argument,
                  "renderer: plain needs an end token, and the tokenizer's files declare none");
  }

protected:
  void append_prompt(const std::vector<Message>& messages, Tokens& out) const override {
    if (tokenizer().add_bos()) out.push_back(tokenizer().bos().value());
    append_text(messages.back().content, out);
  }
  void append_answer(const std::string& answer, Tokens& out) const override {
    append_text(" " + answer, out);
    out.push_back(tokenizer().end_tokens().front());
  }
  std::string strip_answer(std::string answer) const override {
    if (answer.starts_with(' ')) answer.erase(0, 1);
    return answer;
  }
  std::string description() const override {
    return "bos if added; last user content | space, answer, first end token";
  }
};

/// "User: ...\n\nAssistant: ...", as in tinker-cookbook 0.6.1, for models without chat tokens. The
/// answer ends with the next "User:", so that a base model learns to stop.
class RoleColon final : public TemplateRenderer {
public:
  explicit RoleColon(Tokenizer from) : TemplateRenderer("role_colon", std::move(from)) {}
  std::vector<std::string> stop_strings() const override { return {"\n\nUser:"}; }

protected:
  void append_prompt(const std::vector<Message>& messages, Tokens& out) const override {
    if (tokenizer().bos()) out.push_back(*tokenizer().bos());
    for (const Message& message : messages) {
      append_text(header(message.role), out);
      append_text(" " + message.content + "\n\n", out);
    }
    append_text(header("assistant"), out);
  }
  void append_answer(const std::string& answer, Tokens& out) const override {
    append_text(" " + answer + "\n\n", out);
    append_text("User:", out);
  }
  std::string strip_answer(std::string answer) const override {
    if (answer.starts_with(' ')) answer.erase(0, 1);
    if (answer.ends_with("\n\n")) answer.resize(answer.size() - 2);
    return answer;
  }
  std::string description() const override {
    return "bos; Role: space content newline newline; Assistant: | space answer newline newline "
           "User:";
  }

private:
  static std::string header(std::string_view role) {
    std::string text(role);
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
    return text + ":";
  }
};

/// Llama 3 instruct (meta-llama/Meta-Llama-3-8B-Instruct). Later versions also put dates into the
/// system message, which would make a result depend on the day; as in tinker-cookbook they are left
/// out.
class Llama3 final : public TemplateRenderer {
public:
  explicit Llama3(Tokenizer from)
      : TemplateRenderer("llama3", std::move(from)), begin_(required("<|begin_of_text|>")),
        start_header_(required("<|start_header_id|>")), end_header_(required("<|end_header_id|>")),
        end_of_turn_(required("<|eot_id|>")) {}

protected:
  void append_prompt(const std::vector<Message>& messages, Tokens& out) const override {
    out.push_back(begin_);
    for (const Message& message : messages) {
      append_header(message.role, out);
      append_text("\n\n" + std::string(strip(message.content)), out);
      out.push_back(end_of_turn_);
    }
    append_header("assistant", out);
    append_text("\n\n", out);
  }
  void append_answer(const std::string& answer, Tokens& out) const override {
    append_text(strip(answer), out);
    out.push_back(end_of_turn_);
  }
  std::int32_t turn_end() const noexcept override { return end_of_turn_; }
  std::string description() const override { return "llama 3.0, contents stripped, no dates"; }

private:
  void append_header(std::string_view role, Tokens& out) const {
    out.push_back(start_header_);
    append_text(role, out);
    out.push_back(end_header_);
  }
  std::int32_t begin_;
  std::int32_t start_header_;
  std::int32_t end_header_;
  std::int32_t end_of_turn_;
};

/// What ChatML and Qwen3 share. A text between two special tokens is encoded in one go, as it is
/// when a whole rendered conversation is encoded.
class ImTurns : public TemplateRenderer {
public:
  ImTurns(std::string_view name, Tokenizer from)
      : TemplateRenderer(name, std::move(from)), start_(required("<|im_start|>")),
        end_(required("<|im_end|>")) {}

protected:
  void append_turn(std::string_view role, std::string_view content, Tokens& out) const {
    out.push_back(start_);
    append_text(std::string(role) + "\n" + std::string(content), out);
    append_end(out);
    append_text("\n", out);
  }
  void append_assistant_start(Tokens& out) const {
    out.push_back(start_);
    append_text("assistant\n", out);
  }
  void append_end(Tokens& out) const { out.push_back(end_); }
  std::int32_t turn_end() const noexcept override { return end_; }

private:
  std::int32_t start_;
  std::int32_t end_;
};

/// ChatML, with the system message that the model's own template adds when there is none.
class ChatMl final : public ImTurns {
public:
  explicit ChatMl(Tokenizer from)
      : ImTurns("chatml", std::move(from)),
        system_(default_system_message(tokenizer().chat_template())) {}

protected:
  void append_prompt(const std::vector<Message>& messages, Tokens& out) const override {
    if (!system_.empty() && messages.front().role != "system") append_turn("system", system_, out);
    for (const Message& message : messages) append_turn(message.role, message.content, out);
    append_assistant_start(out);
  }
  void append_answer(const std::string& answer, Tokens& out) const override {
    append_text(answer, out);
    append_end(out);
  }
  std::string description() const override { return "chatml; system by default: " + system_; }

private:
  std::string system_;
};

/// Qwen3 (Qwen/Qwen3-8B): earlier turns lose their thinking; the answer has a block of it, empty
/// when there is none. Without thinking the empty block is part of the prompt.
class Qwen3 final : public ImTurns {
public:
  Qwen3(Tokenizer from, bool thinking)
      : ImTurns(thinking ? "qwen3" : "qwen3_no_thinking", std::move(from)), thinking_(thinking),
        open_(required("<think>")), close_(required("</think>")) {}

protected:
  void append_prompt(const std::vector<Message>& messages, Tokens& out) const override {
    for (const Message& message : messages) {
      append_turn(message.role,
                  message.role == "assistant" ? after_thinking(message.content)
                                              : std::string_view(message.content),
                  out);
    }
    append_assistant_start(out);
    if (!thinking_) append_thinking("", "", out);
  }
  void append_answer(const std::string& answer, Tokens& out) const override {
    const std::size_t close = answer.find(close_text);
    if (!thinking_) {
      if (close != std::string::npos)
        throw Error(Errc::invalid_argument,
                    "renderer: qwen3_no_thinking cannot write an answer with a block of thinking");
      append_text(answer, out);
    } else {
      std::string_view reasoning;
      if (close != std::string::npos) {
        reasoning = std::string_view(answer).substr(0, close);
        const std::size_t open = reasoning.rfind(open_text);
        if (open != std::string_view::npos) reasoning.remove_prefix(open + open_text.size());
      }
      append_thinking(strip_newlines(reasoning), strip_newlines_left(after_thinking(answer)), out);
    }
    append_end(out);
  }
  /// Text of an answer that ended before its thinking did is no answer.
  std::string strip_answer(std::string answer) const override {
    if (answer.find(close_text) == std::string::npos && answer.find(open_text) != std::string::npos)
      return {};
    return std::string(after_thinking(answer));
  }
  std::string description() const override {
    return thinking_ ? "qwen3, thinking in the answer" : "qwen3, empty thinking in the prompt";
  }

private:
  static constexpr std::string_view open_text = "<think>";
  static constexpr std::string_view close_text = "</think>";

  static std::string_view after_thinking(std::string_view content) {
    const std::size_t close = content.rfind(close_text);
    if (close == std::string_view::npos) return content;
    return strip_newlines_left(content.substr(close + close_text.size()));
  }
  void append_thinking(std::string_view reasoning, std::string_view rest, Tokens& out) const {
    out.push_back(open_);
    append_text("\n" + std::string(reasoning) + "\n", out);
    out.push_back(close_);
    append_text("\n\n" + std::string(rest), out);
  }

  bool thinking_;
  std::int32_t open_;
  std::int32_t close_;
};

}  // namespace

std::string default_system_message(std::string_view chat_template) {
  static constexpr std::string_view head = "<|im_start|>system";
  static constexpr std::string_view tail = "<|im_end|>";
  for (std::size_t at = chat_template.find(head); at != std::string_view::npos;
       at = chat_template.find(head, at + 1)) {
    std::string_view rest = chat_template.substr(at + head.size());
    // A newline stands in the template as itself or as an escape.
    if (rest.starts_with('\n')) {
      rest.remove_prefix(1);
    } else if (rest.starts_with("\\n")) {
      rest.remove_prefix(2);
    } else {
      continue;
    }
    const std::size_t end = rest.find(tail);
    if (end == std::string_view::npos) return {};
    const std::string_view message = rest.substr(0, end);
    // With a quote or a brace it is an expression, not a text.
    if (message.find_first_of("'\"{}\\") == std::string_view::npos) return std::string(message);
  }
  return {};
}

std::unique_ptr<Renderer> make_plain(Tokenizer tokenizer) {
  return std::make_unique<Plain>(std::move(tokenizer));
}
std::unique_ptr<Renderer> make_role_colon(Tokenizer tokenizer) {
  return std::make_unique<RoleColon>(std::move(tokenizer));
}
std::unique_ptr<Renderer> make_llama3(Tokenizer tokenizer) {
  return std::make_unique<Llama3>(std::move(tokenizer));
}
std::unique_ptr<Renderer> make_chatml(Tokenizer tokenizer) {
  return std::make_unique<ChatMl>(std::move(tokenizer));
}
std::unique_ptr<Renderer> make_qwen3(Tokenizer tokenizer, bool thinking) {
  return std::make_unique<Qwen3>(std::move(tokenizer), thinking);
}

}  // namespace xfer::text
