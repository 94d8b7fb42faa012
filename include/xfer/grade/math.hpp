// SPDX-License-Identifier: Apache-2.0
// Whether two mathematical answers are the same.
#pragma once

#include <string>
#include <string_view>

#pragma GCC visibility push(default)
namespace xfer::grade {

/// Whether two answers, in LaTeX or plain, mean the same: numbers (fractions, mixed numbers,
/// decimals, thousands separators, percent, number bases), surds, polynomials and other
/// expressions, equations and inequalities up to a constant factor, intervals and their unions,
/// sets, lists, tuples and matrices. Units, degree and currency signs are not compared.
///
/// Rational values, also of expressions at rational points, are compared exactly; others to 30
/// digits at four fixed points. A decimal beside a value that is none, such as 0.333333 beside 1/3,
/// counts as its rounding to six places.
///
/// Symmetric, and total: any bytes give an answer, within a bounded number of steps (some
/// milliseconds). What cannot be read as mathematics is compared as text.
bool math_equal(std::string_view first, std::string_view second);

}  // namespace xfer::grade
#pragma GCC visibility pop
