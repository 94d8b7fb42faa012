// SPDX-License-Identifier: Apache-2.0
// LaTeX or plain mathematics as a list of tokens.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

enum class MathTokenKind {
  number,    ///< decimal literal without separators
  symbol,    ///< variable, Greek letter, infinity
  constant,  ///< pi, e, i
  word,      ///< text that is no mathematics: a unit, a name
  command,   ///< frac, sqrt, binom, and names of functions; `begin` and `end` of a matrix
  sign,      ///< one character; longer operators have a letter, see `math_lexer.cpp`
};

struct MathToken {
  MathTokenKind kind;
  std::string text;
  bool space_before = false;

  bool is(char c) const { return kind == MathTokenKind::sign && text[0] == c; }
  bool is_command(std::string_view name) const {
    return kind == MathTokenKind::command && text == name;
  }
};

/// Signs besides those of one character: l <=, g >=, n !=, e "is in", U union, P +-, M -+, o
/// degrees, R a row's end, { and } of a set as S and T, those of a group as { and }, angle
/// brackets as ( and ). "and" and "or" are commas. Nothing when there is something unknown.
std::optional<std::vector<MathToken>> lex_math(std::string_view text);

/// Whether the name is that of a function with one argument.
bool is_math_function(std::string_view name) noexcept;

}  // namespace xfer::grade
