// SPDX-License-Identifier: Apache-2.0
#include "text/pre_tokenizer_json.hpp"

namespace xfer::text {
namespace {

class PreTokenizerReader {
public:
  void read(const JsonField& field) {
    const std::string type = field["type"].text();
    if (type == "Sequence") {
      const JsonField list = field["pretokenizers"];
      for (std::size_t i = 0; i < list.array_size(); ++i) read(list.at(i));
      return;
    }
    // After ByteLevel the text is spelled in another alphabet, where patterns mean other things.
    if (is_bytes_) field.not_supported("ByteLevel must be the last step");
    if (type == "ByteLevel") {
      read_byte_level(field);
    } else if (type == "Split") {
      read_split(field);
    } else if (type == "Digits") {
      steps_.push_back(make_digit_splitter(field["individual_digits"].flag_or(false)));
    } else {
      field["type"].not_supported("no such pre-tokenizer here (got \"" + type +
                                  "\", allowed ByteLevel, Split, Digits, Sequence)");
    }
  }

  std::vector<std::unique_ptr<Splitter>> take(const JsonField& field) {
    if (!is_bytes_) field.not_supported("a ByteLevel step is needed");
    return std::move(steps_);
  }

private:
  void read_byte_level(const JsonField& field) {
    if (field["add_prefix_space"].flag_or(true)) steps_.push_back(make_prefix_space());
    if (field["use_regex"].flag_or(true))
      steps_.push_back(make_pattern_splitter(patterns::gpt2, SplitBehavior::isolated));
    is_bytes_ = true;
  }

  void read_split(const JsonField& field) {
    const std::string name = field["behavior"].text();
    const bool invert = field["invert"].flag_or(false);
    SplitBehavior behavior = SplitBehavior::isolated;
    if (name == "Removed") {
      behavior = invert ? SplitBehavior::keep_matches : SplitBehavior::drop_matches;
    } else if (name != "Isolated") {
      field["behavior"].not_supported("no such behavior here (got \"" + name +
                                      "\", allowed Isolated, Removed)");
    }
    const JsonField pattern = field["pattern"];
    if (!pattern["Regex"].is_null()) {
      steps_.push_back(make_pattern_splitter(pattern["Regex"].text(), behavior));
    } else if (!pattern["String"].is_null()) {
      steps_.push_back(make_literal_splitter(pattern["String"].text(), behavior));
    } else {
      pattern.bad("expected {\"Regex\": ..} or {\"String\": ..}");
    }
  }

  std::vector<std::unique_ptr<Splitter>> steps_;
  bool is_bytes_ = false;
};

}  // namespace

std::vector<std::unique_ptr<Splitter>> read_pre_tokenizer(const JsonField& field) {
  if (field.is_null()) field.not_supported("a ByteLevel step is needed (got null)");
  PreTokenizerReader reader;
  reader.read(field);
  return reader.take(field);
}

}  // namespace xfer::text
