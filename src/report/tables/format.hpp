// SPDX-License-Identifier: Apache-2.0
// Numbers as the report prints them: accuracy in points with one decimal, bits per byte with three,
// intervals in brackets.
#pragma once

#include "xfer/condition.hpp"
#include "xfer/stats/matrix.hpp"
#include "xfer/transfer_metrics.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace xfer::report {

enum class Style {
  percent,       ///< 0.3431 -> 34.3
  points,        ///< 0.1231 -> +12.3
  bits,          ///< 2.4312 -> 2.431
  bits_change,   ///< 0.0512 -> +0.051
  share,         ///< 0.4512 -> 45 (percent)
  share_change,  ///< 0.5612 -> +56 (percent)
  ratio_change,  ///< 0.512 -> +0.51
  plain_change,  ///< 12.31 -> +12.3
};

/// One number. Uses the minus sign U+2212; a value that rounds to zero has no minus.
std::string number(double value, Style style);
/// "[8.1, 16.4]".
std::string interval(const Estimate& estimate, Style style);
/// "+12.3 [8.1, 16.4]".
std::string with_interval(const Estimate& estimate, Style style);

/// "Format control".
std::string_view display_name(Condition condition) noexcept;
/// "SL", "RL", "SL + RL".
std::string_view display_name(Method method) noexcept;
/// "▲", "▼", "≈", "?" and "×": no verdict rests on colour alone.
std::string_view verdict_mark(stats::TransferVerdict verdict) noexcept;
/// "0.013", "< 0.001".
std::string p_text(double p);
/// The first twelve digits of a hash.
std::string short_hash(std::string_view hash);
/// Decimal digits in groups of three: 1,650,000.
std::string grouped(long long value);
/// ", 1,650,000 parameters", to follow a model's name; nothing when it is not known (0).
std::string and_parameters(long long count);
/// "1 seed", "2 seeds".
std::string counted(long long count, std::string_view singular);
/// Shortest text that reads back as the same number.
std::string plain(double value);
/// "a", "a and b", "a, b and c".
std::string joined(const std::vector<std::string>& parts);

}  // namespace xfer::report
