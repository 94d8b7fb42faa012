// SPDX-License-Identifier: Apache-2.0
// What the parser of mathematics stands on: the tokens in front of it and the tree behind it.
#pragma once

#include "grade/math/math_lexer.hpp"
#include "grade/math/math_tree.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xfer::grade {

inline constexpr std::size_t nodes_max = 1500;
inline constexpr int depth_max = 300;  // about five for each pair of brackets

/// What cannot be read; only `parse_math` sees it.
struct Unreadable {};

class TreeBuilder {
protected:
  explicit TreeBuilder(std::vector<MathToken> tokens) : tokens_(std::move(tokens)) {}

  [[noreturn]] static void fail() { throw Unreadable(); }

  /// Counts the levels of nesting.
  class Deeper {
  public:
    explicit Deeper(TreeBuilder& parser) : parser_(parser) {
      if (++parser_.depth_ > depth_max) fail();
    }
    Deeper(const Deeper&) = delete;
    Deeper& operator=(const Deeper&) = delete;
    ~Deeper() { --parser_.depth_; }

  private:
    TreeBuilder& parser_;
  };

  bool more() const { return at_ < tokens_.size(); }
  bool sign(char c, std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].is(c);
  }
  bool take(char c) {
    if (!sign(c)) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail();
  }
  bool kind(MathTokenKind wanted, std::size_t ahead = 0) const {
    return at_ + ahead < tokens_.size() && tokens_[at_ + ahead].kind == wanted;
  }
  bool command(std::string_view name) const { return more() && tokens_[at_].is_command(name); }

  std::size_t make(MathKind kind, std::string name, std::vector<std::size_t> kids = {}) {
    if (tree_.nodes.size() >= nodes_max) fail();
    tree_.nodes.push_back({kind, std::move(name), std::move(kids)});
    return tree_.nodes.size() - 1;
  }

  std::vector<MathToken> tokens_;
  MathTree tree_;
  std::size_t at_ = 0;

private:
  int depth_ = 0;
};

}  // namespace xfer::grade
