// SPDX-License-Identifier: Apache-2.0
// How the procedural domains describe themselves: kinds of problems, and how one is drawn.
#pragma once

#include "xfer/dataset.hpp"
#include "xfer/rng.hpp"

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace xfer::domains {

/// How far a problem may reach.
enum class Level {
  basic,  ///< the kinds and numbers of the pretraining stream
  full,   ///< the whole task: fine-tuning, validation, test
  harder  ///< held out: numbers that the other levels never use, or one more step
};

/// One drawn problem, before any prompt template.
struct Problem {
  /// The operands in canonical form; with domain and kind the identity of the problem.
  std::string operands;
  std::string question;
  /// Worked steps without the final `#answer`.
  std::string steps;
  std::string answer;
  /// Hidden test points of an expression in x and y, JSON `[[x, y, value], ...]`; "" for other
  /// answers.
  std::string points = {};
};

/// Two-digit numbers that only held-out problems use: 15, 26, 37, 48, 59.
constexpr bool is_hole(int n) { return n >= 10 && n % 11 == 4; }

/// The random choices of one problem.
class Draw {
public:
  Draw(Rng rng, Level level) : rng_(rng), level_(level) {}

  Level level() const { return level_; }
  bool is_basic() const { return level_ == Level::basic; }
  int between(int first, int last) { return static_cast<int>(rng_.between(first, last)); }
  bool coin() { return rng_.below(2) == 0; }
  /// A factor or divisor, 2..6.
  int digit() { return between(2, 6); }
  /// A two-digit number: 11..49 at the basic level, else 11..69; a hole at most when held out.
  int number() {
    if (level_ == Level::harder && coin()) {
      harder_ = true;
      return 15 + 11 * between(0, 4);
    }
    return not_hole(11, is_basic() ? 49 : 69);
  }
  /// A number in the range that is no hole.
  int not_hole(int first, int last) {
    for (;;) {
      const int n = between(first, last);
      if (!is_hole(n)) return n;
    }
  }
  /// A threshold 1..9 away from `value` on the side asked for, so that neither number alone tells
  /// which one is larger.
  int threshold(int value, bool value_is_larger) {
    for (;;) {
      const int n = value_is_larger ? value - between(1, 9) : value + between(1, 9);
      if (!is_hole(n)) return n;
    }
  }
  template <class Container>
  const auto& pick(const Container& items) {
    return rng_.pick(items);
  }
  std::string one_of(std::initializer_list<std::string> items) {
    return std::string(*(items.begin() + rng_.below(items.size())));
  }
  template <class T>
  void shuffle(std::vector<T>& items) {
    rng_.shuffle(std::span<T>(items));
  }
  /// Declares the problem harder than any of the full level.
  void mark_harder() { harder_ = true; }
  bool is_harder() const { return harder_; }

private:
  Rng rng_;
  Level level_;
  bool harder_ = false;
};

/// Where a kind of problem is used: each stage includes the ones after it.
enum class Since { pretraining, full, heldout };

/// Draws one problem, or nothing when the choices did not fit together (then it is asked again).
using DrawFunction = std::optional<Problem> (*)(Draw&);

struct Kind {
  std::string_view name;
  Since since;
  /// Share among the kinds that a level uses, relative to the others.
  int weight;
  /// Share of answers without steps in the pretraining stream. It differs between kinds, so that
  /// the base model answers some directly and works others out.
  double direct_share;
  DrawFunction draw;
};

/// A whole domain.
struct Recipe {
  std::string_view name;
  std::string_view title;
  std::string_view grader;
  std::vector<Kind> kinds;
};

const Recipe& math_recipe();
const Recipe& code_recipe();
const Recipe& physics_recipe();
const Recipe& chemistry_recipe();
const Recipe& biology_recipe();
const Recipe& logic_recipe();
const Recipe& law_recipe();

/// All seven, in the order of `procedural_domain_names`.
const std::vector<const Recipe*>& recipes();
/// Throws `invalid_argument` naming the known ones.
const Recipe& recipe(std::string_view name);

/// A drawn problem with its kind and canonical key `domain|kind|operands`.
struct Item {
  const Kind* kind;
  std::string key;
  Problem problem;
};

/// The split that a key of the full level belongs to: 70 % train, 10 % validation, 20 % test.
Split split_of_key(std::string_view key);

/// A problem of `level` whose key lies in `split` (heldout goes with Level::harder). A pure
/// function of its arguments.
Item draw_item(const Recipe& recipe, Rng rng, Level level, Split split);

/// Joins numbers and words by commas: the operands of a key.
std::string operands(std::initializer_list<int> numbers, std::string_view word = {});
/// Joins steps by single spaces.
std::string steps(std::initializer_list<std::string> parts);
/// Names of people; surface only, never part of a key.
std::string_view person(Draw& draw);

}  // namespace xfer::domains
