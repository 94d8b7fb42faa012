// SPDX-License-Identifier: Apache-2.0
#include "text/unicode.hpp"

#include <algorithm>
#include <vector>

namespace xfer::text {
namespace {

struct Range {
  std::uint32_t first;
  std::uint32_t last;
  std::uint8_t classes;
};

constexpr Range ranges[] = {
#include "text/unicode_ranges.inc"
};

std::vector<std::uint8_t> make_table() {
  std::vector<std::uint8_t> table(code_points_max, 0);
  for (const Range& range : ranges) {
    std::fill(table.begin() + range.first, table.begin() + range.last + 1, range.classes);
  }
  return table;
}

}  // namespace

const std::uint8_t* char_classes() {
  static const std::vector<std::uint8_t> table = make_table();
  return table.data();
}

CodePoint code_point_before(std::string_view text, std::size_t position) noexcept {
  const std::size_t longest = std::min<std::size_t>(4, position);
  for (std::size_t length = 1; length <= longest; ++length) {
    const CodePoint point = code_point_at(text.substr(0, position), position - length);
    if (point.code != invalid_code && point.length == length) return point;
  }
  return {invalid_code, 1};
}

}  // namespace xfer::text
