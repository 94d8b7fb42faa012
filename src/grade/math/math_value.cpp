// SPDX-License-Identifier: Apache-2.0
#include "grade/math/math_value.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <utility>

namespace xfer::grade {
namespace {

using Integer = boost::multiprecision::number<boost::multiprecision::cpp_int_backend<>,
                                              boost::multiprecision::et_off>;
using Kind = MathKind;

/// Steps for a function of 50 digits; a sum or product costs one.
constexpr int function_cost = 40;
constexpr std::size_t bits_max = 4096;

std::size_t bits(const Integer& value) {
  return value == 0 ? 1 : boost::multiprecision::msb(abs(value)) + 1;
}
std::size_t bits(const Rational& value) {
  return bits(numerator(value)) + bits(denominator(value));
}

Real to_real(const Rational& value) {
  return static_cast<Real>(numerator(value)) / static_cast<Real>(denominator(value));
}
Complex to_complex(const MathValue& value) {
  if (const auto* exact = std::get_if<Rational>(&value)) return {to_real(*exact), 0};
  return std::get<Complex>(value);
}

bool is_sane(const Real& x) {
  static const Real limit("1e2000");
  return x == x && x < limit && x > -limit;
}
MathValue checked(Complex z) {
  if (!is_sane(z.re) || !is_sane(z.im)) return NoValue{};
  return z;
}
MathValue checked(Rational q) {
  if (bits(q) > bits_max) return checked(Complex{to_real(q), 0});
  return q;
}

/// The value of a variable: rational, not simple, of either sign, and its own for each name.
Rational variable(const std::string& name, std::size_t point) {
  std::uint64_t hash = 14695981039346656037ULL + 1099511628211ULL * point;  // FNV-1a
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  hash ^= hash >> 29U;
  hash *= 0x9E3779B97F4A7C15ULL;
  hash ^= hash >> 32U;
  constexpr std::uint64_t denominators[] = {211, 223, 227, 229, 233, 239, 241, 251};
  const auto over_number = static_cast<std::int64_t>(hash % 1009 + 97);
  const auto under = static_cast<std::int64_t>(denominators[(hash >> 20U) % 8]);
  // All variables are positive at the even points, all negative at the last one.
  const bool negative = point == 3 || (point == 1 && ((hash >> 40U) & 1U) != 0);
  return Rational(negative ? -over_number : over_number, under);
}

std::optional<Rational> literal(const std::string& text) {
  Integer digits = 0;
  int places = 0;
  bool fraction = false;
  int exponent = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '.') {
      fraction = true;
    } else if (c == '-' && i == 0) {
      const auto positive = literal(text.substr(1));
      return positive ? std::optional(Rational(-*positive)) : std::nullopt;
    } else if (c == 'e') {
      exponent = std::stoi(text.substr(i + 1));
      break;
    } else if (c >= '0' && c <= '9') {
      digits = digits * 10 + (c - '0');
      places += fraction ? 1 : 0;
      if (text.size() > 600) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  const int shift = exponent - places;
  if (shift > 1000 || shift < -1000) return std::nullopt;
  const Integer scale = pow(Integer(10), static_cast<unsigned>(shift < 0 ? -shift : shift));
  return shift < 0 ? Rational(digits, scale) : Rational(digits * scale);
}

/// A whole number from `low` to `high`, if it is one.
std::optional<int> small_integer(const MathValue& value, int low, int high) {
  const auto* exact = std::get_if<Rational>(&value);
  if (!exact || denominator(*exact) != 1) return std::nullopt;
  const Integer whole = numerator(*exact);
  if (whole < low || whole > high) return std::nullopt;
  return static_cast<int>(whole);
}

class Evaluator {
public:
  Evaluator(const MathTree& tree, const MathPoint& point, MathBudget& budget)
      : tree_(tree), point_(point), budget_(budget) {}

  /// Depth is bounded by the parser.
  MathValue value(std::size_t index) {
    if (!spend(1)) return NoValue{};
    const MathNode& node = tree_[index];
    switch (node.kind) {
      case Kind::number:
        if (auto exact = literal(node.name)) return checked(std::move(*exact));
        return NoValue{};
      case Kind::symbol: return variable(node.name, point_.index);
      case Kind::constant: return constant(node.name);
      case Kind::based: return based(node);
      default: break;
    }
    std::vector<MathValue> kids;
    for (const std::size_t kid : node.kids) {
      kids.push_back(value(kid));
      if (std::holds_alternative<NoValue>(kids.back())) return NoValue{};
    }
    return combine(node, kids);
  }

  MathValue sum(const MathValue& a, const MathValue& b) {
    if (!spend(1)) return NoValue{};
    const auto* x = std::get_if<Rational>(&a);
    const auto* y = std::get_if<Rational>(&b);
    if (x && y) return checked(Rational(*x + *y));
    return checked(plus(to_complex(a), to_complex(b)));
  }
  MathValue product(const MathValue& a, const MathValue& b) {
    if (!spend(1)) return NoValue{};
    const auto* x = std::get_if<Rational>(&a);
    const auto* y = std::get_if<Rational>(&b);
    if (x && y) return checked(Rational(*x * *y));
    return checked(times(to_complex(a), to_complex(b)));
  }
  MathValue ratio(const MathValue& a, const MathValue& b) {
    if (!spend(1) || is_zero(b)) return NoValue{};
    const auto* x = std::get_if<Rational>(&a);
    const auto* y = std::get_if<Rational>(&b);
    if (x && y) return checked(Rational(*x / *y));
    return checked(over(to_complex(a), to_complex(b)));
  }

private:
  bool spend(int steps) {
    budget_.steps -= steps;
    return budget_.steps >= 0;
  }

  static MathValue constant(const std::string& name) {
    if (name == "pi") return Complex{real_pi(), 0};
    if (name == "e") return exponential({1, 0});
    return Complex{0, 1};
  }

  MathValue combine(const MathNode& node, const std::vector<MathValue>& kids) {
    switch (node.kind) {
      case Kind::add:
      case Kind::multiply: {
        MathValue total = kids[0];
        for (std::size_t i = 1; i < kids.size(); ++i) {
          if (std::holds_alternative<NoValue>(total)) return total;
          total = node.kind == Kind::add ? sum(total, kids[i]) : product(total, kids[i]);
        }
        return total;
      }
      case Kind::negate: return product(kids[0], Rational(-1));
      case Kind::divide: return ratio(kids[0], kids[1]);
      case Kind::percent: return product(kids[0], Rational(1, 100));
      case Kind::power: return power(kids[0], kids[1]);
      case Kind::root: return root(kids[0], kids[1]);
      case Kind::function: return function(node.name, kids);
      case Kind::factorial: return factorial(kids[0]);
      case Kind::binomial: return binomial(kids[0], kids[1]);
      case Kind::absolute:
        if (const auto* exact = std::get_if<Rational>(&kids[0])) return Rational(abs(*exact));
        return checked(Complex{modulus(to_complex(kids[0])), 0});
      case Kind::plus_minus: {
        const int sign = node.name == "+" ? point_.sign : -point_.sign;
        const MathValue right = product(kids[1], Rational(sign));
        return std::holds_alternative<NoValue>(right) ? right : sum(kids[0], right);
      }
      default: return NoValue{};  // no scalar
    }
  }

  MathValue power(const MathValue& base, const MathValue& exponent) {
    if (const auto n = small_integer(exponent, -2000, 2000)) {
      if (is_zero(base) && *n <= 0) return *n == 0 ? MathValue(Rational(1)) : NoValue{};
      return whole_power(base, *n);
    }
    if (is_zero(base)) return is_positive(exponent) ? MathValue(Rational(0)) : NoValue{};
    if (!spend(3 * function_cost)) return NoValue{};
    const Complex z = times(to_complex(exponent), logarithm(to_complex(base)));
    if (abs(z.re) > 4000 || abs(z.im) > 1e12) return NoValue{};
    return checked(exponential(z));
  }

  MathValue whole_power(const MathValue& base, int n) {
    const int size = n < 0 ? -n : n;
    MathValue square = base;
    // Beyond the bound every further square would be cut off anyway: leave exactness at once.
    if (const auto* exact = std::get_if<Rational>(&base);
        exact && bits(*exact) * static_cast<std::size_t>(size) > 2 * bits_max)
      square = Complex{to_real(*exact), 0};
    MathValue result = Rational(1);
    for (int rest = size; rest > 0; rest >>= 1) {
      if (rest & 1) result = product(result, square);
      if (rest > 1) square = product(square, square);
      if (std::holds_alternative<NoValue>(result) || std::holds_alternative<NoValue>(square))
        return NoValue{};
    }
    return n < 0 ? ratio(Rational(1), result) : result;
  }

  /// Of odd degree real of real, as at school; else principal.
  MathValue root(const MathValue& radicand, const MathValue& index) {
    const auto n = small_integer(index, 2, 1000);
    if (!spend(2 * function_cost)) return NoValue{};
    const Complex z = to_complex(radicand);
    if (n == 2) return checked(square_root(z));
    if (is_zero(radicand)) return Rational(0);
    if (n && *n % 2 == 1 && z.im == 0 && z.re < 0) {
      const MathValue positive = power(Complex{-z.re, 0}, Rational(1, *n));
      return std::holds_alternative<NoValue>(positive) ? positive : product(positive, Rational(-1));
    }
    const MathValue inverse = ratio(Rational(1), index);
    return std::holds_alternative<NoValue>(inverse) ? inverse : power(radicand, inverse);
  }

  MathValue factorial(const MathValue& of) {
    const auto n = small_integer(of, 0, 300);
    if (!n || !spend(*n)) return NoValue{};
    Integer product_of_all = 1;
    for (int i = 2; i <= *n; ++i) product_of_all *= i;
    return checked(Rational(product_of_all));
  }

  MathValue binomial(const MathValue& upper, const MathValue& lower) {
    const auto n = small_integer(upper, 0, 2000);
    const auto k = small_integer(lower, 0, 2000);
    if (!n || !k || !spend(*k)) return NoValue{};
    if (*k > *n) return Rational(0);
    Integer value = 1;
    for (int i = 1; i <= *k; ++i) value = value * (*n - *k + i) / i;
    return checked(Rational(value));
  }

  /// Digits in a base of 2 to 36.
  MathValue based(const MathNode& node) {
    const MathValue base_value = value(node.kids[0]);
    const auto base = small_integer(base_value, 2, 36);
    if (!base || node.name.size() > 200) return NoValue{};
    Integer total = 0;
    for (const char c : node.name) {
      const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'Z' ? c - 'A' + 10 : 99;
      if (digit >= *base) return NoValue{};
      total = total * *base + digit;
    }
    return checked(Rational(total));
  }

  MathValue function(const std::string& name, const std::vector<MathValue>& kids) {
    if (name == "abs") return combine({Kind::absolute, "", {}}, kids);
    if (name == "floor" || name == "ceil") return rounded(name == "floor", kids[0]);
    if (!spend(3 * function_cost)) return NoValue{};
    const Complex z = to_complex(kids[0]);
    if (abs(z.re) > 1e12 || abs(z.im) > 4000) {
      if (name != "ln" && name != "log" && name != "lg") return NoValue{};
    }
    if (name == "ln" || name == "log" || name == "lg") {
      if (is_zero(kids[0])) return NoValue{};
      const Complex natural = logarithm(z);
      if (name == "ln") return checked(natural);
      // Without a base it is the common one.
      const MathValue base = kids.size() > 1 ? kids[1] : MathValue(Rational(10));
      if (is_zero(base)) return NoValue{};
      return ratio(natural, logarithm(to_complex(base)));
    }
    if (name == "exp") return z.re > 4000 ? MathValue(NoValue{}) : checked(exponential(z));
    return circular(name, z);
  }

  MathValue circular(const std::string& name, const Complex& z) {
    if (name == "sin") return checked(sine(z));
    if (name == "cos") return checked(cosine(z));
    if (name == "tan") return ratio(sine(z), cosine(z));
    if (name == "cot") return ratio(cosine(z), sine(z));
    if (name == "sec") return ratio(Rational(1), cosine(z));
    if (name == "csc") return ratio(Rational(1), sine(z));
    if (name == "sinh" || name == "cosh" || name == "tanh") return hyperbolic(name, z);
    // Of real arguments in their domain only.
    if (z.im != 0) return NoValue{};
    if (name == "arctan" || name == "atan") return checked(Complex{atan(z.re), 0});
    if (name == "arccot") return checked(Complex{real_pi() / 2 - atan(z.re), 0});
    if (abs(z.re) > 1) return NoValue{};
    if (name == "arcsin" || name == "asin") return checked(Complex{asin(z.re), 0});
    if (name == "arccos" || name == "acos") return checked(Complex{acos(z.re), 0});
    return NoValue{};
  }

  MathValue hyperbolic(const std::string& name, const Complex& z) {
    if (abs(z.re) > 4000) return NoValue{};
    const Complex up = exponential(z);
    const Complex down = exponential({-z.re, -z.im});
    const Complex twice_sinh = plus(up, {-down.re, -down.im});
    const Complex twice_cosh = plus(up, down);
    if (name == "tanh") return ratio(twice_sinh, twice_cosh);
    return product(name == "sinh" ? twice_sinh : twice_cosh, Rational(1, 2));
  }

  static MathValue rounded(bool down, const MathValue& value) {
    if (const auto* exact = std::get_if<Rational>(&value)) {
      Integer whole = numerator(*exact) / denominator(*exact);  // towards zero
      if (Rational(whole) != *exact) {
        if (down && *exact < 0) whole -= 1;
        if (!down && *exact > 0) whole += 1;
      }
      return Rational(whole);
    }
    const Complex z = to_complex(value);
    if (z.im != 0) return NoValue{};
    return checked(Complex{down ? Real(floor(z.re)) : Real(ceil(z.re)), 0});
  }

  const MathTree& tree_;
  const MathPoint& point_;
  MathBudget& budget_;
};

/// Differs by no more than `relative` of the larger, or by nothing to speak of.
bool close(const MathValue& a, const MathValue& b, const Real& relative, const Real& absolute) {
  const Complex x = to_complex(a);
  const Complex y = to_complex(b);
  const Real size = modulus(x) + modulus(y);
  return modulus({x.re - y.re, x.im - y.im}) <= relative * size + absolute;
}

bool any_missing(const MathValue& a, const MathValue& b) {
  return std::holds_alternative<NoValue>(a) || std::holds_alternative<NoValue>(b);
}

}  // namespace

MathValue evaluate(const MathTree& tree, std::size_t node, const MathPoint& point,
                   MathBudget& budget) {
  try {
    return Evaluator(tree, point, budget).value(node);
  } catch (const std::exception&) {  // overflow inside the library
    return NoValue{};
  }
}

bool same_value(const MathValue& a, const MathValue& b) {
  if (any_missing(a, b)) return false;
  const auto* x = std::get_if<Rational>(&a);
  const auto* y = std::get_if<Rational>(&b);
  if (x && y) return *x == *y;
  static const Real relative("1e-30");
  static const Real absolute("1e-42");
  return close(a, b, relative, absolute);
}

bool same_rounded(const MathValue& a, const MathValue& b) {
  if (any_missing(a, b)) return false;
  static const Real relative("1e-5");
  static const Real six_places("5e-7");
  return close(a, b, relative, 0) && close(a, b, 0, six_places);
}

MathValue difference(const MathValue& a, const MathValue& b) {
  if (any_missing(a, b)) return NoValue{};
  const auto* x = std::get_if<Rational>(&a);
  const auto* y = std::get_if<Rational>(&b);
  if (x && y) return Rational(*x - *y);
  const Complex z = to_complex(b);
  return plus(to_complex(a), {-z.re, -z.im});
}

MathValue quotient(const MathValue& a, const MathValue& b) {
  if (any_missing(a, b) || is_zero(b)) return NoValue{};
  const auto* x = std::get_if<Rational>(&a);
  const auto* y = std::get_if<Rational>(&b);
  if (x && y) return Rational(*x / *y);
  return over(to_complex(a), to_complex(b));
}

bool is_zero(const MathValue& value) {
  if (const auto* exact = std::get_if<Rational>(&value)) return *exact == 0;
  if (std::holds_alternative<NoValue>(value)) return false;
  static const Real nothing("1e-40");
  return modulus(std::get<Complex>(value)) <= nothing;
}

bool is_positive(const MathValue& value) {
  if (const auto* exact = std::get_if<Rational>(&value)) return *exact > 0;
  const auto* z = std::get_if<Complex>(&value);
  static const Real nothing("1e-30");
  return z && z->re > 0 && abs(z->im) <= nothing * modulus(*z);
}

}  // namespace xfer::grade
