// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/math.hpp"

#include "grade/answers/answer_text.hpp"
#include "grade/math/math_text.hpp"
#include "grade/math/math_tree.hpp"
#include "grade/math/math_value.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace xfer::grade {
namespace {

using Kind = MathKind;

constexpr std::size_t point_count = 4;
constexpr std::size_t items_max = 60;
constexpr int comparisons_max = 10000;

using Values = std::array<MathValue, point_count>;

/// One answer with the values of its parts, computed when they are first asked for.
class Answer {
public:
  Answer(MathTree tree, MathBudget& budget) : tree_(std::move(tree)), budget_(budget) {}

  const MathTree& tree() const noexcept { return tree_; }
  const MathNode& operator[](std::size_t i) const { return tree_[i]; }

  const Values& values(std::size_t node, int sign) {
    const auto [found, added] = known_.try_emplace({node, sign});
    if (added)
      for (std::size_t i = 0; i < point_count; ++i)
        found->second[i] = evaluate(tree_, node, {i, sign}, budget_);
    return found->second;
  }

  /// Nested sets would take time exponential in their depth otherwise.
  bool may_compare() noexcept { return ++comparisons_ <= comparisons_max; }

  /// Whether a node of the kind is anywhere under this one.
  bool holds(std::size_t node, Kind kind) const {
    const MathNode& n = tree_[node];
    return n.kind == kind || std::any_of(n.kids.begin(), n.kids.end(),
                                         [&](std::size_t kid) { return holds(kid, kind); });
  }
  bool has_decimal(std::size_t node) const {
    const MathNode& n = tree_[node];
    if (n.kind == Kind::number && n.name.find('.') != std::string::npos) return true;
    return std::any_of(n.kids.begin(), n.kids.end(),
                       [&](std::size_t kid) { return has_decimal(kid); });
  }

private:
  MathTree tree_;
  MathBudget& budget_;
  std::map<std::pair<std::size_t, int>, Values> known_;
  int comparisons_ = 0;
};

/// One value of an answer: a node under one sign of its +-.
struct Part {
  Answer* answer;
  std::size_t node;
  int sign;
  const MathNode& get() const { return (*answer)[node]; }
  Part kid(std::size_t i) const { return {answer, get().kids[i], sign}; }
  const Values& values() const { return answer->values(node, sign); }
};

bool equal(const Part& a, const Part& b);

bool is_collection(Kind kind) noexcept {
  return kind == Kind::list || kind == Kind::set || kind == Kind::tuple;
}

/// The values that a part stands for: the elements of a collection, both signs of a +-.
std::vector<Part> parts_of(const Part& whole) {
  std::vector<Part> found;
  const auto add = [&](const Part& one) {
    if (found.size() >= items_max) return;
    const bool both = !is_collection(one.get().kind) && one.sign == 0 &&
                      one.answer->holds(one.node, Kind::plus_minus);
    found.push_back({one.answer, one.node, both ? 1 : one.sign});
    if (both) found.push_back({one.answer, one.node, -1});
  };
  if (!is_collection(whole.get().kind)) {
    add(whole);
  } else {
    for (std::size_t i = 0; i < whole.get().kids.size(); ++i) add(whole.kid(i));
  }
  return found;
}

bool each_in(const std::vector<Part>& some, const std::vector<Part>& all) {
  return std::all_of(some.begin(), some.end(), [&](const Part& one) {
    return std::any_of(all.begin(), all.end(),
                       [&](const Part& other) { return equal(one, other); });
  });
}

bool same_sets(const std::vector<Part>& a, const std::vector<Part>& b) {
  return each_in(a, b) && each_in(b, a);
}

bool same_sequences(const std::vector<Part>& a, const std::vector<Part>& b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(),
                    [](const Part& x, const Part& y) { return equal(x, y); });
}

/// At every point where both have a value; at least at half of them.
template <class Same>
bool at_all_points(const Values& a, const Values& b, Same same) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < point_count; ++i) {
    const bool missing_a = std::holds_alternative<NoValue>(a[i]);
    const bool missing_b = std::holds_alternative<NoValue>(b[i]);
    if (missing_a != missing_b) return false;
    if (missing_a) continue;
    if (!same(a[i], b[i])) return false;
    ++seen;
  }
  return 2 * seen >= point_count;
}

bool scalars_equal(const Part& a, const Part& b) {
  if (at_all_points(a.values(), b.values(), same_value)) return true;
  // "50%" is read as 50 by some and as 0.5 by others.
  const bool percent_a = a.get().kind == Kind::percent;
  const bool percent_b = b.get().kind == Kind::percent;
  if (percent_a != percent_b) return percent_a ? equal(a.kid(0), b) : equal(a, b.kid(0));
  const bool decimal_a = a.answer->has_decimal(a.node);
  if (decimal_a == b.answer->has_decimal(b.node)) return false;
  return at_all_points(a.values(), b.values(), same_rounded);
}

/// A relation as left - right, compared with zero by '=', 'n', '<' or 'l' (<=).
struct Comparison {
  Values difference;
  char sense;
};

std::optional<Comparison> comparison(const Part& left, char sense, const Part& right) {
  if (sense == 'e') return std::nullopt;
  const bool turned = sense == '>' || sense == 'g';
  const Values& a = (turned ? right : left).values();
  const Values& b = (turned ? left : right).values();
  Comparison made{{}, sense == '>' ? '<' : sense == 'g' ? 'l' : sense};
  for (std::size_t i = 0; i < point_count; ++i) made.difference[i] = difference(a[i], b[i]);
  return made;
}

/// Whether one difference is a constant multiple of the other; of an inequality a positive one.
bool same_comparison(const Comparison& a, const Comparison& b) {
  if (a.sense != b.sense) return false;
  std::optional<MathValue> factor;
  return at_all_points(a.difference, b.difference,
                       [&](const MathValue& x, const MathValue& y) {
                         if (is_zero(x) || is_zero(y)) return is_zero(x) && is_zero(y);
                         const MathValue ratio = quotient(x, y);
                         if ((a.sense == '<' || a.sense == 'l') && !is_positive(ratio))
                           return false;
                         if (!factor) factor = ratio;
                         return same_value(*factor, ratio);
                       }) &&
         factor.has_value();
}

bool same_steps(const Part& a, const Part& b, bool backwards) {
  const std::size_t steps = a.get().name.size();
  for (std::size_t i = 0; i < steps; ++i) {
    const std::size_t j = backwards ? steps - 1 - i : i;
    const auto one = comparison(a.kid(i), a.get().name[i], a.kid(i + 1));
    const auto other = comparison(b.kid(j), b.get().name[j], b.kid(j + 1));
    if (!one || !other || !same_comparison(*one, *other)) return false;
  }
  return true;
}

bool is_assignment(const Part& part) {
  const MathNode& n = part.get();
  return n.kind == Kind::relation && n.name == "=" &&
         (*part.answer)[n.kids[0]].kind == Kind::symbol;
}

bool is_chain_of_equals(const Part& part) {
  const MathNode& n = part.get();
  return n.kind == Kind::relation && n.name.find_first_not_of('=') == std::string::npos;
}

bool relations_equal(const Part& a, const Part& b) {
  const std::string& steps_a = a.get().name;
  const std::string& steps_b = b.get().name;
  if (is_assignment(a) && is_assignment(b) && a.kid(0).get().name == b.kid(0).get().name)
    return equal(a.kid(1), b.kid(1));
  if (steps_a == "e" && steps_b == "e")
    return equal(a.kid(0), b.kid(0)) && equal(a.kid(1), b.kid(1));
  if (steps_a.size() > 1 && steps_b.size() > 1 && is_chain_of_equals(a) && is_chain_of_equals(b))
    return equal(a.kid(steps_a.size()), b.kid(steps_b.size()));
  if (steps_a.size() != steps_b.size()) return false;
  return same_steps(a, b, false) || same_steps(a, b, true);
}

/// "x = 5" for 5, "x in S" for S, "x = 2 + 3 = 5" for 5; nothing where that is not what it says.
std::optional<Part> named_value(const Part& part) {
  const MathNode& n = part.get();
  if (n.kind != Kind::relation) return std::nullopt;
  if (n.name == "e" || is_assignment(part)) return part.kid(1);
  if (n.name.size() > 1 && is_chain_of_equals(part)) return part.kid(n.kids.size() - 1);
  // "f(x) = ..." names what it is equal to, unlike "2x + 3y = 6".
  if (n.name == "=" && part.kid(0).get().kind == Kind::multiply) {
    const MathNode& product = part.kid(0).get();
    if (product.kids.size() == 2 && part.kid(0).kid(0).get().kind == Kind::symbol &&
        part.kid(0).kid(1).get().kind == Kind::symbol)
      return part.kid(1);
  }
  return std::nullopt;
}

bool matrices_equal(const Part& a, const Part& b) {
  if (a.get().name != b.get().name || a.get().kids.size() != b.get().kids.size()) return false;
  for (std::size_t i = 0; i < a.get().kids.size(); ++i)
    if (!equal(a.kid(i), b.kid(i))) return false;
  return true;
}

/// A column or a row beside a tuple.
bool is_vector(const Part& part) {
  const MathNode& n = part.get();
  return n.kind == Kind::matrix && (n.name == "1" || n.name == std::to_string(n.kids.size()));
}

bool vectors_equal(const Part& matrix, const Part& other) {
  const MathNode& n = other.get();
  if (!is_vector(matrix) || !(n.kind == Kind::tuple || n.kind == Kind::list) ||
      n.kids.size() != matrix.get().kids.size() || (n.kind == Kind::tuple && n.name != "()"))
    return false;
  for (std::size_t i = 0; i < n.kids.size(); ++i)
    if (!equal(matrix.kid(i), other.kid(i))) return false;
  return true;
}

bool collections_equal(const Part& a, const Part& b) {
  const bool tuple_a = a.get().kind == Kind::tuple;
  const bool tuple_b = b.get().kind == Kind::tuple;
  if (!tuple_a && !tuple_b) return same_sets(parts_of(a), parts_of(b));
  if (tuple_a && tuple_b)
    return a.get().name == b.get().name && same_sequences(parts_of(a), parts_of(b));
  const Part& tuple = tuple_a ? a : b;
  const Part& other = tuple_a ? b : a;
  if (other.get().kind == Kind::set || !is_collection(other.get().kind)) return false;
  // A pair without its brackets; but an interval is more than its ends.
  const bool interval = tuple.get().kids.size() == 2 && tuple.get().name != "()";
  return !interval && same_sequences(parts_of(tuple), parts_of(other));
}

std::vector<Part> pieces(const Part& part) {
  std::vector<Part> found;
  if (part.get().kind != Kind::join) return {part};
  for (std::size_t i = 0; i < std::min(items_max, part.get().kids.size()); ++i)
    found.push_back(part.kid(i));
  return found;
}

bool equal(const Part& a, const Part& b) {
  if (!a.answer->may_compare() || !b.answer->may_compare()) return false;
  const Kind kind_a = a.get().kind;
  const Kind kind_b = b.get().kind;
  if (kind_a == Kind::relation && kind_b == Kind::relation) return relations_equal(a, b);
  if (kind_a == Kind::relation || kind_b == Kind::relation) {
    const auto named = named_value(kind_a == Kind::relation ? a : b);
    return named && equal(*named, kind_a == Kind::relation ? b : a);
  }
  if (kind_a == Kind::join || kind_b == Kind::join) return same_sets(pieces(a), pieces(b));
  if (kind_a == Kind::matrix && kind_b == Kind::matrix) return matrices_equal(a, b);
  if (kind_a == Kind::matrix) return vectors_equal(a, b);
  if (kind_b == Kind::matrix) return vectors_equal(b, a);
  if (is_collection(kind_a) || is_collection(kind_b)) return collections_equal(a, b);
  const bool both_a = a.sign == 0 && a.answer->holds(a.node, Kind::plus_minus);
  const bool both_b = b.sign == 0 && b.answer->holds(b.node, Kind::plus_minus);
  if (both_a || both_b) return same_sets(parts_of(a), parts_of(b));
  return scalars_equal(a, b);
}

}  // namespace

bool math_equal(std::string_view first, std::string_view second) {
  if (second < first) std::swap(first, second);  // symmetric even where a bound is reached
  const std::string plain_first = plain_form(first);
  const std::string plain_second = plain_form(second);
  if (plain_first == plain_second) return !plain_first.empty();
  if (is_words(first, plain_first) && is_words(second, plain_second) &&
      lower(plain_first) == lower(plain_second))
    return true;
  auto tree_first = parse_math(first);
  auto tree_second = parse_math(second);
  if (!tree_first || !tree_second) return false;
  MathBudget budget;
  MathBudget other_budget;
  Answer a(std::move(*tree_first), budget);
  Answer b(std::move(*tree_second), other_budget);
  return equal({&a, a.tree().root, 0}, {&b, b.tree().root, 0});
}

}  // namespace xfer::grade
