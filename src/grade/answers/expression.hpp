// SPDX-License-Identifier: Apache-2.0
// Integer expressions as models write them, evaluated without any interpreter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

namespace xfer::grade {

inline constexpr std::size_t expression_length_max = 60;

struct Variable {
  std::string name;
  std::int64_t value = 0;
};

/// Why an expression has no value, in a few words.
struct ExpressionFault {
  std::string reason;
};

/// The value of `text` as Python would compute it, over + - * % ( ) , min max, decimal integer
/// literals and the given variables, with Python's precedence and floor-modulo. Anything else, a
/// result beyond 64 bits on the way, more than `expression_length_max` characters or nesting
/// beyond 32 levels is a fault.
std::variant<std::int64_t, ExpressionFault> evaluate_expression(
    std::string_view text, std::span<const Variable> variables);

}  // namespace xfer::grade
