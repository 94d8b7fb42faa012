// SPDX-License-Identifier: Apache-2.0
// Reading tiktoken rank files (openai/tiktoken): one token a line, in base64, with its rank, which
// is its id. Split patterns and special tokens are not in the file; they belong to the family.
#include "text/tokenizer_parts.hpp"
#include "xfer/error.hpp"
#include "xfer/files/mapped_file.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace xfer::text {
namespace {

[[noreturn]] void bad_line(const std::string& origin, std::size_t line, const std::string& what) {
  throw Error(Errc::bad_data,
              "tokenizer: " + origin + ": line " + std::to_string(line) + ": " + what);
}

constexpr std::array<std::int8_t, 256> make_base64_values() {
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  std::int8_t value = 0;
  for (const char c :
       std::string_view("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"))
    values[static_cast<unsigned char>(c)] = value++;
  return values;
}

/// RFC 4648, with padding; nothing when `text` is not base64 or stands for no bytes.
std::optional<std::string> from_base64(std::string_view text) {
  static constexpr std::array<std::int8_t, 256> values = make_base64_values();
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  std::string bytes;
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool padded = i >= text.size() - padding;
    const int value = padded ? 0 : values[static_cast<unsigned char>(text[i])];
    if (value < 0) return std::nullopt;
    bits = (bits << 6U) | static_cast<std::uint32_t>(value);
    if (i % 4 == 3) {
      for (const unsigned shift : {16U, 8U, 0U})
        bytes += static_cast<char>(static_cast<unsigned char>((bits >> shift) & 0xFFU));
      bits = 0;
    }
  }
  bytes.resize(bytes.size() - padding);
  return bytes;
}

/// Reads tokens into the vocabulary; their ranks must be 0, 1, 2, ... in the order of the file.
void read_ranks(std::string_view text, const std::string& origin, Vocabulary& vocabulary) {
  std::size_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty()) continue;
    const std::size_t space = line.find(' ');
    if (space == std::string_view::npos)
      bad_line(origin, line_number, "expected a token in base64, a space and a rank");
    const auto bytes = from_base64(line.substr(0, space));
    if (!bytes) bad_line(origin, line_number, "the token is not base64");
    const std::string_view digits = line.substr(space + 1);
    std::int32_t rank = -1;
    const auto [stop, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (error != std::errc() || stop != digits.data() + digits.size())
      bad_line(origin, line_number, "the rank is not a number");
    if (rank != vocabulary.size())
      bad_line(origin, line_number,
               "ranks must follow one another (got " + std::to_string(rank) + ", expected " +
                   std::to_string(vocabulary.size()) + ")");
    if (rank >= token_ids_max - 1024) bad_line(origin, line_number, "too many tokens");
    if (vocabulary.find(*bytes)) bad_line(origin, line_number, "the token is in the file twice");
    vocabulary.add(rank, *bytes);
  }
  if (vocabulary.size() == 0) throw Error(Errc::bad_data, "tokenizer: " + origin + ": no tokens");
}

/// In tiktoken two tokens may merge whenever together they are a token, whose rank decides.
std::vector<Merge> merges_of(const Vocabulary& vocabulary) {
  std::vector<Merge> merges;
  for (std::int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string_view bytes = vocabulary.bytes(id);
    for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
      const auto left = vocabulary.find(bytes.substr(0, cut));
      if (!left) continue;
      const auto right = vocabulary.find(bytes.substr(cut));
      if (right) merges.push_back({*left, *right, id});
    }
  }
  return merges;
}

std::vector<std::string> numbered(const std::string& stem, int first, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(stem + std::to_string(first + i) + "|>");
  return names;
}

/// In the order of their ids (meta-llama/llama-models, models/llama3/tokenizer.py).
std::vector<std::string> llama3_specials() {
  std::vector<std::string> names = {"<|begin_of_text|>",
                                    "<|end_of_text|>",
                                    "<|reserved_special_token_0|>",
                                    "<|reserved_special_token_1|>",
                                    "<|finetune_right_pad_id|>",
                                    "<|step_id|>",
                                    "<|start_header_id|>",
                                    "<|end_header_id|>",
                                    "<|eom_id|>",
                                    "<|eot_id|>",
                                    "<|python_tag|>",
                                    "<|image|>"};
  const auto reserved =
      numbered("<|reserved_special_token_", 2, 256 - static_cast<int>(names.size()));
  names.insert(names.end(), reserved.begin(), reserved.end());
  return names;
}

/// In the order of their ids (dashscope, tokenizers/qwen_tokenizer.py).
std::vector<std::string> qwen_specials() {
  std::vector<std::string> names = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  const auto extra = numbered("<|extra_", 0, 205);
  names.insert(names.end(), extra.begin(), extra.end());
  return names;
}

void add_specials(const std::vector<std::string>& names, TokenizerParts& parts) {
  for (const std::string& name : names) {
    AddedToken token;
    token.id = parts.vocabulary.size();
    token.content = name;
    token.special = true;
    // Where text is normalized, all of it is, before special tokens are looked for.
    token.normalized = parts.nfc;
    parts.vocabulary.add_hidden(token.id, name);
    parts.added.push_back(std::move(token));
  }
}

}  // namespace

TokenizerParts parts_from_tiktoken(const std::filesystem::path& path, const std::string& family) {
  if (family != "llama3" && family != "qwen")
    throw Error(Errc::invalid_argument, "tokenizer: " + path.string() + ": no family \"" + family +
                                            "\" of rank files (known: llama3, qwen)");
  const bool is_llama = family == "llama3";
  TokenizerParts parts;
  read_ranks(files::read_text(path), path.string(), parts.vocabulary);
  parts.merges = merges_of(parts.vocabulary);
  parts.options.ignore_merges = true;
  parts.nfc = !is_llama;
  parts.steps.push_back(make_pattern_splitter(is_llama ? patterns::llama3 : patterns::qwen2,
                                              SplitBehavior::isolated));
  const std::int32_t first_special = parts.vocabulary.size();
  add_specials(is_llama ? llama3_specials() : qwen_specials(), parts);
  if (is_llama) {
    parts.bos = first_special;
    parts.add_bos = true;
    parts.end_tokens = {first_special + 1, first_special + 8, first_special + 9};
  } else {
    parts.end_tokens = {first_special, first_special + 2};
  }
  return parts;
}

}  // namespace xfer::text
