// SPDX-License-Identifier: Apache-2.0
#include "text/sentencepiece_json.hpp"

#include "text/sentencepiece.hpp"

namespace xfer::text {
namespace {

class SentencePieceReader {
public:
  explicit SentencePieceReader(TokenizerParts& parts) : parts_(parts) {}

  void read_normalizer(const JsonField& field) {
    if (field.is_null()) return;
    const std::string type = field["type"].text();
    if (type == "Sequence") {
      const JsonField list = field["normalizers"];
      for (std::size_t i = 0; i < list.array_size(); ++i) read_normalizer(list.at(i));
    } else if (type == "Replace") {
      demand(field["pattern"]["String"], " ");
      demand(field["content"], std::string(space_mark));
      marks_spaces_ = true;
    } else if (type == "Prepend") {
      demand(field["prepend"], std::string(space_mark));
      parts_.space_prefix = SpacePrefix::each;
    } else {
      field["type"].not_supported("no such normalizer here (got \"" + type +
                                  "\", allowed Prepend, Replace, Sequence)");
    }
  }

  void read_pre_tokenizer(const JsonField& field) {
    if (field.is_null()) return;
    const std::string type = field["type"].text();
    if (type == "Split" && marks_spaces_) {
      demand(field["pattern"]["String"], " ");  // of which the normalizer left none
    } else if (type == "Metaspace") {
      demand(field["replacement"], std::string(space_mark));
      if (field["split"].flag_or(true)) field["split"].not_supported("must be false");
      const std::string scheme = field["prepend_scheme"].text_or("always");
      if (scheme == "always") {
        parts_.space_prefix = SpacePrefix::each_unless;
      } else if (scheme == "first") {
        parts_.space_prefix = SpacePrefix::first_unless;
      } else if (scheme != "never") {
        field["prepend_scheme"].not_supported("no such scheme here (got \"" + scheme +
                                              "\", allowed always, first, never)");
      }
      marks_spaces_ = true;
    } else {
      field["type"].not_supported("no such pre-tokenizer here (got \"" + type +
                                  "\", allowed Metaspace, Split at spaces, null)");
    }
  }

  void read_decoder(const JsonField& field) {
    if (field.is_null()) field.not_supported("ByteFallback is needed (got null)");
    const std::string type = field["type"].text();
    if (type == "Sequence") {
      const JsonField list = field["decoders"];
      for (std::size_t i = 0; i < list.array_size(); ++i) read_decoder(list.at(i));
    } else if (type != "Replace" && type != "ByteFallback" && type != "Fuse" && type != "Strip" &&
               type != "Metaspace") {
      field["type"].not_supported(
          "no such decoder here (got \"" + type +
          "\", allowed ByteFallback, Fuse, Metaspace, Replace, Sequence, Strip)");
    }
  }

  void check(const JsonField& root) const {
    if (!marks_spaces_)
      root["normalizer"].not_supported("a step that turns spaces into U+2581 is needed");
  }

private:
  static void demand(const JsonField& field, const std::string& value) {
    if (field.text_or("") != value)
      field.not_supported("must be \"" + value + "\" (got \"" + field.text_or("") + "\")");
  }

  TokenizerParts& parts_;
  bool marks_spaces_ = false;
};

}  // namespace

void read_sentencepiece_steps(const JsonField& root, TokenizerParts& parts) {
  SentencePieceReader reader(parts);
  reader.read_normalizer(root["normalizer"]);
  reader.read_pre_tokenizer(root["pre_tokenizer"]);
  reader.read_decoder(root["decoder"]);
  reader.check(root);
}

}  // namespace xfer::text
