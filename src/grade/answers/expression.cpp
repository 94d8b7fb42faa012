// SPDX-License-Identifier: Apache-2.0
#include "grade/answers/expression.hpp"

#include "grade/answers/answer_text.hpp"

#include <utility>

namespace xfer::grade {
namespace {

constexpr int depth_max = 32;

bool is_name_start(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// Recursive descent that computes as it parses: expressions are short, so parsing once per point
/// costs less than a tree would. Throws ExpressionFault; only `evaluate_expression` sees it.
class Evaluator {
public:
  Evaluator(std::string_view text, std::span<const Variable> variables)
      : text_(text), variables_(variables) {}

  std::int64_t run() {
    const std::int64_t value = sum(0);
    skip_blanks();
    if (at_ != text_.size()) fail_here();
    return value;
  }

private:
  [[noreturn]] static void fail(std::string reason) { throw ExpressionFault{std::move(reason)}; }
  [[noreturn]] void fail_here() const {
    if (at_ >= text_.size()) fail("expression ends too early");
    const char c = text_[at_];
    fail(c > ' ' && c < '\x7f' ? std::string("unexpected '") + c + "' in expression"
                               : "unexpected character in expression");
  }

  void skip_blanks() noexcept {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }
  char peek() noexcept {
    skip_blanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) noexcept {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail_here();
  }

  std::int64_t sum(int depth) {
    std::int64_t left = product(depth);
    for (;;) {
      if (take('+')) {
        if (__builtin_add_overflow(left, product(depth), &left)) fail("beyond 64 bits");
      } else if (take('-')) {
        if (__builtin_sub_overflow(left, product(depth), &left)) fail("beyond 64 bits");
      } else {
        return left;
      }
    }
  }

  std::int64_t product(int depth) {
    std::int64_t left = factor(depth);
    for (;;) {
      if (take('*')) {
        if (at_ < text_.size() && text_[at_] == '*') fail("'**' is not allowed");
        if (__builtin_mul_overflow(left, factor(depth), &left)) fail("beyond 64 bits");
      } else if (take('%')) {
        left = modulo(left, factor(depth));
      } else {
        return left;
      }
    }
  }

  /// Python's: the result has the sign of the divisor.
  static std::int64_t modulo(std::int64_t left, std::int64_t right) {
    if (right == 0) fail("modulo by zero");
    if (right == -1) return 0;  // INT64_MIN % -1 traps
    const std::int64_t rest = left % right;
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
  }

  std::int64_t factor(int depth) {
    if (depth > depth_max) fail("nested too deeply");
    if (take('-')) {
      std::int64_t value = 0;
      if (__builtin_sub_overflow(std::int64_t{0}, factor(depth + 1), &value))
        fail("beyond 64 bits");
      return value;
    }
    if (take('+')) return factor(depth + 1);
    if (take('(')) {
      const std::int64_t value = sum(depth + 1);
      expect(')');
      return value;
    }
    const char c = peek();
    if (is_digit(c)) return literal();
    if (is_name_start(c)) return name(depth);
    fail_here();
  }

  std::int64_t literal() {
    const std::size_t first = at_;
    std::int64_t value = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
      if (__builtin_mul_overflow(value, std::int64_t{10}, &value) ||
          __builtin_add_overflow(value, std::int64_t{text_[at_] - '0'}, &value))
        fail("beyond 64 bits");
    }
    if (text_[first] == '0' && value != 0) fail("a number with leading zeros");
    if (at_ < text_.size() && is_name_start(text_[at_])) fail_here();
    return value;
  }

  std::int64_t name(int depth) {
    const std::size_t first = at_;
    while (at_ < text_.size() && (is_name_start(text_[at_]) || is_digit(text_[at_]))) ++at_;
    const std::string_view word = text_.substr(first, at_ - first);
    for (const Variable& variable : variables_)
      if (variable.name == word) return variable.value;
    if (word == "min" || word == "max") return extreme(word == "max", depth);
    fail("unknown name '" + std::string(word) + "'");
  }

  std::int64_t extreme(bool largest, int depth) {
    expect('(');
    std::int64_t best = sum(depth + 1);
    int count = 1;
    while (take(',')) {
      if (peek() == ')') break;
      const std::int64_t value = sum(depth + 1);
      if (largest ? value > best : value < best) best = value;
      ++count;
    }
    expect(')');
    if (count < 2) fail("min and max need two values or more");
    return best;
  }

  std::string_view text_;
  std::span<const Variable> variables_;
  std::size_t at_ = 0;
};

}  // namespace

std::variant<std::int64_t, ExpressionFault> evaluate_expression(
    std::string_view text, std::span<const Variable> variables) {
  if (text.size() > expression_length_max)
    return ExpressionFault{"expression longer than " + std::to_string(expression_length_max) +
                           " characters"};
  try {
    return Evaluator(text, variables).run();
  } catch (ExpressionFault& fault) {
    return std::move(fault);
  }
}

}  // namespace xfer::grade
