// SPDX-License-Identifier: Apache-2.0
// What a tokenizer.json may not ask for: each is refused by the name of its field.
#include "fixture.hpp"

namespace xfer::text {
namespace {

using test::Json;

void expect_refusal(Errc code, const std::vector<std::string>& parts,
                    const std::function<void(Json&)>& change, const char* name = "gpt2.json") {
  Json document = Json::parse(test::fixture_text(name));
  change(document);
  std::vector<std::string> all = parts;
  all.emplace_back("origin.json");
  test::expect_error(code, all,
                     [&] { Tokenizer::from_huggingface(document.dump(), "origin.json"); });
}

TEST(HuggingFaceRefusal, other_models_and_their_options) {
  const Errc code = Errc::not_available;
  expect_refusal(code, {"model.type", "Unigram", "BPE"},
                 [](Json& j) { j["model"]["type"] = "Unigram"; });
  expect_refusal(code, {"model.dropout"}, [](Json& j) { j["model"]["dropout"] = 0.1; });
  expect_refusal(code, {"pre_tokenizer.type", "ByteLevel", "Metaspace"},
                 [](Json& j) { j["model"]["byte_fallback"] = true; });
  expect_refusal(code, {"model.end_of_word_suffix"},
                 [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; });
  expect_refusal(code, {"model.continuing_subword_prefix"},
                 [](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; });
}

TEST(HuggingFaceRefusal, other_steps_around_characters) {
  const auto refused = [](const std::vector<std::string>& parts,
                          const std::function<void(Json&)>& change) {
    Json document = Json::parse(test::fixture_text("metaspace.json"));
    change(document);
    test::expect_error(Errc::not_available, parts,
                       [&] { Tokenizer::from_huggingface(document.dump(), "origin.json"); });
  };
  refused({"pre_tokenizer.split", "false"}, [](Json& j) { j["pre_tokenizer"]["split"] = true; });
  refused({"pre_tokenizer.prepend_scheme", "sometimes", "first"},
          [](Json& j) { j["pre_tokenizer"]["prepend_scheme"] = "sometimes"; });
  refused({"pre_tokenizer.replacement", "_"},
          [](Json& j) { j["pre_tokenizer"]["replacement"] = "_"; });
  refused({"normalizer", "U+2581"}, [](Json& j) { j["pre_tokenizer"] = nullptr; });
  refused({"normalizer.type", "NFC", "Prepend"}, [](Json& j) {
    j["normalizer"] = Json{{"type", "NFC"}};
  });
  refused({"decoder", "ByteFallback"}, [](Json& j) { j["decoder"] = nullptr; });
  refused({"decoder.decoders[0].type", "WordPiece"},
          [](Json& j) { j["decoder"]["decoders"][0]["type"] = "WordPiece"; });
}

TEST(HuggingFaceRefusal, other_steps) {
  const Errc code = Errc::not_available;
  expect_refusal(code, {"normalizer.type", "NFKC", "NFC"}, [](Json& j) {
    j["normalizer"] = {{"type", "NFKC"}};
  });
  expect_refusal(code, {"normalizer.normalizers[1].type", "Lowercase"}, [](Json& j) {
    j["normalizer"] = Json::parse(
        R"({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Lowercase"}]})");
  });
  expect_refusal(code, {"pre_tokenizer", "null"}, [](Json& j) { j["pre_tokenizer"] = nullptr; });
  expect_refusal(code, {"pre_tokenizer.type", "Whitespace"}, [](Json& j) {
    j["pre_tokenizer"] = {{"type", "Whitespace"}};
  });
  expect_refusal(code, {"pre_tokenizer", "ByteLevel"}, [](Json& j) {
    j["pre_tokenizer"] = {{"type", "Digits"}, {"individual_digits", true}};
  });
  expect_refusal(code, {"pre_tokenizer.pretokenizers[1]", "last"}, [](Json& j) {
    Json step = j["pre_tokenizer"];
    j["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {step, step}}};
  });
  expect_refusal(
      code, {"pre_tokenizer.pretokenizers[0].behavior", "MergedWithNext"},
      [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["behavior"] = "MergedWithNext"; },
      "llama3.json");
  expect_refusal(code, {"decoder", "WordPiece"}, [](Json& j) {
    j["decoder"] = {{"type", "WordPiece"}};
  });
  expect_refusal(code, {"decoder", "null"}, [](Json& j) { j["decoder"] = nullptr; });
  expect_refusal(code, {"post_processor.type", "BertProcessing"}, [](Json& j) {
    j["post_processor"] = {{"type", "BertProcessing"}};
  });
  expect_refusal(
      code, {"post_processor.single[2]"},
      [](Json& j) { j["post_processor"]["single"].push_back(j["post_processor"]["single"][0]); },
      "llama3.json");
}

TEST(HuggingFaceRefusal, damaged_vocabulary_and_merges) {
  const Errc code = Errc::bad_data;
  expect_refusal(code, {"model.vocab"}, [](Json& j) { j["model"]["vocab"] = 3; });
  for (const char* id : {"-1", "1.5", "99999999999", "4194304", "\"7\"", "null"}) {
    expect_refusal(code, {"model.vocab", "\"a\""},
                   [&](Json& j) { j["model"]["vocab"]["a"] = Json::parse(id); });
  }
  expect_refusal(code, {"two tokens have the id 5"},
                 [](Json& j) { j["model"]["vocab"]["xyzzy"] = 5; });
  expect_refusal(code, {"model.merges"}, [](Json& j) { j["model"].erase("merges"); });
  expect_refusal(code, {"model.merges[1]", "xyzzy"}, [](Json& j) {
    j["model"]["merges"][1] = Json::array({"a", "xyzzy"});
  });
  expect_refusal(code, {"model.merges[1]"}, [](Json& j) { j["model"]["merges"][1] = "a b c"; });
  expect_refusal(code, {"model.merges[1]"}, [](Json& j) { j["model"]["merges"][1] = 7; });
  expect_refusal(code, {"model"}, [](Json& j) { j.erase("model"); });
}

TEST(HuggingFaceRefusal, damaged_added_tokens) {
  const Errc code = Errc::bad_data;
  expect_refusal(code, {"added_tokens[0].id", "<|end|>", "5"},
                 [](Json& j) { j["added_tokens"][0]["id"] = 5; });
  expect_refusal(code, {"added_tokens[0].id"}, [](Json& j) { j["added_tokens"][0]["id"] = -3; });
  expect_refusal(code, {"added_tokens[0].content"},
                 [](Json& j) { j["added_tokens"][0]["content"] = nullptr; });
  expect_refusal(code, {"added_tokens[0].special"},
                 [](Json& j) { j["added_tokens"][0]["special"] = "yes"; });
  expect_refusal(
      code, {"post_processor.special_tokens.<|begin_of_text|>.ids"},
      [](Json& j) { j["post_processor"]["special_tokens"]["<|begin_of_text|>"]["ids"] = {4000}; },
      "llama3.json");
}

TEST(HuggingFaceRefusal, files_that_are_not_there_or_not_json) {
  const test::TemporaryFolder folder;
  test::expect_error(Errc::io, {"tokenizer.json"}, [&] { Tokenizer::load(folder.path()); });
  test::expect_error(Errc::io, {"missing.gguf"},
                     [&] { Tokenizer::load(folder.path() / "missing.gguf"); });
  const auto path = folder.write("tokenizer.json", "{\"model\": ");
  test::expect_error(Errc::bad_data, {path.string(), "not JSON"}, [&] { Tokenizer::load(path); });
  test::expect_error(Errc::bad_data, {"expected an object"},
                     [] { Tokenizer::from_huggingface("[]", "x"); });
}

}  // namespace
}  // namespace xfer::text
