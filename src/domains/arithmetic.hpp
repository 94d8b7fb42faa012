// SPDX-License-Identifier: Apache-2.0
// Worked arithmetic in the one step grammar that all domains share.
#pragma once

#include <string>

namespace xfer::domains {

/// "34+25=59."
std::string sum(int a, int b);
/// "59-25=34."
std::string difference(int a, int b);
/// `b` is one digit; partial products, most significant first: "47*6=240+42=282.", "40*6=240.".
std::string product(int a, int b);
/// An exact quotient, digit by digit: "84/6: 8/6=1 r2, 24/6=4. 84/6=14.", or "42/6=7.". `b` is one
/// digit.
std::string quotient(int a, int b);
/// "47>50 no."; `op` is '>' or '<'.
std::string comparison(int a, char op, int b);
inline bool holds(int a, char op, int b) { return op == '>' ? a > b : a < b; }
inline std::string yes_no(bool value) { return value ? "yes" : "no"; }

}  // namespace xfer::domains
