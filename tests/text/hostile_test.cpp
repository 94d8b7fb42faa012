// SPDX-License-Identifier: Apache-2.0
// Damaged files must end in an Error, never in a crash. Run under sanitizers this is the proof.
#include "fixture.hpp"

namespace xfer::text {
namespace {

/// Loads what may be damaged and uses what loads.
void try_out(const std::function<Tokenizer()>& load) {
  try {
    const Tokenizer tokenizer = load();
    const std::string text = "Tom has 12 apples.\n\xFF <|end|> caf\xC3\xA9";
    for (const std::int32_t id : tokenizer.encode(text)) tokenizer.token_bytes(id);
  } catch (const Error& error) {
    EXPECT_NE(error.code(), Errc::internal) << error.what();
    EXPECT_NE(std::string(error.what()), "");
  }
}

TEST(HostileTokenizer, truncated_files) {
  for (const char* name : {"llama3.json", "added.json"}) {
    const std::string text = test::fixture_text(name);
    for (std::size_t size = 0; size < text.size(); size += 97)
      try_out([&] { return Tokenizer::from_huggingface(text.substr(0, size), "cut"); });
  }
}

TEST(HostileTokenizer, changed_bytes) {
  test::Dice dice(17);
  for (const char* name : {"llama3.json", "added.json", "pattern.json"}) {
    const std::string original = test::fixture_text(name);
    for (int i = 0; i < 150; ++i) {
      std::string text = original;
      for (std::size_t k = 0; k <= dice.below(4); ++k)
        text[dice.below(text.size())] = "0\"{}[],:\\x-9 \xFF"[dice.below(14)];
      try_out([&] { return Tokenizer::from_huggingface(text, "changed"); });
    }
  }
}

/// Replaces every value of a document, one at a time, with values of other kinds.
void replace_each(test::Json& root, test::Json& node) {
  for (auto& child : node) {
    const test::Json saved = child;
    for (const char* other :
         {"null", "true", "-1", "1e300", "18446744073709551615", "\"\"", "[]", "{}", "[[]]"}) {
      child = test::Json::parse(other);
      try_out([&] { return Tokenizer::from_huggingface(root.dump(), "replaced"); });
    }
    child = saved;
    const bool is_table = child.is_structured() && child.size() > 40;
    if (child.is_structured() && !is_table) replace_each(root, child);
  }
}

TEST(HostileTokenizer, values_of_another_kind) {
  for (const char* name : {"llama3.json", "pattern.json"}) {
    test::Json document = test::Json::parse(test::fixture_text(name));
    // A short vocabulary keeps this quick.
    test::Json& model = document["model"];
    model["merges"] = test::Json::array();
    replace_each(document, document);
  }
}

TEST(HostileTokenizer, deep_nesting) {
  const std::string deep = std::string(200000, '[') + std::string(200000, ']');
  try_out([&] { return Tokenizer::from_huggingface(deep, "deep"); });
  for (const std::string list : {"pretokenizers", "normalizers", "decoders", "processors"}) {
    std::string nested = R"({"type":"ByteLevel"})";
    std::string head;
    std::string tail;
    for (int i = 0; i < 100000; ++i) {
      head += R"({"type":"Sequence",")" + list + "\":[";
      tail += "]}";
    }
    const std::string field = list == "pretokenizers" ? "pre_tokenizer"
                              : list == "normalizers" ? "normalizer"
                              : list == "decoders"    ? "decoder"
                                                      : "post_processor";
    test::Json document = test::Json::parse(test::fixture_text("gpt2.json"));
    document[field] = "PLACE";
    std::string text = document.dump();
    text.replace(text.find("\"PLACE\""), 7, head + nested + tail);
    test::expect_error(Errc::bad_data, {field, "nested too deeply"},
                       [&] { Tokenizer::from_huggingface(text, "nested"); });
  }
}

}  // namespace
}  // namespace xfer::text
