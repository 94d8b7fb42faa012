// SPDX-License-Identifier: Apache-2.0
// Physics: two-step formulas with units.
#include "domains/arithmetic.hpp"
#include "domains/problem.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace xfer::domains {
namespace {

constexpr int physics_result_max = 499;

std::string with_unit(int value, std::string_view unit) {
  return fmt::format("{} {}", value, unit);
}

/// `formula`: a product, then a term that is added or taken away.
std::optional<Problem> linear(std::string question, std::string_view formula, int a, int b, int c,
                              std::string_view unit) {
  const bool minus = c < 0;
  const int result = a * b + c;
  if (result > physics_result_max || result < 2) return std::nullopt;
  return Problem{operands({a, b, std::abs(c)}), std::move(question),
                 steps({fmt::format("{}:", formula), product(a, b),
                        minus ? difference(a * b, -c) : sum(a * b, c)}),
                 with_unit(result, unit)};
}

std::optional<Problem> force(Draw& d) {
  const int m = d.number(), a = d.digit(), r = d.number();
  return linear(
      d.one_of({fmt::format("A mass of {} kg has acceleration {} m/s2 and friction {} N. "
                            "Find the force.",
                            m, a, r),
                fmt::format("Friction is {} N. Find the force for acceleration {} m/s2 of "
                            "a mass of {} kg.",
                            r, a, m)}),
      "F=m*a+r", m, a, r, "N");
}

std::optional<Problem> position(Draw& d) {
  const int v = d.number(), t = d.digit(), s = d.number();
  return linear(
      d.one_of(
          {fmt::format("A car starts at {} m with speed {} m/s. Find the position "
                       "after {} s.",
                       s, v, t),
           fmt::format("Find the position after {} s for speed {} m/s and start {} m.", t, v, s)}),
      "x=v*t+s", v, t, s, "m");
}

std::optional<Problem> momentum(Draw& d) {
  const int v = d.number(), m = d.digit(), q = d.number();
  return linear(
      d.one_of({fmt::format("A ball of {} kg has speed {} m/s. Another ball has momentum "
                            "{} kgm/s. Find the total momentum.",
                            m, v, q),
                fmt::format("Find the total momentum of {} kgm/s and a ball of {} kg with "
                            "speed {} m/s.",
                            q, m, v)}),
      "p=v*m+q", v, m, q, "kgm/s");
}

std::optional<Problem> series_voltage(Draw& d) {
  const int a = d.number(), b = d.number(), i = d.digit();
  const int r = a + b;
  if (r * i > physics_result_max) return std::nullopt;
  return Problem{operands({std::min(a, b), std::max(a, b), i}),
                 d.one_of({fmt::format("Resistors of {} ohm and {} ohm in series carry {} A. Find "
                                       "the voltage.",
                                       a, b, i),
                           fmt::format("Find the voltage for current {} A in resistors of {} ohm "
                                       "and {} ohm in series.",
                                       i, a, b)}),
                 steps({"R=a+b:", sum(a, b), "U=R*I:", product(r, i)}), with_unit(r * i, "V")};
}

std::optional<Problem> boat_speed(Draw& d) {
  const int q = d.number(), t = d.digit(), w = d.number();
  const int way = q * t;
  return Problem{
      operands({way, t, w}),
      d.one_of({fmt::format("A boat covers {} m in {} s. The river adds {} m/s. Find the "
                            "speed.",
                            way, t, w),
                fmt::format("The river adds {} m/s to a boat that covers {} m in {} s. "
                            "Find the speed.",
                            w, way, t)}),
      steps({"v=d/t+w:", quotient(way, t), sum(q, w)}), with_unit(q + w, "m/s")};
}

std::optional<Problem> final_speed(Draw& d) {
  const int u = d.number(), a = d.number(), t = d.digit();
  return linear(
      d.one_of({fmt::format("A car with speed {} m/s has acceleration {} m/s2 for {} s. "
                            "Find the final speed.",
                            u, a, t),
                fmt::format("Find the final speed after {} s of acceleration {} m/s2 from "
                            "start speed {} m/s.",
                            t, a, u)}),
      "v=a*t+u", a, t, u, "m/s");
}

std::optional<Problem> acceleration(Draw& d) {
  const int u = d.number(), q = d.number(), t = d.digit();
  const int v = u + q * t;
  if (v > physics_result_max) return std::nullopt;
  return Problem{
      operands({u, v, t}),
      d.one_of({fmt::format("A car goes from speed {} m/s to {} m/s in {} s. Find the "
                            "acceleration.",
                            u, v, t),
                fmt::format("Find the acceleration from start speed {} m/s to final speed "
                            "{} m/s in {} s.",
                            u, v, t)}),
      steps({"a=(v-u)/t:", difference(v, u), quotient(v - u, t)}), with_unit(q, "m/s2")};
}

std::optional<Problem> energy(Draw& d) {
  const int f = d.number(), s = d.digit(), q = d.number();
  return linear(d.one_of({fmt::format("A force of {} N acts over {} m and {} J are lost. Find the "
                                      "energy.",
                                      f, s, q),
                          fmt::format("Find the energy of a force of {} N over {} m after {} J are "
                                      "lost.",
                                      f, s, q)}),
                "E=F*d-q", f, s, -q, "J");
}

std::optional<Problem> power(Draw& d) {
  const int q = d.number(), t = d.digit(), w = d.number();
  const int first = q * t - w;
  if (first < 11) return std::nullopt;
  return Problem{
      operands({first, w, t}),
      d.one_of({fmt::format("A motor gives {} J and {} J in {} s. Find the power.", first, w, t),
                fmt::format("Find the power of {} J and {} J in {} s.", first, w, t)}),
      steps({"P=E/t:", sum(first, w), quotient(q * t, t)}), with_unit(q, "W")};
}

std::optional<Problem> series_current(Draw& d) {
  const int a = d.between(1, 5), b = d.between(1, 5), q = d.number(), lost = d.number();
  if (a + b > 6) return std::nullopt;
  const int u = q * (a + b) + lost;
  return Problem{
      operands({std::min(a, b), std::max(a, b), u, lost}),
      d.one_of({fmt::format("Of {} V, {} V are lost. Find the current in resistors of {} "
                            "ohm and {} ohm in series.",
                            u, lost, a, b),
                fmt::format("Resistors of {} ohm and {} ohm are in series at {} V, of "
                            "which {} V are lost. Find the current.",
                            a, b, u, lost)}),
      steps({"R=a+b:", sum(a, b), difference(u, lost), "I=U/R:", quotient(u - lost, a + b)}),
      with_unit(q, "A")};
}

std::optional<Problem> two_legs(Draw& d) {
  const int v = d.number(), t = d.digit(), w = d.number(), s = d.digit();
  if (v * t + w * s > physics_result_max) return std::nullopt;
  const auto key =
      std::pair(v, t) < std::pair(w, s) ? operands({v, t, w, s}) : operands({w, s, v, t});
  return Problem{
      key,
      d.one_of(
          {fmt::format("A car has speed {} m/s for {} s, then {} m/s for {} s. Find "
                       "the distance.",
                       v, t, w, s),
           fmt::format("Find the distance of {} s at {} m/s and {} s at {} m/s.", t, v, s, w)}),
      steps({"d=v*t:", product(v, t), product(w, s), sum(v * t, w * s)}),
      with_unit(v * t + w * s, "m")};
}

std::optional<Problem> triple_voltage(Draw& d) {
  const int a = d.number(), b = d.number(), c = d.number(), i = d.digit();
  const int r = a + b + c;
  if (r * i > physics_result_max) return std::nullopt;
  d.mark_harder();
  return Problem{operands({a, b, c, i}),
                 fmt::format("Resistors of {} ohm and {} ohm and {} ohm in series carry {} A. Find "
                             "the voltage.",
                             a, b, c, i),
                 steps({"R=a+b:", sum(a, b), sum(a + b, c), "U=R*I:", product(r, i)}),
                 with_unit(r * i, "V")};
}

}  // namespace

const Recipe& physics_recipe() {
  static const Recipe recipe = {"physics",
                                "Physics: formulas and units",
                                "final_answer",
                                {{"force", Since::pretraining, 10, 0.25, force},
                                 {"position", Since::pretraining, 10, 0.75, position},
                                 {"momentum", Since::pretraining, 10, 0.25, momentum},
                                 {"series_voltage", Since::pretraining, 10, 0.75, series_voltage},
                                 {"boat_speed", Since::pretraining, 10, 0.25, boat_speed},
                                 {"final_speed", Since::full, 10, 0.60, final_speed},
                                 {"acceleration", Since::full, 10, 0.50, acceleration},
                                 {"energy", Since::full, 10, 0.40, energy},
                                 {"power", Since::full, 10, 0.40, power},
                                 {"series_current", Since::full, 10, 0.50, series_current},
                                 {"two_legs", Since::full, 10, 0.60, two_legs},
                                 {"triple_voltage", Since::heldout, 10, 0.00, triple_voltage}}};
  return recipe;
}

}  // namespace xfer::domains
