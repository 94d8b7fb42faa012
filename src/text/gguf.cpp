// SPDX-License-Identifier: Apache-2.0
// Reading the tokenizer in GGUF metadata (ggml-org/ggml, docs/gguf.md).
#include "xfer/files/gguf.hpp"
#include "text/byte_alphabet.hpp"
#include "text/tokenizer_parts.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <cmath>

namespace xfer::text {
namespace {

/// Values of tokenizer.ggml.token_type that matter here.
constexpr std::int64_t type_unknown = 2;
constexpr std::int64_t type_control = 3;
constexpr std::int64_t type_user_defined = 4;
constexpr std::int64_t type_byte = 6;

/// What a value of tokenizer.ggml.pre stands for.
struct Convention {
  std::string_view name;
  std::string_view pattern;
  bool ignore_merges = false;
  bool nfc = false;
  bool add_bos = false;
};

// "smollm" names a tokenizer that cuts digits apart first. `transformers` reads such files without
// that step; the ids here are those of `transformers`.
constexpr Convention conventions[] = {
    {"default", patterns::gpt2},
    {"gpt2", patterns::gpt2},
    {"gpt-2", patterns::gpt2},
    {"smollm", patterns::gpt2},
    {"llama3", patterns::llama3, true, false, true},
    {"llama-v3", patterns::llama3, true, false, true},
    {"llama-bpe", patterns::llama3, true, false, true},
    {"qwen2", patterns::qwen2, false, true, false},
    {"deepseek-r1-qwen", patterns::qwen2, false, true, false},
};

class GgufReader {
public:
  explicit GgufReader(const std::filesystem::path& path) : file_(files::Gguf::open(path)) {}

  TokenizerParts run() {
    const std::string& model = file_.string("tokenizer.ggml.model");
    TokenizerParts parts;
    if (model == "gpt2") {
      const Convention& convention = find_convention();
      parts.options.ignore_merges = convention.ignore_merges;
      parts.nfc = convention.nfc;
      parts.steps.push_back(make_pattern_splitter(convention.pattern, SplitBehavior::isolated));
      read_tokens(parts);
      read_merges(parts);
      read_ends(parts, convention.add_bos);
    } else if (model == "llama") {
      read_sentencepiece(parts);
      read_ends(parts, true);
    } else {
      fail(Errc::not_available, "tokenizer.ggml.model",
           "no such tokenizer here (got \"" + model + "\", known: gpt2, llama)");
    }
    if (file_.has("tokenizer.chat_template"))
      parts.chat_template = file_.string("tokenizer.chat_template");
    return parts;
  }

private:
  [[noreturn]] void fail(Errc code, const std::string& key, const std::string& what) const {
    throw Error(code, "tokenizer: " + file_.path().string() + ": key " + key + ": " + what);
  }

  const Convention& find_convention() const {
    static const std::string key = "tokenizer.ggml.pre";
    const std::string name = file_.has(key) ? file_.string(key) : "default";
    std::string known;
    for (const Convention& convention : conventions) {
      if (convention.name == name) return convention;
      known += (known.empty() ? "" : ", ") + std::string(convention.name);
    }
    fail(Errc::not_available, key, "not known here (got \"" + name + "\", known: " + known + ")");
  }

  const std::vector<std::string>& strings(const std::string& key) const {
    const auto found = file_.metadata().find(key);
    const auto* list = found == file_.metadata().end()
                           ? nullptr
                           : std::get_if<std::vector<std::string>>(&found->second);
    if (list == nullptr) fail(Errc::bad_data, key, "expected an array of strings");
    return *list;
  }

  std::int64_t type_of(std::size_t id) const {
    static const std::string key = "tokenizer.ggml.token_type";
    const auto found = file_.metadata().find(key);
    if (found == file_.metadata().end()) return 1;
    const auto* types = std::get_if<std::vector<std::int64_t>>(&found->second);
    if (types == nullptr || id >= types->size())
      fail(Errc::bad_data, key, "expected an integer for every token");
    return (*types)[id];
  }

  const std::vector<std::string>& token_texts() const {
    static const std::string key = "tokenizer.ggml.tokens";
    const std::vector<std::string>& tokens = strings(key);
    if (tokens.empty() || tokens.size() >= static_cast<std::size_t>(token_ids_max))
      fail(Errc::bad_data, key, std::to_string(tokens.size()) + " tokens");
    return tokens;
  }

  static AddedToken added_token(std::int32_t id, const std::string& content, std::int64_t type) {
    AddedToken token;
    token.id = id;
    token.content = content;
    token.special = type == type_control;
    return token;
  }

  void read_tokens(TokenizerParts& parts) const {
    const std::vector<std::string>& tokens = token_texts();
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto id = static_cast<std::int32_t>(i);
      const auto bytes = bytes_from_alphabet(tokens[i]);
      if (bytes) {
        parts.vocabulary.add(id, *bytes);
      } else {
        parts.vocabulary.add_hidden(id, tokens[i]);
      }
      const std::int64_t type = type_of(i);
      if (type == type_control || type == type_user_defined)
        parts.added.push_back(added_token(id, tokens[i], type));
    }
  }

  void read_sentencepiece(TokenizerParts& parts) const {
    const std::vector<std::string>& tokens = token_texts();
    parts.options.characters = true;
    parts.options.byte_tokens.assign(256, -1);
    std::string buffer;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto id = static_cast<std::int32_t>(i);
      const std::int64_t type = type_of(i);
      if (const auto byte = byte_of_token(tokens[i]); byte && type == type_byte) {
        parts.options.byte_tokens[*byte] = id;
        parts.vocabulary.add_hidden(id, std::string(1, static_cast<char>(*byte)));
      } else if (type == type_control || type == type_unknown) {
        parts.vocabulary.add_hidden(id, tokens[i]);
      } else {
        parts.vocabulary.add(id, with_spaces(tokens[i], buffer));
      }
      if (type == type_unknown) parts.options.unknown = id;
      if (type == type_control) parts.added.push_back(added_token(id, tokens[i], type));
      if (type == type_user_defined) {
        // Found in the text as the model sees it: several spaces in a row are such tokens.
        parts.added.push_back(added_token(id, std::string(with_spaces(tokens[i], buffer)), type));
        parts.added.back().normalized = true;
      }
    }
    auto& bytes = parts.options.byte_tokens;
    if (std::find(bytes.begin(), bytes.end(), -1) != bytes.end()) bytes.clear();
    parts.merges = merges_of_scores(parts.vocabulary, scores(tokens.size()));
    const char* key = "tokenizer.ggml.add_space_prefix";
    if (flag_or(key, true)) parts.space_prefix = SpacePrefix::each;
  }

  std::vector<double> scores(std::size_t tokens) const {
    static const std::string key = "tokenizer.ggml.scores";
    const auto found = file_.metadata().find(key);
    const auto* list = found == file_.metadata().end()
                           ? nullptr
                           : std::get_if<std::vector<double>>(&found->second);
    if (list == nullptr || list->size() != tokens)
      fail(Errc::bad_data, key, "expected a number for every token");
    for (const double score : *list)
      if (!std::isfinite(score)) fail(Errc::bad_data, key, "a score is not a finite number");
    return *list;
  }

  bool flag_or(const std::string& key, bool otherwise) const {
    if (!file_.has(key)) return otherwise;
    const bool* stored = std::get_if<bool>(&file_.metadata().at(key));
    if (stored == nullptr) fail(Errc::bad_data, key, "expected true or false");
    return *stored;
  }

  void read_merges(TokenizerParts& parts) const {
    static const std::string key = "tokenizer.ggml.merges";
    const std::vector<std::string>& merges = strings(key);
    parts.merges.reserve(merges.size());
    for (std::size_t i = 0; i < merges.size(); ++i) {
      const auto bad = [&](const std::string& what) {
        fail(Errc::bad_data, key, "entry " + std::to_string(i) + ": " + what);
      };
      const std::size_t space = merges[i].find(' ');
      if (space == std::string::npos || merges[i].find(' ', space + 1) != std::string::npos)
        bad("expected two tokens with one space between them");
      const auto left = bytes_from_alphabet(std::string_view(merges[i]).substr(0, space));
      const auto right = bytes_from_alphabet(std::string_view(merges[i]).substr(space + 1));
      if (!left || !right) bad("not spelled in the alphabet of bytes");
      const auto id_of = [&](const std::string& bytes) {
        const auto id = parts.vocabulary.find(bytes);
        if (!id) bad("names a token that is not in the vocabulary");
        return id.value_or(0);
      };
      parts.merges.push_back({id_of(*left), id_of(*right), id_of(*left + *right)});
    }
  }

  std::optional<std::int32_t> token(const std::string& key, const TokenizerParts& parts) const {
    if (!file_.has(key)) return std::nullopt;
    const std::int64_t id = file_.integer(key);
    if (id < 0 || id >= parts.vocabulary.size())
      fail(Errc::bad_data, key,
           "no token " + std::to_string(id) + " (vocabulary of " +
               std::to_string(parts.vocabulary.size()) + " ids)");
    return static_cast<std::int32_t>(id);
  }

  void read_ends(TokenizerParts& parts, bool usually_adds_bos) const {
    parts.bos = token("tokenizer.ggml.bos_token_id", parts);
    for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                            "tokenizer.ggml.eom_token_id"}) {
      const auto id = token(key, parts);
      auto& ends = parts.end_tokens;
      if (id && std::find(ends.begin(), ends.end(), *id) == ends.end()) ends.push_back(*id);
    }
    if (parts.end_tokens.empty()) parts.end_tokens = known_end_tokens(parts.added);
    parts.add_bos =
        flag_or("tokenizer.ggml.add_bos_token", usually_adds_bos) && parts.bos.has_value();
  }

  files::Gguf file_;
};

}  // namespace

TokenizerParts parts_from_gguf(const std::filesystem::path& path) { return GgufReader(path).run(); }

}  // namespace xfer::text
