// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

#include "xfer/text/tokenizer.hpp"

#include <map>
#include <thread>

namespace xfer::text {
namespace {

using test::Dice;
using test::fixture;
using test::Ids;
using test::Json;

constexpr const char* all_bytes_without_change[] = {"gpt2.json", "llama3.json", "digits.json"};

TEST(Tokenizer, gives_the_ids_that_tokenizers_gives) {
  const Json cases = Json::parse(test::fixture_text("cases.json"));
  ASSERT_GT(cases.size(), 300U);
  std::map<std::string, Tokenizer> loaded;
  for (const Json& one : cases) {
    const auto name = one[0].get<std::string>();
    if (!loaded.contains(name)) loaded.emplace(name, fixture(name));
    const Tokenizer& tokenizer = loaded.at(name);
    const auto text = one[2].get<std::string>();
    const Ids ids = tokenizer.encode(text, one[1].get<bool>());
    EXPECT_EQ(ids, one[3].get<Ids>()) << name << ", special " << one[1] << ": " << text;
  }
}

TEST(Tokenizer, decodes_what_tokenizers_decodes) {
  std::map<std::string, Tokenizer> loaded;
  for (const Json& one : Json::parse(test::fixture_text("cases.json"))) {
    const auto name = one[0].get<std::string>();
    const auto expected = one[4].get<std::string>();
    if (expected.find("\uFFFD") != std::string::npos) continue;  // not valid UTF-8 there
    if (!loaded.contains(name)) loaded.emplace(name, fixture(name));
    const Tokenizer& tokenizer = loaded.at(name);
    EXPECT_EQ(tokenizer.decode(one[3].get<Ids>()), expected) << name;
  }
}

TEST(Tokenizer, agrees_with_the_golden_prompts) {
  const auto folder = test::shared_folder() / "golden" / "tiny-llama";
  if (!std::filesystem::exists(folder / "golden.json"))
    GTEST_SKIP() << "no golden models: set XFER_SHARED to the folder that has golden/";
  const Tokenizer tokenizer = Tokenizer::load(folder);
  const Json golden = Json::parse(files::read_text(folder / "golden.json"));
  ASSERT_FALSE(golden["prompts"].empty());
  for (const Json& prompt : golden["prompts"]) {
    EXPECT_EQ(tokenizer.encode(prompt["text"].get<std::string>()), prompt["ids"].get<Ids>());
  }
  EXPECT_EQ(tokenizer.end_tokens(), Ids{tokenizer.token_to_id("<eos>").value()});
}

TEST(Tokenizer, any_bytes_survive_a_round_trip) {
  Dice dice(1);
  for (const char* name : all_bytes_without_change) {
    const Tokenizer tokenizer = fixture(name);
    for (int i = 0; i < 300; ++i) {
      const std::string text =
          i % 2 == 0 ? dice.bytes(dice.below(80)) : dice.text(dice.below(30)) + dice.bytes(3);
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << name;
      EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, false)), text) << name;
    }
  }
}

TEST(Tokenizer, invalid_utf8_survives_normalization) {
  const Tokenizer tokenizer = fixture("qwen3.json");
  const std::string text = "caf\xC3\xA9 \xFF\xC3 e\xCC\x81\xED\xA0\x80z";
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), "caf\xC3\xA9 \xFF\xC3 \xC3\xA9\xED\xA0\x80z");
}

TEST(Tokenizer, appends_to_what_is_there) {
  const Tokenizer tokenizer = fixture("gpt2.json");
  Ids ids = {7};
  tokenizer.encode_to("apples", ids);
  Ids expected = {7};
  for (const std::int32_t id : tokenizer.encode("apples")) expected.push_back(id);
  EXPECT_EQ(ids, expected);
}

TEST(Tokenizer, special_tokens_become_ids_only_when_asked) {
  const Tokenizer tokenizer = fixture("llama3.json");
  const std::int32_t end = tokenizer.token_to_id("<|eot_id|>").value();
  EXPECT_EQ(tokenizer.encode("<|eot_id|>"), Ids{end});
  const Ids spelled = tokenizer.encode("<|eot_id|>", false);
  EXPECT_GT(spelled.size(), 1U);
  EXPECT_EQ(tokenizer.decode(spelled), "<|eot_id|>");
  EXPECT_TRUE(tokenizer.is_special(end));
  EXPECT_FALSE(tokenizer.is_special(spelled.front()));
  EXPECT_FALSE(tokenizer.is_special(-1));
  EXPECT_FALSE(tokenizer.is_special(tokenizer.vocab_size()));
}

TEST(Tokenizer, decode_can_leave_out_special_tokens) {
  const Tokenizer tokenizer = fixture("qwen3.json");
  const Ids ids = tokenizer.encode("<|im_start|>hi<think><|im_end|>");
  EXPECT_EQ(tokenizer.decode(ids), "<|im_start|>hi<think><|im_end|>");
  EXPECT_EQ(tokenizer.decode(ids, true), "hi<think>");
}

TEST(Tokenizer, every_token_is_found_by_its_bytes) {
  const Tokenizer tokenizer = fixture("gpt2.json");
  std::string all;
  for (std::int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    EXPECT_EQ(tokenizer.token_to_id(tokenizer.token_bytes(id)), id);
    all += tokenizer.token_bytes(id);
  }
  EXPECT_EQ(tokenizer.decode(tokenizer.encode(all)), all);
  EXPECT_EQ(tokenizer.token_to_id("no such token"), std::nullopt);
}

TEST(Tokenizer, names_an_id_that_does_not_exist) {
  const Tokenizer tokenizer = fixture("gpt2.json");
  for (const std::int32_t id : {-1, tokenizer.vocab_size(), 1 << 30}) {
    test::expect_error(Errc::invalid_argument, {std::to_string(id)}, [&] {
      tokenizer.decode(Ids{0, id});
    });
    test::expect_error(Errc::invalid_argument, {std::to_string(id)},
                       [&] { tokenizer.token_bytes(id); });
  }
}

TEST(Tokenizer, knows_first_and_last_tokens_of_the_file_itself) {
  const Tokenizer llama = fixture("llama3.json");
  EXPECT_EQ(llama.bos(), llama.token_to_id("<|begin_of_text|>"));
  EXPECT_TRUE(llama.add_bos());
  EXPECT_EQ(llama.end_tokens(), (Ids{llama.token_to_id("<|eot_id|>").value(),
                                     llama.token_to_id("<|end_of_text|>").value()}));
  const Tokenizer plain = fixture("gpt2.json");
  EXPECT_EQ(plain.bos(), std::nullopt);
  EXPECT_FALSE(plain.add_bos());
  EXPECT_EQ(plain.end_tokens(), Ids{plain.token_to_id("<|end|>").value()});
}

TEST(Tokenizer, files_beside_it_declare_first_and_last_tokens) {
  const test::TemporaryFolder folder;
  folder.write("tokenizer.json", test::fixture_text("qwen3.json"));
  folder.write("tokenizer_config.json",
               R"({"bos_token": {"content": "<|im_start|>"}, "eos_token": "<|im_end|>",
                   "add_bos_token": true, "chat_template": "{{ messages }}"})");
  const std::int32_t first = fixture("qwen3.json").token_to_id("<|endoftext|>").value();
  folder.write("generation_config.json", "{\"eos_token_id\": [" + std::to_string(first + 2) + "," +
                                             std::to_string(first) + "]}");
  const Tokenizer tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer.bos(), first + 1);
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_EQ(tokenizer.end_tokens(), (Ids{first + 2, first}));
  EXPECT_EQ(tokenizer.chat_template(), "{{ messages }}");

  folder.write("generation_config.json", R"({"eos_token_id": 99999})");
  test::expect_error(Errc::bad_data, {"generation_config.json", "eos_token_id", "99999"},
                     [&] { Tokenizer::load(folder.path()); });
}

TEST(Tokenizer, hash_tells_what_decides_the_ids) {
  const std::string text = test::fixture_text("qwen3.json");
  const std::string hash = Tokenizer::from_huggingface(text, "a").content_hash();
  EXPECT_EQ(hash.size(), 64U);
  Json document = Json::parse(text);
  EXPECT_EQ(Tokenizer::from_huggingface(document.dump(2), "b").content_hash(), hash);
  const auto hash_after = [&](const std::function<void(Json&)>& change) {
    Json changed = document;
    change(changed);
    return Tokenizer::from_huggingface(changed.dump(), "c").content_hash();
  };
  EXPECT_NE(hash_after([](Json& j) { j["normalizer"] = nullptr; }), hash);
  EXPECT_NE(hash_after([](Json& j) { j["model"]["ignore_merges"] = true; }), hash);
  EXPECT_NE(hash_after([](Json& j) { j["model"]["merges"].erase(3); }), hash);
  EXPECT_NE(hash_after([](Json& j) { j["added_tokens"][0]["lstrip"] = true; }), hash);
  EXPECT_NE(hash_after([](Json& j) { j["added_tokens"][4]["content"] = "</thinks>"; }), hash);
  EXPECT_NE(
      hash_after([](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "Removed"; }),
      hash);
}

TEST(Tokenizer, threads_share_one) {
  const Tokenizer tokenizer = fixture("gpt2.json");
  Dice dice(3);
  const std::string text = dice.text(2000);
  const Ids expected = fixture("gpt2.json").encode(text);
  std::vector<std::thread> threads;
  std::vector<Ids> results(4);
  for (Ids& result : results) threads.emplace_back([&] { result = tokenizer.encode(text); });
  for (std::thread& thread : threads) thread.join();
  for (const Ids& result : results) EXPECT_EQ(result, expected);
}

TEST(Tokenizer, long_words_take_no_quadratic_time) {
  // Some seconds even under a sanitizer; hours if the time grew with the square.
  const Tokenizer tokenizer = fixture("gpt2.json");
  for (const std::string& unit : {std::string("a"), std::string(" "), std::string("the"),
                                  std::string("\xFF"), std::string("\u0301")}) {
    std::string text;
    while (text.size() < 1000000) text += unit;
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

}  // namespace
}  // namespace xfer::text
