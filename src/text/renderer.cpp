// SPDX-License-Identifier: Apache-2.0
#include "xfer/text/renderer.hpp"

#include "text/renderer_templates.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>

namespace xfer::text {
namespace {

void check_messages(const std::vector<Message>& messages, std::string_view operation,
                    std::string_view last_role) {
  const std::string start = std::string(operation) + ": ";
  if (messages.empty()) throw Error(Errc::invalid_argument, start + "there is no message");
  for (const Message& message : messages) {
    if (message.role != "system" && message.role != "user" && message.role != "assistant")
      throw Error(Errc::invalid_argument, start + "unknown role (got \"" + message.role +
                                              "\", allowed system, user, assistant)");
  }
  if (messages.back().role != last_role)
    throw Error(Errc::invalid_argument, start + "the last message has the wrong role (got \"" +
                                            messages.back().role + "\", allowed " +
                                            std::string(last_role) + ")");
}

}  // namespace

std::unique_ptr<Renderer> Renderer::make(std::string_view name, Tokenizer tokenizer) {
  if (name == "plain") return make_plain(std::move(tokenizer));
  if (name == "role_colon") return make_role_colon(std::move(tokenizer));
  if (name == "llama3") return make_llama3(std::move(tokenizer));
  if (name == "qwen3") return make_qwen3(std::move(tokenizer), true);
  if (name == "qwen3_no_thinking") return make_qwen3(std::move(tokenizer), false);
  if (name == "chatml") return make_chatml(std::move(tokenizer));
  std::string known;
  for (const std::string& each : names()) known += (known.empty() ? "" : ", ") + each;
  throw Error(Errc::invalid_argument,
              "renderer: unknown name (got \"" + std::string(name) + "\", allowed " + known + ")");
}

std::vector<std::string> Renderer::names() {
  return {"plain", "role_colon", "llama3", "qwen3", "qwen3_no_thinking", "chatml"};
}

std::string Renderer::recommended(const Tokenizer& tokenizer) {
  const auto has = [&](std::string_view token) { return tokenizer.token_to_id(token).has_value(); };
  if (has("<|im_start|>") && has("<|im_end|>"))
    return has("<think>") && has("</think>") ? "qwen3" : "chatml";
  if (has("<|start_header_id|>")) return "llama3";
  const auto end = tokenizer.token_to_id("<|end|>");
  const auto& ends = tokenizer.end_tokens();
  if (end && std::find(ends.begin(), ends.end(), *end) != ends.end()) return "plain";
  return "role_colon";
}

std::vector<std::int32_t> TemplateRenderer::generation_prompt(
    const std::vector<Message>& messages) const {
  check_messages(messages, "generation_prompt", "user");
  Tokens tokens;
  append_prompt(messages, tokens);
  return tokens;
}

RenderedExample TemplateRenderer::supervised_example(const std::vector<Message>& messages) const {
  check_messages(messages, "supervised_example", "assistant");
  const std::vector<Message> before(messages.begin(), messages.end() - 1);
  check_messages(before, "supervised_example: before the answer", "user");
  RenderedExample example;
  append_prompt(before, example.tokens);
  const std::size_t prompt_size = example.tokens.size();
  append_answer(messages.back().content, example.tokens);
  example.is_target.assign(example.tokens.size(), true);
  std::fill_n(example.is_target.begin(), prompt_size, false);
  return example;
}

std::vector<std::int32_t> TemplateRenderer::stop_tokens() const {
  Tokens tokens = tokenizer_.end_tokens();
  const std::int32_t end = turn_end();
  if (end >= 0 && std::find(tokens.begin(), tokens.end(), end) == tokens.end())
    tokens.insert(tokens.begin(), end);
  return tokens;
}

std::string TemplateRenderer::parse_answer(const std::vector<std::int32_t>& completion) const {
  const Tokens stops = stop_tokens();
  const auto end =
      std::find_first_of(completion.begin(), completion.end(), stops.begin(), stops.end());
  std::string answer = tokenizer_.decode(std::span(completion.begin(), end));
  for (const std::string& stop : stop_strings())
    answer.resize(std::min(answer.find(stop), answer.size()));
  return strip_answer(std::move(answer));
}

std::string TemplateRenderer::content_hash() const {
  return HashBuilder("renderer/1").field("name", name_).field("template", description()).hex();
}

std::int32_t TemplateRenderer::required(std::string_view token) const {
  const auto id = tokenizer_.token_to_id(token);
  if (!id)
    throw Error(Errc::invalid_argument, "renderer: " + name_ + " needs the token \"" +
                                            std::string(token) +
                                            "\", which the vocabulary does not have");
  return *id;
}

}  // namespace xfer::text
