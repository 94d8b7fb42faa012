// SPDX-License-Identifier: Apache-2.0
#include "domains/problem.hpp"

#include <array>

namespace xfer::domains {
namespace {

constexpr int attempts_max = 100'000;

bool is_used(const Kind& kind, Level level) {
  switch (level) {
    case Level::basic: return kind.since == Since::pretraining;
    case Level::full: return kind.since != Since::heldout;
    case Level::harder: return true;
  }
  return false;
}

const Kind& pick_kind(const Recipe& recipe, Rng& rng, Level level) {
  int total = 0;
  for (const Kind& kind : recipe.kinds)
    if (is_used(kind, level)) total += kind.weight;
  int left = static_cast<int>(rng.below(static_cast<std::uint64_t>(total)));
  for (const Kind& kind : recipe.kinds) {
    if (!is_used(kind, level)) continue;
    left -= kind.weight;
    if (left < 0) return kind;
  }
  throw Error(Errc::internal, "procedural domain: no kind for this level");
}

}  // namespace

const std::vector<const Recipe*>& recipes() {
  static const std::vector<const Recipe*> all = {
      &math_recipe(),    &code_recipe(),  &physics_recipe(), &chemistry_recipe(),
      &biology_recipe(), &logic_recipe(), &law_recipe()};
  return all;
}

const Recipe& recipe(std::string_view name) {
  std::string known;
  for (const Recipe* r : recipes()) {
    if (r->name == name) return *r;
    known += (known.empty() ? "" : ", ") + std::string(r->name);
  }
  throw Error(Errc::invalid_argument, "procedural_domain: no domain named \"" + std::string(name) +
                                          "\" (known: " + known + ")");
}

Split split_of_key(std::string_view key) {
  const std::uint64_t h = stream_id(key);
  // FNV alone spreads keys that differ in their last digit badly over a small modulus.
  const auto mixed =
      philox4x32({static_cast<std::uint32_t>(h), static_cast<std::uint32_t>(h >> 32U), 0, 0},
                 {0x73706c74U, 1});
  const std::uint32_t slot = mixed[0] % 10;
  if (slot < 7) return Split::train;
  return slot == 7 ? Split::validation : Split::test;
}

Item draw_item(const Recipe& recipe, Rng rng, Level level, Split split) {
  const Kind& kind = pick_kind(recipe, rng, level);
  for (std::uint64_t attempt = 0; attempt < attempts_max; ++attempt) {
    Draw draw(rng.fork(attempt), level);
    std::optional<Problem> problem = kind.draw(draw);
    if (!problem) continue;
    if (level == Level::harder && !draw.is_harder()) continue;
    std::string key =
        std::string(recipe.name) + '|' + std::string(kind.name) + '|' + problem->operands;
    if (level != Level::harder && split_of_key(key) != split) continue;
    return {&kind, std::move(key), std::move(*problem)};
  }
  throw Error(Errc::internal, "procedural domain " + std::string(recipe.name) + ": kind " +
                                  std::string(kind.name) + " found no problem");
}

std::string operands(std::initializer_list<int> numbers, std::string_view word) {
  std::string text(word);
  for (const int n : numbers) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

std::string steps(std::initializer_list<std::string> parts) {
  std::string text;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!text.empty()) text += ' ';
    text += part;
  }
  return text;
}

std::string_view person(Draw& draw) {
  static constexpr std::array<std::string_view, 6> names = {"Ann", "Ben", "Eva",
                                                            "Sam", "Tom", "Zoe"};
  return draw.pick(names);
}

}  // namespace xfer::domains
