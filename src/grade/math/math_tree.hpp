// SPDX-License-Identifier: Apache-2.0
// A mathematical expression as a tree.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xfer::grade {

enum class MathKind {
  number,    ///< `name` is its decimal literal
  symbol,    ///< a variable, infinity, or a word
  constant,  ///< pi, e, i
  add,       ///< of any number of kids; likewise multiply
  multiply,
  negate,
  divide,
  power,
  root,      ///< kids: radicand, index
  function,  ///< `name` of kid 0; log may have its base as kid 1
  factorial,
  binomial,
  absolute,
  plus_minus,  ///< kid 0 +- kid 1; `name` is "+" or, for -+, "-"
  percent,
  based,  ///< the digits `name` in the base that is kid 0
  list,   ///< separated by commas without brackets
  set,
  tuple,     ///< `name` holds its two brackets, as in "(]"
  matrix,    ///< rows one after the other; `name` is the number of columns
  relation,  ///< kids joined by the operators in `name`, one character each: = < > l g n e
  join,      ///< union of its kids
};

struct MathNode {
  MathKind kind = MathKind::number;
  std::string name;
  std::vector<std::size_t> kids;
};

/// Nodes refer to each other by index; a kid comes before its parent.
struct MathTree {
  std::vector<MathNode> nodes;
  std::size_t root = 0;
  const MathNode& operator[](std::size_t i) const { return nodes[i]; }
};

/// Nothing when the text cannot be read as mathematics, or is longer than 2000 characters, nested
/// deeper than about 60 brackets or larger than 1500 nodes.
std::optional<MathTree> parse_math(std::string_view text);

}  // namespace xfer::grade
