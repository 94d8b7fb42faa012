// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

#include <bit>
#include <cmath>

namespace xfer::text {
namespace {

/// Writes the metadata part of a GGUF file, version 3, without tensors.
class GgufWriter {
public:
  GgufWriter& text(const std::string& key, const std::string& value) {
    head(key, 8);
    string(value);
    return *this;
  }
  GgufWriter& number(const std::string& key, std::uint32_t value) {
    head(key, 4);
    raw(value);
    return *this;
  }
  GgufWriter& flag(const std::string& key, bool value) {
    head(key, 7);
    body_ += value ? '\1' : '\0';
    return *this;
  }
  GgufWriter& texts(const std::string& key, const std::vector<std::string>& values) {
    array(key, 8, values.size());
    for (const std::string& value : values) string(value);
    return *this;
  }
  GgufWriter& numbers(const std::string& key, const std::vector<std::int32_t>& values) {
    array(key, 5, values.size());
    for (const std::int32_t value : values) raw(value);
    return *this;
  }
  GgufWriter& fractions(const std::string& key, const std::vector<float>& values) {
    array(key, 6, values.size());
    for (const float value : values) raw(value);
    return *this;
  }
  std::string file() const {
    GgufWriter head;
    head.body_ = "GGUF";
    head.raw(std::uint32_t{3});
    head.raw(std::uint64_t{0});
    head.raw(count_);
    return head.body_ + body_;
  }

private:
  template <class T>
  void raw(T value) {
    static_assert(std::endian::native == std::endian::little);
    body_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void string(const std::string& value) {
    raw(std::uint64_t{value.size()});
    body_ += value;
  }
  void head(const std::string& key, std::uint32_t type) {
    string(key);
    raw(type);
    ++count_;
  }
  void array(const std::string& key, std::uint32_t type, std::size_t size) {
    head(key, 9);
    raw(type);
    raw(std::uint64_t{size});
  }
  std::string body_;
  std::uint64_t count_ = 0;
};

struct Contents {
  std::string model = "gpt2";
  std::string pre = "smollm";
  std::vector<std::string> tokens = {"<|endoftext|>", "<|im_start|>", "<|im_end|>", "a",      "b",
                                     "\u0120",        "ab",           "\u0120ab",   "<think>"};
  std::vector<std::int32_t> types = {3, 3, 3, 1, 1, 1, 1, 1, 4};
  std::vector<std::string> merges = {"a b", "\u0120 ab"};
  std::uint32_t eos = 2;
};

GgufWriter writer_of(const Contents& contents) {
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", contents.model).text("tokenizer.ggml.pre", contents.pre);
  writer.texts("tokenizer.ggml.tokens", contents.tokens);
  writer.numbers("tokenizer.ggml.token_type", contents.types);
  writer.texts("tokenizer.ggml.merges", contents.merges);
  writer.number("tokenizer.ggml.bos_token_id", 1)
      .number("tokenizer.ggml.eos_token_id", contents.eos);
  return writer;
}

Tokenizer load(const GgufWriter& writer) {
  const test::TemporaryFolder folder;
  return Tokenizer::load(folder.write("model.gguf", writer.file()));
}

void expect_refusal(Errc code, const std::vector<std::string>& parts, const Contents& contents) {
  test::expect_error(code, parts, [&] { load(writer_of(contents)); });
}

TEST(GgufTokenizer, encodes_and_decodes) {
  const Tokenizer tokenizer = load(writer_of({}));
  EXPECT_EQ(tokenizer.encode("<|im_start|>ab ab<think>"), (test::Ids{1, 6, 7, 8}));
  EXPECT_EQ(tokenizer.decode(test::Ids{1, 6, 7, 8}), "<|im_start|>ab ab<think>");
  EXPECT_TRUE(tokenizer.is_special(1));
  EXPECT_FALSE(tokenizer.is_special(8));
  EXPECT_EQ(tokenizer.bos(), 1);
  EXPECT_FALSE(tokenizer.add_bos());
  EXPECT_EQ(tokenizer.end_tokens(), test::Ids{2});
}

TEST(GgufTokenizer, reads_what_is_declared_about_first_and_last_tokens) {
  GgufWriter writer = writer_of({});
  writer.flag("tokenizer.ggml.add_bos_token", true).number("tokenizer.ggml.eot_token_id", 0);
  writer.text("tokenizer.chat_template", "{{ x }}");
  const Tokenizer tokenizer = load(writer);
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_EQ(tokenizer.end_tokens(), (test::Ids{2, 0}));
  EXPECT_EQ(tokenizer.chat_template(), "{{ x }}");
}

TEST(GgufTokenizer, every_known_convention_loads) {
  for (const char* pre : {"default", "gpt-2", "smollm", "llama-bpe", "qwen2"}) {
    Contents contents;
    contents.pre = pre;
    EXPECT_EQ(load(writer_of(contents)).encode("ab"), test::Ids{6}) << pre;
  }
}

/// SentencePiece's: unknown, two control tokens, the bytes, then characters and what they make.
GgufWriter sentencepiece_writer(std::vector<float> scores = {}) {
  std::vector<std::string> tokens = {"<unk>", "<s>", "</s>"};
  std::vector<std::int32_t> types = {2, 3, 3};
  for (int byte = 0; byte < 256; ++byte) {
    std::string name = "<0x00>";
    name[3] = "0123456789ABCDEF"[byte / 16];
    name[4] = "0123456789ABCDEF"[byte % 16];
    tokens.push_back(name);
    types.push_back(6);
  }
  for (const char* token : {"\u2581", "a", "b", "ab", "\u2581a", "\u2581ab", "\u2581\u2581"}) {
    tokens.emplace_back(token);
    types.push_back(1);
  }
  types.back() = 4;
  if (scores.empty()) {
    scores.assign(tokens.size(), 0.0F);
    for (std::size_t i = 259; i < tokens.size(); ++i) scores[i] = -static_cast<float>(i - 259);
  }
  GgufWriter writer;
  writer.text("tokenizer.ggml.model", "llama").texts("tokenizer.ggml.tokens", tokens);
  writer.numbers("tokenizer.ggml.token_type", types).fractions("tokenizer.ggml.scores", scores);
  writer.number("tokenizer.ggml.bos_token_id", 1).number("tokenizer.ggml.eos_token_id", 2);
  return writer;
}

TEST(GgufTokenizer, reads_characters_with_scores) {
  const int space = 259, a = 260, ab = 262, space_a = 263, space_ab = 264, spaces = 265;
  const Tokenizer llama = load(sentencepiece_writer());
  EXPECT_TRUE(llama.add_bos());
  EXPECT_EQ(llama.end_tokens(), test::Ids{2});
  EXPECT_EQ(llama.encode("ab"), test::Ids{space_ab});
  EXPECT_EQ(llama.decode(test::Ids{space_ab}), "ab");
  // Each stretch of text gets its space, and "ab" merges before " a" does.
  EXPECT_EQ(llama.encode("ab</s>ab"), (test::Ids{space_ab, 2, space_ab}));
  EXPECT_EQ(llama.encode("\u00e9\n"), (test::Ids{space, 3 + 0xC3, 3 + 0xA9, 3 + '\n'}));

  GgufWriter writer = sentencepiece_writer();
  writer.flag("tokenizer.ggml.add_space_prefix", false).flag("tokenizer.ggml.add_bos_token", false);
  const Tokenizer gemma = load(writer);
  EXPECT_FALSE(gemma.add_bos());
  EXPECT_EQ(gemma.encode("ab aab"), (test::Ids{ab, space_a, ab}));
  EXPECT_EQ(gemma.encode("a  a\u2581\u2581"), (test::Ids{a, spaces, a, spaces}));
  EXPECT_EQ(gemma.decode(gemma.encode("  ab \xFF")), "  ab \xFF");
}

TEST(GgufTokenizer, damaged_scores_are_named) {
  const auto refused = [](const std::string& part, std::vector<float> scores) {
    test::expect_error(Errc::bad_data, {"tokenizer.ggml.scores", part},
                       [&] { load(sentencepiece_writer(std::move(scores))); });
  };
  refused("a number for every token", {0.0F, 1.0F});
  refused("not a finite number", std::vector<float>(266, std::nanf("")));
}

TEST(GgufTokenizer, others_are_refused_by_name) {
  Contents contents;
  contents.model = "bert";
  expect_refusal(Errc::not_available, {"model.gguf", "tokenizer.ggml.model", "bert", "gpt2, llama"},
                 contents);
  contents = {};
  contents.pre = "tekken";
  expect_refusal(Errc::not_available, {"tokenizer.ggml.pre", "tekken", "llama-bpe"}, contents);
}

TEST(GgufTokenizer, damaged_metadata_is_named) {
  Contents contents;
  contents.eos = 9;
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.eos_token_id", "9"}, contents);
  contents = {};
  contents.types.pop_back();
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.token_type"}, contents);
  contents = {};
  contents.merges[1] = "ab";
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.merges", "entry 1"}, contents);
  contents.merges[1] = "a c";
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.merges", "entry 1"}, contents);
  contents.merges[1] = "a \u4E16";
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.merges", "entry 1"}, contents);
  contents = {};
  contents.tokens.clear();
  expect_refusal(Errc::bad_data, {"tokenizer.ggml.tokens"}, contents);
  GgufWriter no_tokens;
  no_tokens.text("tokenizer.ggml.model", "gpt2");
  test::expect_error(Errc::bad_data, {"tokenizer.ggml.tokens"}, [&] { load(no_tokens); });
  test::expect_error(Errc::bad_data, {"tokenizer.ggml.model"}, [] { load({}); });
}

}  // namespace
}  // namespace xfer::text
