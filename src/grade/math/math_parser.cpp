// SPDX-License-Identifier: Apache-2.0
#include "grade/math/math_tree_builder.hpp"

#include <algorithm>
#include <utility>

namespace xfer::grade {
namespace {

using Kind = MathKind;
using Token = MathToken;
using Tok = MathTokenKind;

constexpr std::size_t length_max = 2000;

class Parser : private TreeBuilder {
public:
  explicit Parser(std::vector<Token> tokens) : TreeBuilder(std::move(tokens)) {}

  MathTree run() {
    while (sign(',') || sign(';')) ++at_;
    tree_.root = list();
    if (at_ != tokens_.size()) fail();
    return std::move(tree_);
  }

private:
  // --- from the loosest binding to the tightest

  std::size_t list() {
    const Deeper deeper(*this);
    std::vector<std::size_t> items{relation()};
    while (sign(',') || sign(';')) {
      while (sign(',') || sign(';')) ++at_;
      if (!more() || closes()) break;
      items.push_back(relation());
    }
    return items.size() == 1 ? items[0] : make(Kind::list, "", std::move(items));
  }

  bool closes() const {
    return sign(')') || sign(']') || sign('}') || sign('T') || sign('|') || command("end");
  }

  std::size_t relation() {
    std::vector<std::size_t> sides{join()};
    std::string operators;
    while (more() && tokens_[at_].kind == Tok::sign &&
           std::string_view("=<>lgne").find(tokens_[at_].text[0]) != std::string_view::npos) {
      operators += tokens_[at_++].text[0];
      sides.push_back(join());
    }
    return sides.size() == 1 ? sides[0] : make(Kind::relation, operators, std::move(sides));
  }

  std::size_t join() {
    std::vector<std::size_t> parts{ratio()};
    while (take('U')) parts.push_back(ratio());
    return parts.size() == 1 ? parts[0] : make(Kind::join, "", std::move(parts));
  }

  std::size_t ratio() {
    std::size_t left = sum();
    while (take(':')) left = make(Kind::divide, "", {left, sum()});
    return left;
  }

  std::size_t sum() {
    const Deeper deeper(*this);
    std::vector<std::size_t> terms;
    for (bool first = true;; first = false) {
      if (take('+')) {
        terms.push_back(term());
      } else if (take('-')) {
        terms.push_back(make(Kind::negate, "", {term()}));
      } else if (sign('P') || sign('M')) {
        const std::string name = sign('P') ? "+" : "-";
        ++at_;
        const std::size_t left =
            terms.empty() ? make(Kind::number, "0") : collect(Kind::add, std::move(terms));
        const std::size_t right = term();
        terms = {make(Kind::plus_minus, name, {left, right})};
      } else if (first) {
        terms.push_back(term());
      } else {
        return collect(Kind::add, std::move(terms));
      }
    }
  }

  std::size_t collect(Kind kind, std::vector<std::size_t> parts) {
    return parts.size() == 1 ? parts[0] : make(kind, "", std::move(parts));
  }

  std::size_t term() {
    const Deeper deeper(*this);
    std::vector<std::size_t> factors{signed_factor()};
    for (;;) {
      if (take('*')) {
        factors.push_back(signed_factor());
      } else if (take('/')) {
        const std::size_t over = collect(Kind::multiply, std::move(factors));
        factors = {make(Kind::divide, "", {over, signed_factor()})};
      } else if (kind(Tok::word)) {
        skip_words();
      } else if (starts_factor()) {
        const std::size_t before = at_;
        const bool mixed = tokens_[before - 1].kind == Tok::number && factors.size() == 1;
        const std::size_t next = factor(mixed);
        if (mixed && is_proper_fraction(factors[0], next, before))
          factors = {make(Kind::add, "", {factors[0], next})};
        else
          factors.push_back(next);
      } else {
        return collect(Kind::multiply, std::move(factors));
      }
    }
  }

  /// A unit, with its exponent: not compared.
  void skip_words() {
    while (kind(Tok::word)) {
      ++at_;
      if (take('^')) {
        if (sign('{')) {
          ++at_;
          list();
          expect('}');
        } else {
          ++at_;
        }
      }
      if (sign('/') && kind(Tok::word, 1)) ++at_;
    }
  }

  /// Of whole numbers: what makes "1 2/3" and "1\frac{2}{3}" mixed numbers.
  bool is_proper_fraction(std::size_t number, std::size_t node, std::size_t from) const {
    const MathNode& n = tree_[node];
    const auto whole = [&](std::size_t kid) {
      return tree_[kid].kind == Kind::number && tree_[kid].name.find('.') == std::string::npos;
    };
    const MathNode& left = tree_[number];
    return n.kind == Kind::divide && whole(n.kids[0]) && whole(n.kids[1]) &&
           left.kind == Kind::number && left.name.find('.') == std::string::npos &&
           (tokens_[from].is_command("frac") || tokens_[from].space_before);
  }

  bool starts_factor() const {
    if (!more()) return false;
    const Token& token = tokens_[at_];
    switch (token.kind) {
      case Tok::number:
      case Tok::symbol:
      case Tok::constant:
      case Tok::word: return true;
      case Tok::command: return token.text != "end";
      case Tok::sign:
        if (token.is('|')) return bars_ == 0;
        return token.is('(') || token.is('[') || token.is('{') || token.is('S');
    }
    return false;
  }

  std::size_t signed_factor() {
    const Deeper deeper(*this);
    if (take('-')) return make(Kind::negate, "", {signed_factor()});
    if (take('+')) return signed_factor();
    return factor(false);
  }

  /// With `mixed`, a plain "2/3" of numbers is taken whole.
  std::size_t factor(bool mixed) {
    if (mixed && kind(Tok::number) && sign('/', 1) && kind(Tok::number, 2) &&
        tokens_[at_].space_before) {
      const std::size_t over = make(Kind::number, tokens_[at_].text);
      const std::size_t under = make(Kind::number, tokens_[at_ + 2].text);
      at_ += 3;
      return make(Kind::divide, "", {over, under});
    }
    std::size_t base = postfix();
    if (take('^')) {
      if (sign('o')) {
        ++at_;
        return degrees(base);
      }
      if (sign('{') && sign('o', 1) && sign('}', 2)) {
        at_ += 3;
        return degrees(base);
      }
      base = make(Kind::power, "", {base, exponent()});
      while (take('!')) base = make(Kind::factorial, "", {base});
    }
    return base;
  }

  std::size_t exponent() {
    const Deeper deeper(*this);
    if (take('-')) return make(Kind::negate, "", {exponent()});
    if (take('+')) return exponent();
    const std::size_t base = postfix();
    return take('^') ? make(Kind::power, "", {base, exponent()}) : base;
  }

  std::size_t degrees(std::size_t value) {
    if (in_function_ == 0) return value;
    const std::size_t pi = make(Kind::constant, "pi");
    const std::size_t half_turn = make(Kind::number, "180");
    const std::size_t unit = make(Kind::divide, "", {pi, half_turn});
    return make(Kind::multiply, "", {value, unit});
  }

  std::size_t postfix() {
    std::size_t value = atom();
    for (;;) {
      if (take('!'))
        value = make(Kind::factorial, "", {value});
      else if (take('%'))
        value = make(Kind::percent, "", {value});
      else if (take('o'))
        value = degrees(value);
      else if (sign('_') && tree_[value].kind == Kind::number)
        value = subscript(value);
      else
        return value;
    }
  }

  std::size_t subscript(std::size_t value) {
    expect('_');
    return make(Kind::based, tree_[value].name, {braced_or_single()});
  }

  std::size_t braced_or_single() {
    if (sign('{')) return group();
    return single();
  }

  std::size_t group() {
    expect('{');
    const std::size_t inside = list();
    expect('}');
    return inside;
  }

  /// One character or command, as TeX takes an argument without braces.
  std::size_t single() {
    if (kind(Tok::number) && tokens_[at_].text.size() > 1) {
      Token& token = tokens_[at_];
      const std::string digit = token.text.substr(0, 1);
      token.text.erase(0, 1);
      token.space_before = false;
      return make(Kind::number, digit);
    }
    return atom();
  }

  std::size_t atom() {
    const Deeper deeper(*this);
    if (!more()) fail();
    const Token token = tokens_[at_];
    switch (token.kind) {
      case Tok::number: return number();
      case Tok::constant: ++at_; return make(Kind::constant, token.text);
      case Tok::word: ++at_; return make(Kind::symbol, "text " + token.text);
      case Tok::symbol: return symbol();
      case Tok::command: return run_command(token.text);
      case Tok::sign: break;
    }
    if (sign('(') || sign('[')) return brackets();
    if (sign('S')) return braces();
    if (sign('{')) return group();
    if (take('|')) {
      ++bars_;
      const std::size_t inside = sum();
      --bars_;
      expect('|');
      return make(Kind::absolute, "", {inside});
    }
    fail();
  }

  /// A number; with letters behind it and a subscript it has digits beyond 9.
  std::size_t number() {
    std::string digits = tokens_[at_++].text;
    std::size_t ahead = 0;
    std::string more_digits;
    while (at_ + ahead < tokens_.size() && !tokens_[at_ + ahead].space_before &&
           ((kind(Tok::symbol, ahead) && tokens_[at_ + ahead].text.size() == 1 &&
             tokens_[at_ + ahead].text[0] >= 'A' && tokens_[at_ + ahead].text[0] <= 'F') ||
            kind(Tok::number, ahead)))
      more_digits += tokens_[at_ + ahead++].text;
    if (ahead > 0 && sign('_', ahead)) {
      digits += more_digits;
      at_ += ahead;
    }
    return make(Kind::number, digits);
  }

  std::size_t symbol() {
    std::string name = tokens_[at_++].text;
    if (take('_')) {
      name += '_';
      if (take('{')) {
        while (more() && !sign('}')) name += tokens_[at_++].text;
        expect('}');
      } else if (more()) {
        name += tokens_[at_++].text;
      }
    }
    return make(Kind::symbol, name);
  }

  std::size_t brackets() {
    const char open = tokens_[at_++].text[0];
    const int bars = std::exchange(bars_, 0);
    const std::size_t inside = list();
    bars_ = bars;
    if (!sign(')') && !sign(']')) fail();
    const char close = tokens_[at_++].text[0];
    if (tree_[inside].kind != Kind::list) {
      if ((open == '(') != (close == ')')) fail();
      return inside;
    }
    MathNode& node = tree_.nodes[inside];
    node.kind = Kind::tuple;
    node.name = std::string{open, close};
    return inside;
  }

  std::size_t braces() {
    expect('S');
    if (take('T')) return make(Kind::set, "");
    const std::size_t inside = list();
    expect('T');
    if (tree_[inside].kind != Kind::list) return make(Kind::set, "", {inside});
    tree_.nodes[inside].kind = Kind::set;
    return inside;
  }

  std::size_t run_command(const std::string& name) {
    ++at_;
    if (name == "frac" || name == "binom") {
      const std::size_t over = braced_or_single();
      const std::size_t under = braced_or_single();
      return make(name == "frac" ? Kind::divide : Kind::binomial, "", {over, under});
    }
    if (name == "sqrt") return root();
    if (name == "begin") return matrix();
    if (is_math_function(name)) return function(name);
    fail();
  }

  std::size_t root() {
    std::size_t index = 0;
    const bool indexed = take('[');
    if (indexed) {
      index = sum();
      expect(']');
    } else {
      index = make(Kind::number, "2");
    }
    const std::size_t inside = sign('{') ? group() : atom();
    return make(Kind::root, "", {inside, index});
  }

  std::size_t function(const std::string& name) {
    std::size_t exponent_node = 0;
    std::size_t base = 0;
    bool powered = false;
    bool based = false;
    for (;;) {
      if (!powered && take('^')) {
        powered = true;
        exponent_node = sign('-') ? exponent() : braced_or_single();
      } else if (!based && (name == "log" || name == "ln") && take('_')) {
        based = true;
        base = braced_or_single();
      } else {
        break;
      }
    }
    ++in_function_;
    const std::size_t argument = function_argument();
    --in_function_;
    const bool inverse = powered && tree_[exponent_node].kind == Kind::negate &&
                         tree_[tree_[exponent_node].kids[0]].name == "1";
    std::vector<std::size_t> kids{argument};
    if (based) kids.push_back(base);
    const std::size_t value = make(Kind::function, (inverse ? "arc" : "") + name, std::move(kids));
    return powered && !inverse ? make(Kind::power, "", {value, exponent_node}) : value;
  }

  /// In brackets, or the factors up to the next operator or function: "\sin 2x \cos x".
  std::size_t function_argument() {
    const Deeper deeper(*this);
    if (sign('(') || sign('[')) {
      const std::size_t inside = brackets();
      return take('^') ? make(Kind::power, "", {inside, exponent()}) : inside;
    }
    if (sign('{')) return group();
    std::vector<std::size_t> factors;
    if (take('-')) factors.push_back(make(Kind::number, "-1"));
    factors.push_back(factor(false));
    while (starts_factor() && !kind(Tok::word) && !sign('(') && !sign('[') &&
           !(kind(Tok::command) && is_math_function(tokens_[at_].text)))
      factors.push_back(factor(false));
    return collect(Kind::multiply, std::move(factors));
  }

  std::size_t matrix() {
    std::vector<std::size_t> cells;
    std::size_t columns = 0;
    std::size_t row = 0;
    const auto end_row = [&] {
      if (row == 0) return;
      if (columns == 0) columns = row;
      if (row != columns) fail();
      row = 0;
    };
    while (!command("end")) {
      if (!more()) fail();
      if (take('R')) {
        end_row();
      } else if (!take('&')) {
        cells.push_back(relation());
        ++row;
      }
    }
    end_row();
    ++at_;
    if (cells.empty()) fail();
    return make(Kind::matrix, std::to_string(columns), std::move(cells));
  }

  int bars_ = 0;
  int in_function_ = 0;
};

}  // namespace

std::optional<MathTree> parse_math(std::string_view text) {
  if (text.size() > length_max) return std::nullopt;
  auto tokens = lex_math(text);
  if (!tokens || tokens->empty()) return std::nullopt;
  try {
    return Parser(std::move(*tokens)).run();
  } catch (const Unreadable&) {
    return std::nullopt;
  }
}

}  // namespace xfer::grade
