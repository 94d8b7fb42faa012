// SPDX-License-Identifier: Apache-2.0
// What the files beside a tokenizer.json say about the first and the last tokens of a text.
#include "text/json_field.hpp"
#include "text/tokenizer_parts.hpp"
#include "xfer/files/mapped_file.hpp"

#include <algorithm>

namespace xfer::text {
namespace {

constexpr std::size_t small_file_max = std::size_t{1} << 26U;

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

Json read_json(const std::filesystem::path& path) {
  return parse_json(files::read_text(path, small_file_max), path.string());
}

void add_end_token(TokenizerParts& parts, std::int32_t id) {
  if (std::find(parts.end_tokens.begin(), parts.end_tokens.end(), id) == parts.end_tokens.end())
    parts.end_tokens.push_back(id);
}

/// The id of a token given as a string or as an object with `content`; none when null.
std::optional<std::int32_t> token_of(const JsonField& field, const TokenizerParts& parts) {
  if (field.is_null()) return std::nullopt;
  const std::string content = field.value().is_object() ? field["content"].text() : field.text();
  for (const AddedToken& token : parts.added) {
    if (token.content == content) return token.id;
  }
  const auto id = parts.vocabulary.find(content);
  if (!id) field.bad("\"" + content + "\" is not in the vocabulary");
  return id;
}

void read_tokenizer_config(const std::filesystem::path& path, TokenizerParts& parts) {
  const Json document = read_json(path);
  const JsonField root(document, path.string(), "");
  if (const auto bos = token_of(root["bos_token"], parts)) parts.bos = bos;
  if (const auto eos = token_of(root["eos_token"], parts)) add_end_token(parts, *eos);
  if (root["add_bos_token"].flag_or(false) && parts.bos) parts.add_bos = true;
  const JsonField chat = root["chat_template"];
  if (chat.value().is_string()) {
    parts.chat_template = chat.text();
  } else if (chat.value().is_array()) {
    for (std::size_t i = 0; i < chat.array_size(); ++i) {
      if (chat.at(i)["name"].text() == "default")
        parts.chat_template = chat.at(i)["template"].text();
    }
  }
}

void read_end_token_ids(const std::filesystem::path& path, TokenizerParts& parts) {
  const Json document = read_json(path);
  const JsonField field = JsonField(document, path.string(), "")["eos_token_id"];
  if (field.is_null()) return;
  const auto add = [&](const JsonField& item) {
    const auto id = static_cast<std::int32_t>(item.integer(0, token_ids_max));
    if (!parts.vocabulary.has(id)) item.bad("no token has the id " + std::to_string(id));
    add_end_token(parts, id);
  };
  if (!field.value().is_array()) return add(field);
  for (std::size_t i = 0; i < field.array_size(); ++i) add(field.at(i));
}

}  // namespace

TokenizerParts parts_from_huggingface_file(const std::filesystem::path& path) {
  TokenizerParts parts = parts_from_huggingface(files::read_text(path), path.string());
  const std::vector<std::int32_t> known = std::move(parts.end_tokens);
  parts.end_tokens.clear();
  const std::filesystem::path folder = path.parent_path();
  if (is_there(folder / "tokenizer_config.json"))
    read_tokenizer_config(folder / "tokenizer_config.json", parts);
  if (is_there(folder / "generation_config.json"))
    read_end_token_ids(folder / "generation_config.json", parts);
  if (parts.end_tokens.empty() && is_there(folder / "config.json"))
    read_end_token_ids(folder / "config.json", parts);
  if (parts.end_tokens.empty()) parts.end_tokens = known;
  if (is_there(folder / "chat_template.jinja"))
    parts.chat_template = files::read_text(folder / "chat_template.jinja", small_file_max);
  return parts;
}

}  // namespace xfer::text
