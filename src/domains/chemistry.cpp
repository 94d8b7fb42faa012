// SPDX-License-Identifier: Apache-2.0
// Chemistry: molar masses and atom counts of formulas (made up, not real substances).
#include "domains/arithmetic.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace xfer::domains {
namespace {

struct Element {
  std::string_view symbol;
  int mass;  ///< rounded to whole grams per mole
};

constexpr std::array<Element, 14> elements = {{{"H", 1},
                                               {"C", 12},
                                               {"N", 14},
                                               {"O", 16},
                                               {"F", 19},
                                               {"Na", 23},
                                               {"Mg", 24},
                                               {"Al", 27},
                                               {"Si", 28},
                                               {"P", 31},
                                               {"S", 32},
                                               {"Cl", 35},
                                               {"K", 39},
                                               {"Ca", 40}}};

struct Term {
  Element element;
  int count;
};
using Formula = std::vector<Term>;

/// Different elements; `heavy` limits how many of the 14 take part.
Formula draw_formula(Draw& d, int size, int count_max, int heavy = 14) {
  Formula formula;
  while (static_cast<int>(formula.size()) < size) {
    const Element e = elements[static_cast<std::size_t>(d.between(0, heavy - 1))];
    const bool taken = std::any_of(formula.begin(), formula.end(),
                                   [&](const Term& t) { return t.element.symbol == e.symbol; });
    if (!taken) formula.push_back({e, d.between(1, count_max)});
  }
  return formula;
}

std::string term(const Term& t) {
  return std::string(t.element.symbol) + (t.count > 1 ? std::to_string(t.count) : "");
}

std::string text(const Formula& formula) {
  std::string out;
  for (const Term& t : formula) out += term(t);
  return out;
}

/// The same atoms in any order are the same problem.
std::string canonical(const Formula& formula) {
  std::vector<std::string> terms;
  for (const Term& t : formula) terms.push_back(fmt::format("{}{}", t.element.symbol, t.count));
  std::sort(terms.begin(), terms.end());
  std::string out;
  for (const std::string& t : terms) out += t;
  return out;
}

int mass(const Formula& formula) {
  int total = 0;
  for (const Term& t : formula) total += t.element.mass * t.count;
  return total;
}

/// Element by element with a running total.
std::string mass_steps(const Formula& formula) {
  std::string out;
  int total = 0;
  for (const Term& t : formula) {
    const int m = t.element.mass * t.count;
    out += fmt::format("{}{}: {}", out.empty() ? "" : " ", t.element.symbol,
                       t.count > 1 ? product(t.element.mass, t.count) : fmt::format("{}.", m));
    if (total > 0) out += " " + sum(total, m);
    total += m;
  }
  return out;
}

std::optional<Problem> molar_mass(Draw& d, const Formula& formula) {
  return Problem{canonical(formula),
                 d.one_of({fmt::format("Find the molar mass of {}.", text(formula)),
                           fmt::format("What is the molar mass of {}?", text(formula))}),
                 mass_steps(formula), fmt::format("{} g", mass(formula))};
}

/// Counts reach one or two further than in training when held out.
int count_max(Draw& d, int basic, int full) {
  if (d.level() == Level::harder) {
    d.mark_harder();
    return full + 2;
  }
  return d.is_basic() ? basic : full;
}

bool is_beyond(const Draw& d, const Formula& formula, int full) {
  return d.level() != Level::harder ||
         std::any_of(formula.begin(), formula.end(), [&](const Term& t) { return t.count > full; });
}

std::optional<Problem> mass_two(Draw& d) {
  const Formula f = draw_formula(d, 2, count_max(d, 4, 6));
  if (!is_beyond(d, f, 6)) return std::nullopt;
  return molar_mass(d, f);
}

std::optional<Problem> mass_three(Draw& d) {
  const Formula f = draw_formula(d, 3, count_max(d, 4, 4), 11);
  if (!is_beyond(d, f, 4)) return std::nullopt;
  return molar_mass(d, f);
}

std::optional<Problem> mass_four(Draw& d) {
  d.mark_harder();
  return molar_mass(d, draw_formula(d, 4, 3, 11));
}

/// "How many O atoms are in 34 units of Mg2O3?"
std::optional<Problem> atoms(Draw& d) {
  Formula f = draw_formula(d, 2, 6);
  const Term asked = f[static_cast<std::size_t>(d.between(0, 1))];
  if (asked.count < 2) return std::nullopt;
  const int n = d.number();
  return Problem{fmt::format("{},{},{}", canonical(f), asked.element.symbol, n),
                 d.one_of({fmt::format("How many {} atoms are in {} units of {}?",
                                       asked.element.symbol, n, text(f)),
                           fmt::format("Find the number of {} atoms in {} units of {}.",
                                       asked.element.symbol, n, text(f))}),
                 product(n, asked.count), std::to_string(n * asked.count)};
}

/// "How many O atoms are in 5 units of Na2(SO3)4 and 34 more O atoms?"
std::optional<Problem> bracket_atoms(Draw& d) {
  const Formula outer = draw_formula(d, 1, 4);
  const Formula inner = draw_formula(d, 2, 4);
  for (const Term& t : inner)
    if (t.element.symbol == outer[0].element.symbol) return std::nullopt;
  const Term asked = inner[static_cast<std::size_t>(d.between(0, 1))];
  const int times = d.between(2, 4), more = d.number(), units = d.digit();
  if (asked.count < 2) return std::nullopt;
  const int each = asked.count * times;
  const std::string formula = fmt::format("{}({}){}", text(outer), text(inner), times);
  const auto symbol = asked.element.symbol;
  return Problem{
      fmt::format("{}({}){},{},{},{}", canonical(outer), canonical(inner), times, symbol, units,
                  more),
      d.one_of({fmt::format("How many {} atoms are in {} units of {} and {} more?", symbol, units,
                            formula, more),
                fmt::format("Find the number of {} atoms in {} units of {} and {} more.", symbol,
                            units, formula, more)}),
      steps({product(asked.count, times), product(each, units), sum(each * units, more)}),
      std::to_string(each * units + more)};
}

/// Mass of several moles: the molar mass, then a product.
std::optional<Problem> moles(Draw& d) {
  const Formula f = draw_formula(d, 2, count_max(d, 3, 3), 11);
  if (!is_beyond(d, f, 3)) return std::nullopt;
  const int n = d.between(2, 6);
  const int m = mass(f);
  if (m * n > 499 || m < 11) return std::nullopt;
  return Problem{fmt::format("{},{}", canonical(f), n),
                 d.one_of({fmt::format("Find the mass of {} mol of {}.", n, text(f)),
                           fmt::format("What is the mass of {} mol of {}?", n, text(f))}),
                 steps({mass_steps(f), product(m, n)}), fmt::format("{} g", m * n)};
}

/// All atoms of several units.
std::optional<Problem> total_atoms(Draw& d) {
  const Formula f = draw_formula(d, 3, 4);
  const int n = d.number();
  const int two = f[0].count + f[1].count, all = two + f[2].count;
  if (all > 6) return std::nullopt;
  return Problem{fmt::format("{},{}", canonical(f), n),
                 d.one_of({fmt::format("How many atoms are in {} units of {}?", n, text(f)),
                           fmt::format("Find the number of atoms in {} units of {}.", n, text(f))}),
                 steps({sum(f[0].count, f[1].count), sum(two, f[2].count), product(n, all)}),
                 std::to_string(n * all)};
}

/// The mass of one element, with some of it lost.
std::optional<Problem> element_mass(Draw& d) {
  const Formula f = draw_formula(d, 2, 5);
  const Term asked = f[static_cast<std::size_t>(d.between(0, 1))];
  const int lost = d.number();
  const int m = asked.element.mass * asked.count;
  if (asked.count < 2 || m - lost < 2) return std::nullopt;
  const auto symbol = asked.element.symbol;
  return Problem{fmt::format("{},{},{}", canonical(f), symbol, lost),
                 d.one_of({fmt::format("Find the mass of {} in {} after {} g are lost.", symbol,
                                       text(f), lost),
                           fmt::format("Of the {} in {}, {} g are lost. What mass is left?", symbol,
                                       text(f), lost)}),
                 steps({fmt::format("{}:", symbol), product(asked.element.mass, asked.count),
                        difference(m, lost)}),
                 fmt::format("{} g", m - lost)};
}

}  // namespace

const Recipe& chemistry_recipe() {
  static const Recipe recipe = {"chemistry",
                                "Chemistry: molar mass and atom counts",
                                "final_answer",
                                {{"mass_two", Since::pretraining, 20, 0.20, mass_two},
                                 {"atoms", Since::pretraining, 20, 0.30, atoms},
                                 {"mass_three", Since::full, 12, 0.30, mass_three},
                                 {"bracket_atoms", Since::full, 12, 0.30, bracket_atoms},
                                 {"moles", Since::full, 12, 0.30, moles},
                                 {"total_atoms", Since::full, 12, 0.40, total_atoms},
                                 {"element_mass", Since::full, 12, 0.30, element_mass},
                                 {"mass_four", Since::heldout, 12, 0.00, mass_four}}};
  return recipe;
}

}  // namespace xfer::domains
