// SPDX-License-Identifier: Apache-2.0
#include "report/tables/format.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace xfer::report {
namespace {

struct Shape {
  double factor;
  int decimals;
  bool sign;
};

Shape shape(Style style) {
  switch (style) {
    case Style::percent: return {100.0, 1, false};
    case Style::points: return {100.0, 1, true};
    case Style::bits: return {1.0, 3, false};
    case Style::bits_change: return {1.0, 3, true};
    case Style::share: return {100.0, 0, false};
    case Style::share_change: return {100.0, 0, true};
    case Style::ratio_change: return {1.0, 2, true};
    case Style::plain_change: return {1.0, 1, true};
  }
  return {1.0, 3, false};
}

std::string printed(double value, const Shape& s, bool sign) {
  if (!std::isfinite(value)) return "not finite";
  const double shown = value * s.factor;
  // Far outside what a score can be, the exponent says more than a row of digits.
  std::string digits = std::abs(shown) < 1e9 ? fmt::format("{:.{}f}", std::abs(shown), s.decimals)
                                             : fmt::format("{:.3g}", std::abs(shown));
  const bool zero = digits.find_first_of("123456789") == std::string::npos;
  if (shown < 0.0 && !zero) return "−" + digits;
  return (sign && !zero ? "+" : "") + digits;
}

}  // namespace

std::string number(double value, Style style) {
  return printed(value, shape(style), shape(style).sign);
}

std::string interval(const Estimate& estimate, Style style) {
  const Shape s = shape(style);
  return "[" + printed(estimate.lower, s, false) + ", " + printed(estimate.upper, s, false) + "]";
}

std::string with_interval(const Estimate& estimate, Style style) {
  return number(estimate.value, style) + " " + interval(estimate, style);
}

std::string_view display_name(Condition condition) noexcept {
  switch (condition) {
    case Condition::baseline: return "Baseline";
    case Condition::transfer: return "Transfer";
    case Condition::direct: return "Direct";
    case Condition::sequential: return "Sequential";
    case Condition::joint: return "Joint";
    case Condition::format_control: return "Format control";
    case Condition::zero_step: return "Zero step";
    case Condition::random_text: return "Random text";
    case Condition::random_reward: return "Random reward";
    case Condition::format_reward: return "Format reward";
  }
  return "Baseline";
}

std::string_view display_name(Method method) noexcept {
  switch (method) {
    case Method::sl: return "SL";
    case Method::rl: return "RL";
    case Method::sl_rl: return "SL + RL";
  }
  return "SL";
}

std::string_view verdict_mark(stats::TransferVerdict verdict) noexcept {
  switch (verdict) {
    case stats::TransferVerdict::gain: return "▲";
    case stats::TransferVerdict::loss: return "▼";
    case stats::TransferVerdict::equivalent: return "≈";
    case stats::TransferVerdict::inconclusive: return "?";
    case stats::TransferVerdict::refused: return "×";
  }
  return "×";
}

std::string p_text(double p) {
  if (p < 0.001) return "< 0.001";
  return fmt::format("{:.3f}", p);
}

std::string short_hash(std::string_view hash) { return std::string(hash.substr(0, 12)); }

std::string grouped(long long value) {
  std::string digits = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string and_parameters(long long count) {
  return count > 0 ? ", " + grouped(count) + " parameters" : "";
}

std::string counted(long long count, std::string_view singular) {
  return grouped(count) + " " + std::string(singular) + (count == 1 ? "" : "s");
}

std::string plain(double value) { return fmt::format("{}", value); }

std::string joined(const std::vector<std::string>& parts) {
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 == parts.size() ? " and " : ", ";
    out += parts[i];
  }
  return out;
}

}  // namespace xfer::report
