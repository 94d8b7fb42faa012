// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace xfer::text {
namespace {

std::string base64(std::string_view bytes) {
  static constexpr char digits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      bits <<= 8U;
      if (i + k < bytes.size()) bits |= static_cast<unsigned char>(bytes[i + k]);
    }
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? digits[(bits >> (18U - 6U * k)) & 63U] : '=';
  }
  return out;
}

/// All bytes, then some longer tokens.
std::string ranks() {
  std::vector<std::string> tokens;
  for (int b = 0; b < 256; ++b)
    tokens.emplace_back(1, static_cast<char>(static_cast<unsigned char>(b)));
  for (const char* token : {"th", " t", "he", " th", " the", "an", "ana", "12", "123"})
    tokens.emplace_back(token);
  std::string text;
  for (std::size_t i = 0; i < tokens.size(); ++i)
    text += base64(tokens[i]) + " " + std::to_string(i) + "\n";
  return text;
}

std::vector<std::string> words(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<std::string> out;
  for (const std::int32_t id : tokenizer.encode(text)) out.emplace_back(tokenizer.token_bytes(id));
  return out;
}

TEST(Tiktoken, merges_by_the_rank_of_the_result) {
  const test::TemporaryFolder folder;
  const Tokenizer tokenizer = Tokenizer::from_tiktoken(folder.write("x", ranks()), "llama3");
  using Words = std::vector<std::string>;
  EXPECT_EQ(words(tokenizer, "the the"), (Words{"th", "e", " the"}));
  EXPECT_EQ(words(tokenizer, "banana"), (Words{"b", "an", "ana"}));
  EXPECT_EQ(words(tokenizer, "1234"), (Words{"123", "4"}));
  const std::string bytes = test::Dice(1).bytes(500);
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(bytes)), bytes);
}

TEST(Tiktoken, families_have_their_special_tokens) {
  const test::TemporaryFolder folder;
  const Tokenizer llama = Tokenizer::load(folder.write("Meta-Llama-3.tiktoken", ranks()));
  EXPECT_EQ(llama.vocab_size(), 265 + 256);
  EXPECT_EQ(llama.bos(), 265);
  EXPECT_TRUE(llama.add_bos());
  EXPECT_EQ(llama.token_to_id("<|eot_id|>"), 265 + 9);
  EXPECT_EQ(llama.token_to_id("<|reserved_special_token_245|>"), 265 + 255);
  EXPECT_EQ(llama.end_tokens(), (test::Ids{266, 273, 274}));
  const Tokenizer qwen = Tokenizer::load(folder.write("qwen.tiktoken", ranks()));
  EXPECT_EQ(qwen.vocab_size(), 265 + 208);
  EXPECT_EQ(qwen.bos(), std::nullopt);
  EXPECT_EQ(qwen.end_tokens(), (test::Ids{265, 267}));
  EXPECT_EQ(qwen.encode("e\u0301"), qwen.encode("\u00E9"));
  EXPECT_EQ(words(qwen, "12"), (std::vector<std::string>{"1", "2"}));
  EXPECT_NE(llama.content_hash(), qwen.content_hash());
}

TEST(Tiktoken, unknown_families_are_refused) {
  const test::TemporaryFolder folder;
  const auto path = folder.write("other.tiktoken", ranks());
  test::expect_error(Errc::invalid_argument, {"other.tiktoken", "llama", "qwen"},
                     [&] { Tokenizer::load(path); });
  test::expect_error(Errc::invalid_argument, {"gpt4", "llama3, qwen"},
                     [&] { Tokenizer::from_tiktoken(path, "gpt4"); });
}

TEST(Tiktoken, damaged_lines_are_named) {
  const test::TemporaryFolder folder;
  const auto expect = [&](const std::string& text, const std::vector<std::string>& parts) {
    const auto path = folder.write("ranks", text);
    test::expect_error(Errc::bad_data, parts, [&] { Tokenizer::from_tiktoken(path, "qwen"); });
  };
  expect("", {"ranks", "no tokens"});
  expect("IQ== 0\nIg==\n", {"line 2"});
  expect("IQ== 0\nIg== x\n", {"line 2", "not a number"});
  expect("IQ== 0\nIg== 99999999999\n", {"line 2", "not a number"});
  expect("IQ== 0\nIg== 2\n", {"line 2", "expected 1"});
  expect("IQ== 0\nIQ== 1\n", {"line 2", "twice"});
  expect("IQ== 0\n?*== 1\n", {"line 2", "base64"});
  expect("IQ== 0\nIg=  1\n", {"line 2"});
  expect("IQ 0\n", {"line 1", "base64"});
  expect(" 0\n", {"line 1", "base64"});
}

}  // namespace
}  // namespace xfer::text
