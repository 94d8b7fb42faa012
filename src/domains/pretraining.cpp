// SPDX-License-Identifier: Apache-2.0
#include "xfer/domains/pretraining.hpp"

#include "domains/arithmetic.hpp"
#include "domains/procedural.hpp"
#include "domains/structures.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace xfer::domains {
namespace {

/// Shares of documents that are drills.
constexpr double drill_share_base = 0.20;
constexpr double drill_share_anneal = 0.10;
/// Share of the anneal phase that is the full task.
constexpr double full_share = 0.20;
constexpr double drill_direct_share = 0.25;

/// The single steps that worked answers are made of, and copying: quicker to learn alone.
using DrillFunction = Problem (*)(Draw&);

Problem calculation(int a, char op, int b, std::string work, int result) {
  return {"", fmt::format("Find {}{}{}.", a, op, b), std::move(work), std::to_string(result)};
}

int operand(Draw& d) { return d.between(0, 2) == 0 ? d.between(100, 499) : d.between(2, 99); }

Problem drill_sum(Draw& d) {
  const int a = operand(d), b = d.between(2, 99);
  return calculation(a, '+', b, sum(a, b), a + b);
}

Problem drill_difference(Draw& d) {
  const int a = operand(d), b = d.between(1, std::min(a, 99));
  return calculation(a, '-', b, difference(a, b), a - b);
}

Problem drill_product(Draw& d) {
  const int a = d.between(2, d.between(0, 3) == 0 ? 139 : 69), b = d.digit();
  return calculation(a, '*', b, product(a, b), a * b);
}

Problem drill_quotient(Draw& d) {
  const int b = d.digit(), q = d.between(2, 69);
  return calculation(q * b, '/', b, quotient(q * b, b), q);
}

Problem drill_comparison(Draw& d) {
  const int a = d.between(2, 99);
  const char op = d.coin() ? '>' : '<';
  const int b = std::max(1, d.coin() ? a - d.between(1, 9) : a + d.between(1, 9));
  return {"", fmt::format("Is {}{}{}?", a, op, b), comparison(a, op, b), yes_no(holds(a, op, b))};
}

std::string letters(Draw& d) {
  return shuffled_letters(d).substr(0, static_cast<std::size_t>(d.between(4, 10)));
}

Problem drill_copy(Draw& d) {
  const std::string text = letters(d);
  return {"", fmt::format("Copy {}.", text), "", text};
}

Problem drill_reverse(Draw& d) {
  const std::string text = letters(d);
  return {"", fmt::format("Copy {} in reverse.", text), "", {text.rbegin(), text.rend()}};
}

/// Look-ups in a list of rules, or of numbers.
Problem drill_lookup(Draw& d) {
  const bool numbers = d.coin();
  const std::string names = shuffled_letters(d), values = shuffled_letters(d);
  std::vector<std::string> rules;
  const int count = d.between(3, 9);
  for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
    rules.push_back(fmt::format(
        "{}{}", names[i], numbers ? std::to_string(d.between(2, 69)) : std::string(1, values[i])));
  std::string listed;
  for (const std::string& rule : rules) listed += (listed.empty() ? "" : " ") + rule;
  // Several of them, in another order: many look-ups in one short text.
  d.shuffle(rules);
  rules.resize(static_cast<std::size_t>(d.between(1, count)));
  std::string asked, work, answer;
  for (const std::string& rule : rules) {
    asked += fmt::format(" {}", rule[0]);
    work += (work.empty() ? "" : " ") + rule;
    answer += (numbers && !answer.empty() ? " " : "") + rule.substr(1);
  }
  return {"", fmt::format("Rules: {}. Find{}.", listed, asked), work + ".", answer};
}

struct Drill {
  std::string_view name;
  DrillFunction draw;
};

/// Look-ups are there four times: they are learned last, and logic and chemistry wait for them.
constexpr std::array<Drill, 11> drills = {{{"sum", drill_sum},
                                           {"difference", drill_difference},
                                           {"product", drill_product},
                                           {"quotient", drill_quotient},
                                           {"comparison", drill_comparison},
                                           {"copy", drill_copy},
                                           {"reverse", drill_reverse},
                                           {"lookup", drill_lookup},
                                           {"lookup", drill_lookup},
                                           {"lookup", drill_lookup},
                                           {"lookup", drill_lookup}}};

}  // namespace

PretrainingDocument pretraining_document(std::uint64_t seed, std::uint64_t index,
                                         PretrainingPhase phase) {
  const bool anneal = phase == PretrainingPhase::anneal;
  Rng rng = Rng(seed, anneal ? "pretraining-anneal" : "pretraining-base").fork(index);
  PretrainingDocument document;
  Problem problem;
  double direct_share = drill_direct_share;
  if (rng.uniform() < (anneal ? drill_share_anneal : drill_share_base)) {
    const Drill& drill = rng.pick(drills);
    Draw draw(rng.fork("drill"), Level::full);
    problem = drill.draw(draw);
    document.domain = "drill";
    document.kind = drill.name;
  } else {
    const Recipe& recipe = *rng.pick(recipes());
    const bool full = anneal && rng.uniform() < full_share;
    Item item =
        draw_item(recipe, rng.fork("item"), full ? Level::full : Level::basic, Split::train);
    problem = std::move(item.problem);
    document.domain = recipe.name;
    document.kind = item.kind->name;
    direct_share = item.kind->direct_share;
  }
  document.prompt = rng.pick(procedural_prompts()).apply(problem.question);
  document.answer = rng.uniform() < direct_share ? "#" + problem.answer : worked_answer(problem);
  return document;
}

}  // namespace xfer::domains
