// SPDX-License-Identifier: Apache-2.0
#include "grade/math/math_lexer.hpp"

#include "grade/answers/answer_text.hpp"
#include "grade/answers/final_answer.hpp"
#include "grade/math/math_names.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace xfer::grade {
namespace {

using TokenKind = MathTokenKind;
template <class Words>
bool among(const Words& words, std::string_view word) noexcept {
  return std::find(words.begin(), words.end(), word) != words.end();
}

class Lexer {
public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::optional<std::vector<MathToken>> run() {
    while (at_ < text_.size())
      if (!step()) return std::nullopt;
    return std::move(tokens_);
  }

private:
  char peek(std::size_t ahead = 0) const noexcept {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  std::string_view rest() const noexcept { return text_.substr(at_); }

  void add(TokenKind kind, std::string text) {
    tokens_.push_back({kind, std::move(text), space_});
    space_ = false;
  }
  void add_sign(char c) { add(TokenKind::sign, std::string(1, c)); }

  bool step() {
    const char c = peek();
    if (is_blank(c) || c == '$' || c == '~' || c == '`') {
      space_ = true;
      ++at_;
      return true;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number();
    if (c == '\\') return command();
    if (is_letter(c)) return letters();
    for (const auto& [sign, name] : unicode_signs)
      if (rest().starts_with(sign)) {
        at_ += sign.size();
        add_sign(name);
        return true;
      }
    if (static_cast<unsigned char>(c) >= 0x80U) return unicode();
    return sign(c);
  }

  bool sign(char c) {
    ++at_;
    switch (c) {
      case '(':
      case '[':
        ++depth_;
        add_sign(c);
        return true;
      case ')':
      case ']':
        --depth_;
        add_sign(c);
        return true;
      case '*':
        if (peek() == '*') {
          ++at_;
          add_sign('^');
          return true;
        }
        add_sign('*');
        return true;
      case '!':
        if (peek() == '=') {
          ++at_;
          add_sign('n');
          return true;
        }
        add_sign('!');
        return true;
      case '=':
        if (peek() == '=') ++at_;
        add_sign('=');
        return true;
      case '\'':
      case '"': return prime();
      case '{':
      case '}':
      case '+':
      case '-':
      case '/':
      case '^':
      case '_':
      case '|':
      case '<':
      case '>':
      case ',':
      case ';':
      case ':':
      case '%':
      case '&': add_sign(c); return true;
      case '.':
      case '?': return trim(rest()).empty();  // the end of a sentence
      default: return false;
    }
  }

  bool prime() {
    if (tokens_.empty() || tokens_.back().kind != TokenKind::symbol) return false;
    tokens_.back().text += '\'';
    return true;
  }

  /// Behind the digits here; groups of three may be separated by commas (outside brackets, where
  /// commas separate elements), "{,}", ",\!", or single spaces.
  bool number() {
    std::string digits;
    bool fraction = false;
    while (at_ < text_.size()) {
      const char c = peek();
      if (is_digit(c)) {
        digits += c;
        ++at_;
      } else if (c == '.' && !fraction && (is_digit(peek(1)) || !is_word(peek(1)))) {
        if (!is_digit(peek(1)) && peek(1) == '.') return false;  // an ellipsis
        fraction = true;
        ++at_;
        if (is_digit(peek())) digits += digits.empty() ? "0." : ".";
      } else if (const std::size_t n = fraction || digits.empty() ? 0 : separator()) {
        at_ += n;
      } else {
        break;
      }
    }
    if (digits.find('.') != std::string::npos && to_lower(peek()) == 'e') digits += exponent();
    add(TokenKind::number, std::move(digits));
    return true;
  }

  std::size_t separator() const noexcept {
    const std::string_view here = rest();
    std::size_t n = 0;
    bool certain = true;
    if (here.starts_with("{,}")) {
      n = 3;
    } else if (here.starts_with(",\\!") || here.starts_with("\\,") || here.starts_with("\\!")) {
      n = here.starts_with(",") ? 3 : 2;
      while (n < here.size() && here[n] == ' ') ++n;
    } else if (here.starts_with(",")) {
      if (depth_ > 0) return 0;
      n = 1;
      certain = false;
    } else if (here.starts_with(" ")) {
      if (depth_ > 0) return 0;
      n = 1;
      certain = false;
    }
    if (n == 0 || n + 3 > here.size()) return 0;
    for (std::size_t i = n; i < n + 3; ++i)
      if (!is_digit(here[i])) return 0;
    const bool ends = n + 3 == here.size() || !is_digit(here[n + 3]);
    if (!ends) return 0;
    // "7 1000/3": a mixed number's numerator is no group.
    if (!certain && here[0] == ' ' && n + 3 < here.size() && here[n + 3] == '/') return 0;
    return n;
  }

  std::string exponent() {
    std::size_t n = 1;
    std::string text = "e";
    if (peek(n) == '-' || peek(n) == '+') text += peek(n++);
    const std::size_t first = n;
    while (n < first + 4 && is_digit(peek(n))) text += peek(n++);
    if (n == first || is_digit(peek(n))) return {};
    at_ += n;
    return text;
  }

  bool unicode() {
    using Named = std::pair<std::string_view, std::string_view>;
    constexpr std::array<Named, 9> symbols = {
        Named{"\xe2\x88\x9e", "inf"}, Named{"\xcf\x80", "pi"},   Named{"\xce\xb8", "theta"},
        Named{"\xce\xb1", "alpha"},   Named{"\xce\xb2", "beta"}, Named{"\xce\xbb", "lambda"},
        Named{"\xc2\xb2", "^2"},      Named{"\xc2\xb3", "^3"},   Named{"\xe2\x88\x9a", "sqrt"}};
    for (const auto& [bytes, name] : symbols) {
      if (!rest().starts_with(bytes)) continue;
      at_ += bytes.size();
      if (name == "pi") {
        add(TokenKind::constant, "pi");
      } else if (name == "sqrt") {
        add(TokenKind::command, "sqrt");
      } else if (name[0] == '^') {
        add_sign('^');
        add(TokenKind::number, std::string(name.substr(1)));
      } else {
        add(TokenKind::symbol, std::string(name));
      }
      return true;
    }
    return false;
  }

  /// A run of letters: names that are known, else each letter by itself; a word behind a number
  /// is a unit.
  bool letters() {
    std::size_t end = at_;
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const std::string run(text_.substr(at_, end - at_));
    const std::string low = lower(run);
    at_ = end;
    if (run == "and" || run == "or") {
      add_sign(',');
      return true;
    }
    if (low == "pi") {
      add(TokenKind::constant, "pi");
    } else if (low == "infinity" || low == "inf" || low == "infty" || run == "oo") {
      add(TokenKind::symbol, "inf");
    } else if (low == "percent") {
      add_sign('%');
    } else if (low == "degrees" || low == "degree") {
      add_sign('o');
    } else if (run == "sqrt") {
      add(TokenKind::command, "sqrt");
    } else if (is_math_function(run)) {
      add(TokenKind::command, run);
    } else if (run.size() >= 2 && behind_value() && (run.size() >= 4 || among(short_units, run))) {
      add(TokenKind::word, low);
    } else if (run.size() == 1) {
      add_letter(run[0]);
    } else if (run == "U") {
      add_sign('U');
    } else {
      split(run);
    }
    return true;
  }

  /// "xsin" and the like end in a function; the letters before it are variables.
  void split(const std::string& run) {
    for (std::size_t n = std::min<std::size_t>(run.size() - 1, 6); n >= 2; --n)
      if (const std::string tail = run.substr(run.size() - n); is_math_function(tail)) {
        for (const char c : run.substr(0, run.size() - n)) add_letter(c);
        add(TokenKind::command, tail);
        return;
      }
    for (const char c : run) add_letter(c);
  }

  void add_letter(char c) {
    if (c == 'e' || c == 'i')
      add(TokenKind::constant, std::string(1, c));
    else
      add(TokenKind::symbol, std::string(1, c));
  }

  bool behind_value() const {
    if (tokens_.empty()) return false;
    const MathToken& last = tokens_.back();
    return last.kind == TokenKind::number || last.kind == TokenKind::word || last.is('}') ||
           last.is(')') || last.kind == TokenKind::constant;
  }

  bool command() {
    ++at_;
    if (!is_letter(peek())) return escaped();
    std::size_t end = at_;
    while (end < text_.size() && is_letter(text_[end])) ++end;
    const std::string_view name = text_.substr(at_, end - at_);
    at_ = end;
    if (name == "text" || name == "mbox" || name == "textbf" || name == "textit" ||
        name == "textrm" || name == "hbox" || name == "mathrm" || name == "operatorname")
      return text(name);
    if (name == "begin" || name == "end") return environment(name);
    if (name == "frac" || name == "dfrac" || name == "tfrac" || name == "cfrac") {
      add(TokenKind::command, "frac");
    } else if (name == "binom" || name == "dbinom" || name == "tbinom") {
      add(TokenKind::command, "binom");
    } else if (name == "sqrt" || is_math_function(name)) {
      add(TokenKind::command, std::string(name));
    } else if (name == "pi") {
      add(TokenKind::constant, "pi");
    } else if (name == "infty") {
      add(TokenKind::symbol, "inf");
    } else if (name == "emptyset" || name == "varnothing") {
      add_sign('S');
      add_sign('T');
    } else if (name == "lfloor" || name == "lceil") {
      add(TokenKind::command, name == "lfloor" ? "floor" : "ceil");
      add_sign('(');
    } else if (name == "rfloor" || name == "rceil") {
      add_sign(')');
    } else if (among(greek_letters, name)) {
      add(TokenKind::symbol, std::string(name));
    } else if (!among(ignored_commands, name)) {
      for (const auto& [word, sign] : command_signs)
        if (word == name) {
          if (sign == '(') ++depth_;
          if (sign == ')') --depth_;
          add_sign(sign);
          return true;
        }
      return false;
    } else if ((name == "left" || name == "right") && peek() == '.') {
      ++at_;
    }
    return true;
  }

  bool escaped() {
    const char c = peek();
    ++at_;
    switch (c) {
      case '{':
        ++depth_;
        add_sign('S');
        return true;
      case '}':
        --depth_;
        add_sign('T');
        return true;
      case '%': add_sign('%'); return true;
      case '|': add_sign('|'); return true;
      case '\\': add_sign('R'); return true;
      case '!':
      case ',':
      case ';':
      case ':':
      case ' ':
      case '$':
      case '\n':
      case '(':
      case ')':
      case '[':
      case ']': space_ = true; return true;
      default: return false;
    }
  }

  /// The content of braces here, which are passed; nothing when they do not close.
  std::optional<std::string_view> braces() {
    while (peek() == ' ') ++at_;
    if (peek() != '{') return std::nullopt;
    int depth = 0;
    for (std::size_t end = at_; end < text_.size(); ++end) {
      if (text_[end] == '{') ++depth;
      if (text_[end] == '}' && --depth == 0) {
        const std::string_view inside = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return inside;
      }
    }
    return std::nullopt;
  }

  bool text(std::string_view command_name) {
    const auto inside = braces();
    if (!inside) return command_name == "mathrm" || command_name == "operatorname";
    std::string_view content = trim(*inside);
    // "\text{(C)}": the letter of an option.
    if (content.size() == 3 && content.front() == '(' && content.back() == ')')
      content = content.substr(1, 1);
    const std::string low = lower(content);
    if (low.empty()) return true;
    if (low == "and" || low == "or" || low == ", and" || low == ",") {
      add_sign(',');
    } else if (is_math_function(content)) {
      add(TokenKind::command, std::string(content));
    } else if (low == "degrees" || low == "degree") {
      add_sign('o');
    } else if (content.size() == 1 && is_letter(content[0])) {
      add_letter(content[0]);
    } else if (content.find_first_not_of("0123456789.,-/") == std::string_view::npos) {
      if (auto inner = Lexer(content).run())
        for (MathToken& token : *inner) tokens_.push_back(std::move(token));
    } else {
      add(TokenKind::word, low);
    }
    return true;
  }

  bool environment(std::string_view command_name) {
    const auto inside = braces();
    if (!inside || !among(matrix_environments, *inside)) return false;
    if (command_name == "begin" && *inside == "array") braces();  // its column format
    depth_ += command_name == "begin" ? 1 : -1;
    add(TokenKind::command, std::string(command_name));
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool space_ = false;
  std::vector<MathToken> tokens_;
};

}  // namespace

std::optional<std::vector<MathToken>> lex_math(std::string_view text) { return Lexer(text).run(); }

bool is_math_function(std::string_view name) noexcept { return among(math_functions, name); }

}  // namespace xfer::grade
