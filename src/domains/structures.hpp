// SPDX-License-Identifier: Apache-2.0
// The structures behind logic problems, with canonical forms: two problems that differ only in
// letters or in the order of their premises have the same form.
#pragma once

#include "domains/problem.hpp"

#include <array>
#include <string>
#include <vector>

namespace xfer::domains {

/// Rules "AC" (A leads to C): every node but the roots leads to exactly one other. Nodes of one
/// tree are consecutive, its root first.
///
/// The two letters stand side by side because a model this small learns to find what follows a
/// letter; rules written "A>C" it did not learn to look up in ten million tokens.
class Forest {
public:
  /// Trees of `size_min..size_max` nodes.
  Forest(Draw& draw, int trees, int size_min, int size_max);

  int tree_count() const { return static_cast<int>(roots_.size()); }
  int root(int tree) const { return roots_[static_cast<std::size_t>(tree)]; }
  /// A node of the tree at that many steps or more from its root, or -1.
  int deep_node(Draw& draw, int tree, int depth) const;
  int ancestor(int node, int steps) const;
  int depth(int node) const;
  bool reaches(int node, int target) const;

  char letter(int node) const { return letters_[static_cast<std::size_t>(node)]; }
  /// "AC DB": all rules in random order.
  std::string rules(Draw& draw) const;
  /// "ACF" from a node up to `target` or, when that is never met, to its end: "ACF end".
  std::string walk(int node, int target) const;
  /// The canonical form with marks at some nodes, in the order given.
  std::string canonical(const std::vector<int>& marked) const;

private:
  std::string encode(int node, const std::vector<int>& marked) const;
  std::vector<int> parent_;  ///< -1 for roots
  std::vector<int> roots_;
  std::string letters_;
};

/// What one boolean line does: "A and B", "A xor not B".
struct Operation {
  std::string_view word;  ///< "and", "or" or "xor"
  bool negates_second = false;
  static Operation draw(Draw& draw);
  bool apply(bool a, bool b) const;
};

/// Four inputs, then lines that each use the line before: "E=A and not B. F=E xor C."
class Circuit {
public:
  /// The operations of the lines are given, what they join is drawn.
  Circuit(Draw& draw, const std::vector<Operation>& operations);
  /// "A1 B0 C1 D1. E=A and not B. ...": inputs and lines are lettered in order.
  std::string text() const;
  /// "A1 and not B0: E1. ..."
  std::string work() const;
  /// Letter and value of the line that many before the last.
  char letter_from_end(std::size_t back) const { return letter(values_.size() - 1 - back); }
  bool value_from_end(std::size_t back) const { return values_[values_.size() - 1 - back]; }
  /// Inputs that no line uses are left out; the others are renamed, operands sorted.
  std::string canonical() const;

private:
  static constexpr std::size_t inputs = 4;
  static char letter(std::size_t place) { return static_cast<char>('A' + place); }
  struct Line {
    Operation operation;
    std::size_t a;
    std::size_t b;
  };
  std::string canonical_under(const std::array<std::size_t, inputs>& renamed) const;
  std::vector<bool> values_;  ///< inputs, then lines
  std::vector<Line> lines_;
};

/// The letters A to R in random order.
std::string shuffled_letters(Draw& draw);

}  // namespace xfer::domains
