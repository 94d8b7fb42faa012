// SPDX-License-Identifier: Apache-2.0
// Reading tokenizer.json (huggingface/tokenizers). What would change ids and is not supported is
// refused. `truncation` and `padding` are settings of a call, which `transformers` sets anew each
// time, so they are left aside.
#include "text/byte_alphabet.hpp"
#include "text/json_field.hpp"
#include "text/pre_tokenizer_json.hpp"
#include "text/sentencepiece_json.hpp"
#include "text/tokenizer_parts.hpp"

#include <algorithm>
#include <utility>

namespace xfer::text {
namespace {

void read_normalizer(const JsonField& field, TokenizerParts& parts) {
  if (field.is_null()) return;
  const std::string type = field["type"].text();
  if (type == "NFC") {
    parts.nfc = true;
  } else if (type == "Sequence") {
    const JsonField list = field["normalizers"];
    for (std::size_t i = 0; i < list.array_size(); ++i) read_normalizer(list.at(i), parts);
  } else {
    field["type"].not_supported("no such normalizer here (got \"" + type + "\", allowed NFC)");
  }
}

void add_character_token(std::int32_t id, const std::string& token, TokenizerParts& parts) {
  if (const auto byte = byte_of_token(token)) {
    parts.options.byte_tokens.resize(256, -1);
    parts.options.byte_tokens[*byte] = id;
    parts.vocabulary.add_hidden(id, std::string(1, static_cast<char>(*byte)));
    return;
  }
  std::string buffer;
  parts.vocabulary.add(id, with_spaces(token, buffer));
}

/// Fills the vocabulary; returns the ids of its tokens as the file spells them.
Vocabulary read_vocabulary(const JsonField& field, TokenizerParts& parts) {
  Vocabulary& vocabulary = parts.vocabulary;
  if (!field.value().is_object()) field.bad("expected an object of tokens and their ids");
  Vocabulary spelled;
  for (const auto& [token, value] : field.value().items()) {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() >= std::uint64_t{token_ids_max})
      field.bad("the id of \"" + token + "\" must be an integer from 0 to " +
                std::to_string(token_ids_max - 1));
    const auto id = static_cast<std::int32_t>(value.get<std::uint64_t>());
    if (vocabulary.has(id))
      field.bad("two tokens have the id " + std::to_string(id) + " (the second is \"" + token +
                "\")");
    if (parts.options.characters) {
      add_character_token(id, token, parts);
    } else if (const auto bytes = bytes_from_alphabet(token)) {
      vocabulary.add(id, *bytes);
    } else {
      vocabulary.add_hidden(id, token);
    }
    spelled.add(id, token);
  }
  auto& bytes = parts.options.byte_tokens;
  if (std::find(bytes.begin(), bytes.end(), -1) != bytes.end()) bytes.clear();
  return spelled;
}

/// The two parts of a merge: "a b" in older files, ["a", "b"] in newer ones.
std::pair<std::string_view, std::string_view> parts_of(const JsonField& list, std::size_t i) {
  const Json& entry = list.value()[i];
  if (entry.is_array() && entry.size() == 2 && entry[0].is_string() && entry[1].is_string())
    return {entry[0].get_ref<const std::string&>(), entry[1].get_ref<const std::string&>()};
  if (!entry.is_string()) list.at(i).bad("expected a merge of two tokens");
  const std::string_view both = entry.get_ref<const std::string&>();
  const std::size_t space = both.find(' ');
  if (space == std::string_view::npos || both.find(' ', space + 1) != std::string_view::npos)
    list.at(i).bad("a merge is two tokens with one space between them");
  return {both.substr(0, space), both.substr(space + 1)};
}

std::vector<Merge> read_merges(const JsonField& list, const Vocabulary& spelled) {
  std::vector<Merge> merges;
  merges.reserve(list.array_size());
  std::string both;
  for (std::size_t i = 0; i < list.array_size(); ++i) {
    const Json& first = list.value()[0];
    if (i == 0 && first.is_string() && list.at(0).text().starts_with("#version")) continue;
    const auto id_of = [&](std::string_view token) {
      const auto found = spelled.find(token);
      if (!found) list.at(i).bad("\"" + std::string(token) + "\" is not in the vocabulary");
      return found.value_or(0);
    };
    const auto [left, right] = parts_of(list, i);
    both.assign(left).append(right);
    merges.push_back({id_of(left), id_of(right), id_of(both)});
  }
  return merges;
}

Vocabulary read_model(const JsonField& model, TokenizerParts& parts) {
  const std::string type = model["type"].text_or("BPE");
  if (type != "BPE")
    model["type"].not_supported("no such model here (got \"" + type + "\", allowed BPE)");
  const JsonField dropout = model["dropout"];
  if (!dropout.is_null() && dropout.value() != 0)
    dropout.not_supported("random merges cannot be repeated (allowed: null)");
  for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    if (!model[key].text_or("").empty())
      model[key].not_supported("only byte-level vocabularies are read (allowed: null)");
  }
  parts.options.characters = model["byte_fallback"].flag_or(false);
  Vocabulary spelled = read_vocabulary(model["vocab"], parts);
  parts.merges = read_merges(model["merges"], spelled);
  parts.options.ignore_merges = model["ignore_merges"].flag_or(false);
  parts.options.fuse_unknown = model["fuse_unk"].flag_or(false);
  if (!model["unk_token"].is_null()) {
    parts.options.unknown = spelled.find(model["unk_token"].text());
  }
  return spelled;
}

/// The id `tokenizers` gives to a token that the model does not have.
std::int32_t next_id(std::size_t model_size, const std::vector<AddedToken>& added) {
  auto next = static_cast<std::int32_t>(model_size);
  for (const AddedToken& token : added) next = std::max(next, token.id + 1);
  return next;
}

void read_added(const JsonField& list, const Vocabulary& spelled, std::size_t model_size,
                TokenizerParts& parts) {
  if (list.is_null()) return;
  for (std::size_t i = 0; i < list.array_size(); ++i) {
    const JsonField field = list.at(i);
    AddedToken token;
    token.id = static_cast<std::int32_t>(field["id"].integer(0, token_ids_max));
    token.content = field["content"].text();
    token.special = field["special"].flag_or(false);
    token.single_word = field["single_word"].flag_or(false);
    token.lstrip = field["lstrip"].flag_or(false);
    token.rstrip = field["rstrip"].flag_or(false);
    token.normalized = field["normalized"].flag_or(!token.special);
    const auto found = spelled.find(token.content);
    const std::int32_t expected = found ? *found : next_id(model_size, parts.added);
    if (token.id != expected)
      field["id"].bad("\"" + token.content + "\" must have the id " + std::to_string(expected) +
                      " that follows from the vocabulary (got " + std::to_string(token.id) + ")");
    if (!found) {
      if (parts.vocabulary.has(token.id))
        field["id"].bad("id " + std::to_string(token.id) + " belongs to another token");
      parts.vocabulary.add_hidden(token.id, token.content);
    }
    parts.added.push_back(std::move(token));
  }
}

void read_decoder(const JsonField& field) {
  if (field.is_null()) field.not_supported("ByteLevel is needed (got null)");
  if (field["type"].text_or("none") == "Sequence" && field["decoders"].array_size() == 1)
    return read_decoder(field["decoders"].at(0));
  const std::string type = field["type"].text_or("none");
  if (type != "ByteLevel")
    field.not_supported("no such decoder here (got \"" + type + "\", allowed ByteLevel)");
}

/// The token a post-processor puts in front of every text, if any.
void read_post_processor(const JsonField& field, TokenizerParts& parts) {
  if (field.is_null()) return;
  const std::string type = field["type"].text();
  if (type == "ByteLevel") return;  // moves offsets only
  if (type == "Sequence") {
    const JsonField list = field["processors"];
    for (std::size_t i = 0; i < list.array_size(); ++i) read_post_processor(list.at(i), parts);
    return;
  }
  if (type != "TemplateProcessing")
    field["type"].not_supported("no such post-processor here (got \"" + type +
                                "\", allowed ByteLevel, TemplateProcessing, Sequence)");
  const JsonField single = field["single"];
  for (std::size_t i = 0; i < single.array_size(); ++i) {
    const JsonField item = single.at(i);
    if (item.value().is_object() && item.value().contains("Sequence")) continue;
    if (i != 0) item.not_supported("only one token, in front of the text, can be added");
    const std::string name = item["SpecialToken"]["id"].text();
    const JsonField ids = field["special_tokens"][name.c_str()]["ids"];
    if (ids.array_size() != 1)
      ids.not_supported("only one token, in front of the text, is allowed");
    const auto id = static_cast<std::int32_t>(ids.at(0).integer(0, token_ids_max));
    if (!parts.vocabulary.has(id)) ids.bad("no token has this id");
    parts.bos = id;
    parts.add_bos = true;
  }
}

}  // namespace

TokenizerParts parts_from_huggingface(std::string_view json, const std::string& origin) {
  const Json document = parse_json(json, origin);
  const JsonField root(document, origin, "");
  TokenizerParts parts;
  const Vocabulary spelled = read_model(root["model"], parts);
  if (parts.options.characters) {
    read_sentencepiece_steps(root, parts);
  } else {
    read_normalizer(root["normalizer"], parts);
    parts.steps = read_pre_tokenizer(root["pre_tokenizer"]);
    read_decoder(root["decoder"]);
  }
  read_added(root["added_tokens"], spelled, root["model"]["vocab"].value().size(), parts);
  read_post_processor(root["post_processor"], parts);
  parts.end_tokens = known_end_tokens(parts.added);
  return parts;
}

}  // namespace xfer::text
