// SPDX-License-Identifier: Apache-2.0
#include "domains/arithmetic.hpp"

#include <fmt/format.h>

namespace xfer::domains {

std::string sum(int a, int b) { return fmt::format("{}+{}={}.", a, b, a + b); }

std::string difference(int a, int b) { return fmt::format("{}-{}={}.", a, b, a - b); }

std::string product(int a, int b) {
  std::string parts;
  int count = 0;
  for (int place = 1000; place >= 1; place /= 10) {
    const int partial = a / place % 10 * place * b;
    if (partial == 0) continue;
    parts += (count++ > 0 ? "+" : "") + std::to_string(partial);
  }
  if (count == 1) return fmt::format("{}*{}={}.", a, b, a * b);
  return fmt::format("{}*{}={}={}.", a, b, parts, a * b);
}

std::string quotient(int a, int b) {
  if (a / b < 10) return fmt::format("{}/{}={}.", a, b, a / b);
  const std::string digits = std::to_string(a);
  std::string text = fmt::format("{}/{}: ", a, b);
  int rest = 0;
  bool started = false;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    rest = rest * 10 + (digits[i] - '0');
    if (!started && rest < b) continue;
    const bool last = i + 1 == digits.size();
    text += fmt::format("{}{}/{}={}", started ? ", " : "", rest, b, rest / b);
    if (!last) text += fmt::format(" r{}", rest % b);
    rest %= b;
    started = true;
  }
  return text + fmt::format(". {}/{}={}.", a, b, a / b);
}

std::string comparison(int a, char op, int b) {
  return fmt::format("{}{}{} {}.", a, op, b, yes_no(holds(a, op, b)));
}

}  // namespace xfer::domains
