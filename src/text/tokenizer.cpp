// SPDX-License-Identifier: Apache-2.0
#include "xfer/text/tokenizer.hpp"

#include "text/nfc.hpp"
#include "text/tokenizer_parts.hpp"
#include "xfer/error.hpp"
#include "xfer/hash.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

namespace xfer::text {
namespace {

void append_number(std::string& out, std::int64_t number) {
  out += std::to_string(number);
  out += ' ';
}

/// One hash over tables of many small entries: a field for each would be slow.
std::string hash_of(const TokenizerParts& parts) {
  std::string tokens;
  for (std::int32_t id = 0; id < parts.vocabulary.size(); ++id) {
    if (!parts.vocabulary.has(id)) continue;
    const std::string_view bytes = parts.vocabulary.bytes(id);
    append_number(tokens, id);
    append_number(tokens, parts.vocabulary.find(bytes) == id ? 1 : 0);
    append_number(tokens, static_cast<std::int64_t>(bytes.size()));
    tokens += bytes;
  }
  std::string merges;
  for (const Merge& merge : parts.merges) {
    append_number(merges, merge.left);
    append_number(merges, merge.right);
    append_number(merges, merge.id);
  }
  std::string added;
  for (const AddedToken& token : parts.added) {
    append_number(added, token.id);
    for (const bool flag :
         {token.special, token.single_word, token.lstrip, token.rstrip, token.normalized})
      append_number(added, flag ? 1 : 0);
    append_number(added, static_cast<std::int64_t>(token.content.size()));
    added += token.content;
  }
  HashBuilder hash("tokenizer/1");
  hash.field("tokens", tokens).field("merges", merges).field("added", added);
  hash.field("ignore_merges", parts.options.ignore_merges);
  hash.field("unknown", static_cast<std::int64_t>(parts.options.unknown.value_or(-1)));
  hash.field("fuse_unknown", parts.options.fuse_unknown);
  hash.field("nfc", parts.nfc);
  for (const auto& step : parts.steps) hash.field("step", step->description());
  hash.field("bos", static_cast<std::int64_t>(parts.bos.value_or(-1)));
  hash.field("add_bos", parts.add_bos);
  if (parts.options.characters) {
    std::string bytes;
    for (const std::int32_t id : parts.options.byte_tokens) append_number(bytes, id);
    hash.field("characters", bytes);
    hash.field("space_prefix", static_cast<int>(parts.space_prefix));
  }
  return hash.hex();
}

/// Added tokens that are looked for in normalized text (or, otherwise, in the text as it came).
AddedTokenFinder finder_of(const TokenizerParts& parts, bool normalized) {
  std::vector<AddedToken> chosen;
  std::string buffer;
  for (const AddedToken& token : parts.added) {
    if (token.normalized != normalized) continue;
    chosen.push_back(token);
    if (normalized && parts.nfc) chosen.back().content = to_nfc(token.content, buffer);
  }
  return AddedTokenFinder(std::move(chosen));
}

std::string family_of(const std::filesystem::path& path) {
  std::string name = path.filename().string();
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (name.find("llama") != std::string::npos) return "llama3";
  if (name.find("qwen") != std::string::npos) return "qwen";
  throw Error(Errc::invalid_argument,
              "tokenizer: " + path.string() +
                  ": the name of a rank file must tell its family (allowed: "
                  "a name with \"llama\" or \"qwen\")");
}

}  // namespace

struct Tokenizer::State {
  explicit State(TokenizerParts parts)
      : content_hash(hash_of(parts)), raw_finder(finder_of(parts, false)),
        normalized_finder(finder_of(parts, true)), nfc(parts.nfc),
        characters(parts.options.characters), space_prefix(parts.space_prefix),
        steps(std::move(parts.steps)),
        bpe(std::move(parts.vocabulary), parts.merges, std::move(parts.options)), bos(parts.bos),
        end_tokens(std::move(parts.end_tokens)), add_bos(parts.add_bos),
        chat_template(std::move(parts.chat_template)),
        special(static_cast<std::size_t>(bpe.vocabulary().size()), false) {
    for (const AddedToken& token : parts.added) {
      added.emplace(token.content, token.id);
      if (token.special) special[static_cast<std::size_t>(token.id)] = true;
    }
  }

  void encode_words(std::string_view text, std::size_t step, std::vector<std::int32_t>& out) const {
    if (step == steps.size()) return bpe.encode_word(text, out);
    if (step + 1 == steps.size()) {
      return steps[step]->split(text, [&](std::string_view word) { bpe.encode_word(word, out); });
    }
    steps[step]->split(text, [&](std::string_view piece) { encode_words(piece, step + 1, out); });
  }

  /// `piece` as the model's tokens are spelled; `buffer` holds it when that changes anything.
  std::string_view normalized(std::string_view piece, bool at_start, std::string& buffer) const {
    if (!characters) return nfc ? to_nfc(piece, buffer) : piece;
    piece = with_spaces(piece, buffer);
    const bool wanted =
        space_prefix == SpacePrefix::each ||
        (space_prefix == SpacePrefix::each_unless && !piece.starts_with(' ')) ||
        (space_prefix == SpacePrefix::first_unless && at_start && !piece.starts_with(' '));
    if (!wanted) return piece;
    std::string prefixed = " ";
    prefixed += piece;
    buffer = std::move(prefixed);
    return buffer;
  }

  std::string content_hash;
  AddedTokenFinder raw_finder;
  AddedTokenFinder normalized_finder;
  bool nfc;
  bool characters;
  SpacePrefix space_prefix;
  std::vector<std::unique_ptr<Splitter>> steps;
  Bpe bpe;
  std::optional<std::int32_t> bos;
  std::vector<std::int32_t> end_tokens;
  bool add_bos;
  std::string chat_template;
  std::vector<bool> special;
  std::unordered_map<std::string, std::int32_t> added;
};

std::vector<std::int32_t> known_end_tokens(const std::vector<AddedToken>& added) {
  static constexpr std::array<std::string_view, 9> names = {
      "<|end|>",       "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_text|>",
      "<|endoftext|>", "</s>",       "<eos>",      "<|eos|>"};
  std::vector<std::int32_t> ids;
  for (const std::string_view name : names) {
    for (const AddedToken& token : added) {
      if (token.special && token.content == name) ids.push_back(token.id);
    }
  }
  return ids;
}

Tokenizer Tokenizer::load(const std::filesystem::path& path) {
  const std::filesystem::path extension = path.extension();
  if (extension == ".gguf") return from_gguf(path);
  if (extension == ".tiktoken") return from_tiktoken(path, family_of(path));
  std::error_code ignored;
  const bool is_folder = std::filesystem::is_directory(path, ignored);
  return Tokenizer(std::make_shared<const State>(
      parts_from_huggingface_file(is_folder ? path / "tokenizer.json" : path)));
}

Tokenizer Tokenizer::from_huggingface(std::string_view json, const std::string& origin) {
  return Tokenizer(std::make_shared<const State>(parts_from_huggingface(json, origin)));
}

Tokenizer Tokenizer::from_gguf(const std::filesystem::path& path) {
  return Tokenizer(std::make_shared<const State>(parts_from_gguf(path)));
}

Tokenizer Tokenizer::from_tiktoken(const std::filesystem::path& ranks, const std::string& family) {
  return Tokenizer(std::make_shared<const State>(parts_from_tiktoken(ranks, family)));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view text, bool parse_special) const {
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 3 + 1);
  encode_to(text, ids, parse_special);
  return ids;
}

void Tokenizer::encode_to(std::string_view text, std::vector<std::int32_t>& out,
                          bool parse_special) const {
  const State& state = *state_;
  std::string buffer;
  const auto on_token = [&](std::int32_t id) { out.push_back(id); };
  const auto on_words = [&](std::string_view piece) { state.encode_words(piece, 0, out); };
  state.raw_finder.split(
      text, parse_special,
      [&](std::string_view piece) {
        const std::string_view normal =
            state.normalized(piece, piece.data() == text.data(), buffer);
        state.normalized_finder.split(normal, parse_special, on_words, on_token);
      },
      on_token);
}

std::string Tokenizer::decode(std::span<const std::int32_t> ids, bool skip_special) const {
  const Vocabulary& vocabulary = state_->bpe.vocabulary();
  std::string text;
  text.reserve(ids.size() * 4);
  for (const std::int32_t id : ids) {
    if (!vocabulary.has(id))
      throw Error(Errc::invalid_argument, "decode: no token " + std::to_string(id) +
                                              " (vocabulary of " +
                                              std::to_string(vocabulary.size()) + " ids)");
    if (skip_special && state_->special[static_cast<std::size_t>(id)]) continue;
    text += vocabulary.bytes(id);
  }
  if (state_->space_prefix != SpacePrefix::none && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::int32_t Tokenizer::vocab_size() const noexcept { return state_->bpe.vocabulary().size(); }

std::optional<std::int32_t> Tokenizer::token_to_id(std::string_view token) const {
  const auto found = state_->added.find(std::string(token));
  if (found != state_->added.end()) return found->second;
  return state_->bpe.vocabulary().find(token);
}

std::string_view Tokenizer::token_bytes(std::int32_t id) const {
  if (!state_->bpe.vocabulary().has(id))
    throw Error(Errc::invalid_argument, "token_bytes: no token " + std::to_string(id) +
                                            " (vocabulary of " + std::to_string(vocab_size()) +
                                            " ids)");
  return state_->bpe.vocabulary().bytes(id);
}

bool Tokenizer::is_special(std::int32_t id) const noexcept {
  return id >= 0 && id < vocab_size() && state_->special[static_cast<std::size_t>(id)];
}

std::optional<std::int32_t> Tokenizer::bos() const noexcept { return state_->bos; }
const std::vector<std::int32_t>& Tokenizer::end_tokens() const noexcept {
  return state_->end_tokens;
}
bool Tokenizer::add_bos() const noexcept { return state_->add_bos; }
const std::string& Tokenizer::chat_template() const noexcept { return state_->chat_template; }
const std::string& Tokenizer::content_hash() const noexcept { return state_->content_hash; }

}  // namespace xfer::text
