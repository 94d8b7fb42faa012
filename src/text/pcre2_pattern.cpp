// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8

#include "text/pcre2_pattern.hpp"

#include "xfer/error.hpp"

#include <pcre2.h>

namespace xfer::text {
namespace {

// \s of PCRE2 has U+180E as well, which is not White_Space.
constexpr std::string_view white_space =
    R"(\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F})"
    R"(\x{3000})";

/// Whether `name` is a script, such as Han.
bool is_script(std::string_view name) {
  const std::string pattern = "\\p{sc:" + std::string(name) + "}";
  int error = 0;
  PCRE2_SIZE at = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                                   PCRE2_UTF, &error, &at, nullptr);
  pcre2_code_free(code);
  return code != nullptr;
}

/// Walks a pattern once, copying what both engines read alike.
class Rewriter {
public:
  explicit Rewriter(std::string_view pattern) : in_(pattern) {}

  std::string run() {
    while (at_ < in_.size()) {
      const char c = in_[at_];
      if (c == '\\') {
        escape();
      } else if (class_depth_ > 0) {
        in_class(c);
      } else if (c == '[') {
        class_depth_ = 1;
        copy(1);
        if (in_.substr(at_, 1) == "^") copy(1);
        if (in_.substr(at_, 1) == "]") refuse("]");
      } else {
        copy(1);
      }
    }
    return std::move(out_);
  }

private:
  void copy(std::size_t count) {
    out_ += in_.substr(at_, count);
    at_ += count;
  }
  [[noreturn]] void refuse(std::string_view what) const {
    throw Error(Errc::not_available,
                "tokenizer: cannot match the pattern \"" + std::string(in_) + "\": \"" +
                    std::string(what) + "\" at position " + std::to_string(at_) +
                    " is not supported (supported: literals, classes, groups, look-around, "
                    "quantifiers, \\s \\S \\d \\D \\p{..} \\P{..} \\n \\r \\t \\f \\x \\u)");
  }
  void in_class(char c) {
    // Oniguruma nests classes and intersects them; PCRE2 takes these as ordinary characters.
    if (c == '[' || in_.substr(at_, 2) == "&&") refuse(in_.substr(at_, 2));
    if (c == ']') class_depth_ = 0;
    copy(1);
  }
  void escape() {
    if (at_ + 1 >= in_.size()) refuse("\\");
    const char c = in_[at_ + 1];
    const std::string_view both = in_.substr(at_, 2);
    if (c == 's') {
      out_ += class_depth_ > 0 ? std::string(white_space) : "[" + std::string(white_space) + "]";
      at_ += 2;
    } else if (c == 'S') {
      if (class_depth_ > 0) refuse(both);
      out_ += "[^" + std::string(white_space) + "]";
      at_ += 2;
    } else if (c == 'u') {
      code_unit();
    } else if (c == 'p' || c == 'P') {
      property();
    } else if (std::string_view("dDnrtfx").find(c) != std::string_view::npos ||
               std::string_view("\\.^$|?*+()[]{}-/'\"#&,:;<=>@!%_`~ ").find(c) !=
                   std::string_view::npos) {
      copy(2);
    } else {
      refuse(both);
    }
  }
  /// \p{..}. A script stands for the characters of that script alone; PCRE2 would add those that
  /// it shares with others.
  void property() {
    const std::size_t end = in_.find('}', at_);
    if (in_.substr(at_ + 2, 1) != "{" || end == std::string_view::npos) refuse(in_.substr(at_, 3));
    std::string_view name = in_.substr(at_ + 3, end - at_ - 3);
    out_ += in_.substr(at_, 3);
    if (name.starts_with('^')) {
      out_ += '^';
      name.remove_prefix(1);
    }
    if (name.find_first_of(":=") != std::string_view::npos) refuse(name);
    out_ += (is_script(name) ? "sc:" : "") + std::string(name) + "}";
    at_ = end + 1;
  }
  /// \uHHHH, which PCRE2 writes \x{HHHH}.
  void code_unit() {
    const std::string_view digits = in_.substr(at_ + 2, 4);
    if (digits.size() != 4 ||
        digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos)
      refuse(in_.substr(at_, 6));
    out_ += "\\x{" + std::string(digits) + "}";
    at_ += 6;
  }

  std::string_view in_;
  std::string out_;
  std::size_t at_ = 0;
  int class_depth_ = 0;
};

}  // namespace

std::string pcre2_from_oniguruma(std::string_view pattern) { return Rewriter(pattern).run(); }

}  // namespace xfer::text
