// SPDX-License-Identifier: Apache-2.0
// The pre-tokenizer patterns of GPT-2, Llama 3 and Qwen as hand-written scanners.
#include "text/splitter.hpp"
#include "text/unicode.hpp"

#include <cstddef>

namespace xfer::text {
namespace {

/// A text with the classes of its characters. Invalid bytes count as symbols: characters that are
/// neither letters, numbers nor white space.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text_(text), classes_(char_classes()) {}

  std::size_t size() const noexcept { return text_.size(); }
  char byte(std::size_t i) const noexcept { return i < text_.size() ? text_[i] : '\0'; }
  bool is_newline(std::size_t i) const noexcept {
    return i < text_.size() && (text_[i] == '\n' || text_[i] == '\r');
  }

  /// Classes of the character at `i`, and where the next one starts.
  std::uint8_t classes_at(std::size_t i, std::size_t& next) const noexcept {
    const auto first = static_cast<unsigned char>(text_[i]);
    if (first < 0x80U) {
      next = i + 1;
      return classes_[first];
    }
    const CodePoint point = code_point_at(text_, i);
    next = i + point.length;
    return point.code == invalid_code ? std::uint8_t{0} : classes_[point.code];
  }
  bool is_letter(std::size_t i) const noexcept { return has(i, letter_class); }
  bool is_number(std::size_t i) const noexcept { return has(i, number_class); }
  bool is_space(std::size_t i) const noexcept { return has(i, space_class); }
  bool is_symbol(std::size_t i) const noexcept {
    std::size_t next = 0;
    return i < size() && (classes_at(i, next) & not_symbol) == 0;
  }

  /// Ends of the runs that start at `i`; `i` itself when there is none.
  std::size_t skip_letters(std::size_t i) const noexcept { return skip(i, letter_class); }
  std::size_t skip_numbers(std::size_t i) const noexcept { return skip(i, number_class); }
  std::size_t skip_symbols(std::size_t i) const noexcept {
    std::size_t next = 0;
    while (i < size() && (classes_at(i, next) & not_symbol) == 0) i = next;
    return i;
  }
  std::size_t skip_newlines(std::size_t i) const noexcept {
    while (is_newline(i)) ++i;
    return i;
  }

  /// End of the match of `\s+(?!\S)|\s+` at a space.
  std::size_t skip_spaces_before_word(std::size_t i) const noexcept {
    const std::size_t start = i;
    std::size_t last = i;
    std::size_t next = 0;
    while (i < size() && (classes_at(i, next) & space_class) != 0) {
      last = i;
      i = next;
    }
    return i == size() || last == start ? i : last;
  }
  /// End of the match of `\s*[\r\n]+` at a space, or `i` when there is no match.
  std::size_t skip_through_newlines(std::size_t i) const noexcept {
    std::size_t end = i;
    std::size_t next = 0;
    while (i < size() && (classes_at(i, next) & space_class) != 0) {
      if (is_newline(i)) end = next;
      i = next;
    }
    return end;
  }

private:
  static constexpr unsigned not_symbol = letter_class | number_class | space_class;

  bool has(std::size_t i, CharClass wanted) const noexcept {
    std::size_t next = 0;
    return i < size() && (classes_at(i, next) & wanted) != 0;
  }
  std::size_t skip(std::size_t i, CharClass wanted) const noexcept {
    std::size_t next = 0;
    while (i < size() && (classes_at(i, next) & wanted) != 0) i = next;
    return i;
  }

  std::string_view text_;
  const std::uint8_t* classes_;
};

/// End of one of 's 't 're 've 'm 'll 'd at `i`, or `i` when there is none. Where case is ignored,
/// U+017F counts as an s, as Unicode folds it to one.
std::size_t skip_contraction(const Scanner& text, std::size_t i, bool ignore_case) {
  if (text.byte(i) != '\'') return i;
  const auto letter = [&](std::size_t at) {
    const char c = text.byte(at);
    return ignore_case && c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  const char first = letter(i + 1);
  if (first == 's' || first == 't' || first == 'm' || first == 'd') return i + 2;
  const char second = letter(i + 2);
  if ((first == 'r' || first == 'v') && second == 'e') return i + 3;
  if (first == 'l' && second == 'l') return i + 3;
  if (ignore_case && text.byte(i + 1) == '\xC5' && text.byte(i + 2) == '\xBF') return i + 3;
  return i;
}

/// patterns::gpt2
std::size_t gpt2_end(const Scanner& text, std::size_t i) {
  const std::size_t contraction = skip_contraction(text, i, false);
  if (contraction != i) return contraction;
  const std::size_t word = text.byte(i) == ' ' ? i + 1 : i;
  if (text.is_letter(word)) return text.skip_letters(word);
  if (text.is_number(word)) return text.skip_numbers(word);
  if (text.is_symbol(word)) return text.skip_symbols(word);
  return text.skip_spaces_before_word(i);
}

/// patterns::llama3 (three digits) and patterns::qwen2 (one)
template <int digits_max>
std::size_t llama3_end(const Scanner& text, std::size_t i) {
  const std::size_t contraction = skip_contraction(text, i, true);
  if (contraction != i) return contraction;
  std::size_t next = 0;
  const std::uint8_t classes = text.classes_at(i, next);
  if ((classes & letter_class) != 0) return text.skip_letters(next);
  if ((classes & number_class) != 0) {
    for (int digits = 1; digits < digits_max && text.is_number(next); ++digits)
      text.classes_at(next, next);
    return next;
  }
  if (!text.is_newline(i) && text.is_letter(next)) return text.skip_letters(next);
  const std::size_t symbol = text.byte(i) == ' ' ? i + 1 : i;
  if (text.is_symbol(symbol)) return text.skip_newlines(text.skip_symbols(symbol));
  const std::size_t newlines = text.skip_through_newlines(i);
  return newlines != i ? newlines : text.skip_spaces_before_word(i);
}

template <std::size_t (*end_of)(const Scanner&, std::size_t)>
class KnownSplitter final : public Splitter {
public:
  explicit KnownSplitter(std::string_view pattern) : pattern_(pattern) {}
  void split(std::string_view text, PieceSink sink) const override {
    const Scanner scanner(text);
    for (std::size_t i = 0; i < text.size();) {
      const std::size_t end = end_of(scanner, i);
      sink(text.substr(i, end - i));
      i = end;
    }
  }
  std::string description() const override { return "pattern isolated " + std::string(pattern_); }

private:
  std::string_view pattern_;
};

class DigitSplitter final : public Splitter {
public:
  explicit DigitSplitter(bool individual) : individual_(individual) {}
  void split(std::string_view text, PieceSink sink) const override {
    const Scanner scanner(text);
    std::size_t start = 0;
    bool in_number = false;
    std::size_t next = 0;
    for (std::size_t i = 0; i < text.size(); i = next) {
      const bool is_number = (scanner.classes_at(i, next) & number_class) != 0;
      if (i != start && (is_number != in_number || (is_number && individual_))) {
        sink(text.substr(start, i - start));
        start = i;
      }
      in_number = is_number;
    }
    if (start != text.size()) sink(text.substr(start));
  }
  std::string description() const override {
    return individual_ ? "digits individual" : "digits contiguous";
  }

private:
  bool individual_;
};

class PrefixSpace final : public Splitter {
public:
  void split(std::string_view text, PieceSink sink) const override {
    if (text.empty() || text.front() == ' ') return sink(text);
    sink(" " + std::string(text));
  }
  std::string description() const override { return "prefix space"; }
};

}  // namespace

std::unique_ptr<Splitter> make_known_splitter(std::string_view pattern) {
  if (pattern == patterns::gpt2) return std::make_unique<KnownSplitter<gpt2_end>>(patterns::gpt2);
  if (pattern == patterns::llama3)
    return std::make_unique<KnownSplitter<llama3_end<3>>>(patterns::llama3);
  if (pattern == patterns::qwen2)
    return std::make_unique<KnownSplitter<llama3_end<1>>>(patterns::qwen2);
  return nullptr;
}

std::unique_ptr<Splitter> make_digit_splitter(bool individual) {
  return std::make_unique<DigitSplitter>(individual);
}

std::unique_ptr<Splitter> make_prefix_space() { return std::make_unique<PrefixSpace>(); }

std::unique_ptr<Splitter> make_pattern_splitter(std::string_view pattern, SplitBehavior behavior) {
  if (behavior == SplitBehavior::isolated) {
    if (auto known = make_known_splitter(pattern)) return known;
  }
  return make_pcre2_splitter(pattern, behavior);
}

}  // namespace xfer::text
