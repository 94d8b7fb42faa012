// SPDX-License-Identifier: Apache-2.0
// The value of an expression at a point.
#pragma once

#include "grade/math/math_complex.hpp"
#include "grade/math/math_tree.hpp"

#include <boost/multiprecision/cpp_int.hpp>

#include <cstddef>
#include <variant>

namespace xfer::grade {

using Rational = boost::multiprecision::number<boost::multiprecision::cpp_rational_backend,
                                               boost::multiprecision::et_off>;
/// An expression without a value: division by zero, a size beyond reason, or no scalar.
struct NoValue {};

/// Exact as long as everything in it is rational and of moderate size.
using MathValue = std::variant<NoValue, Rational, Complex>;

/// How much may be computed for one comparison; what goes beyond has no value.
struct MathBudget {
  int steps = 20000;
};

/// What decides the value besides the tree.
struct MathPoint {
  /// Which of the fixed assignments of rational values to variables, from 0.
  std::size_t index = 0;
  /// Which sign +- has: 1 or -1.
  int sign = 1;
};

/// Total. A variable's value depends on its name and the point alone, so two trees agree on it.
MathValue evaluate(const MathTree& tree, std::size_t node, const MathPoint& point,
                   MathBudget& budget);

/// Equal exactly when both are exact, else to 30 digits; false without a value.
bool same_value(const MathValue& a, const MathValue& b);

/// Whether they round to the same six decimals, and agree to five digits.
bool same_rounded(const MathValue& a, const MathValue& b);

MathValue difference(const MathValue& a, const MathValue& b);
MathValue quotient(const MathValue& a, const MathValue& b);
bool is_zero(const MathValue& value);
/// Whether it is real and above zero.
bool is_positive(const MathValue& value);

}  // namespace xfer::grade
