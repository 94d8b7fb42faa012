// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/metrics.hpp"

#include "grade/answers/entities.hpp"
#include "xfer/error.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <utility>

namespace xfer::grade {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw Error(Errc::invalid_argument, what); }

void check_sizes(const char* what, std::size_t first, std::size_t second) {
  if (first == 0) refuse(std::string(what) + ": no items");
  if (first != second)
    refuse(std::string(what) + ": the lists differ in length (" + std::to_string(first) + " and " +
           std::to_string(second) + ")");
}

constexpr std::array score_names = {
    std::pair{std::string_view("acc"), ChoiceScore::acc},
    std::pair{std::string_view("acc_norm"), ChoiceScore::acc_norm},
    std::pair{std::string_view("acc_mutual_info"), ChoiceScore::acc_mutual_info},
};

double code_points(const std::string& text) {
  return static_cast<double>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  }));
}

double option_score(ChoiceScore score, const OptionLogprobs& all, std::size_t i) {
  const double value = all.conditional[i];
  switch (score) {
    case ChoiceScore::acc: return value;
    case ChoiceScore::acc_norm:
      if (all.options[i].empty())
        refuse("acc_norm: option " + std::to_string(i) + " is empty and has no length");
      return value / code_points(all.options[i]);
    case ChoiceScore::acc_mutual_info: return value - all.unconditional[i];
  }
  return value;
}

/// Not NaN and not above 0 by more than rounding.
void check_logprobs(std::span<const double> values, const char* name) {
  for (std::size_t i = 0; i < values.size(); ++i)
    if (!(values[i] <= 1e-3))
      refuse(std::string(name) + ": option " + std::to_string(i) + " has no log-probability (got " +
             std::to_string(values[i]) + ", allowed at most 0)");
}

}  // namespace

ChoiceScore choice_score(std::string_view name) {
  std::string known;
  for (const auto& [text, value] : score_names) {
    if (text == name) return value;
    known += (known.empty() ? "" : ", ") + std::string(text);
  }
  refuse("choice score '" + std::string(name) + "' is not known (allowed: " + known + ")");
}

std::size_t chosen_option(ChoiceScore score, const OptionLogprobs& logprobs) {
  const std::size_t n = logprobs.conditional.size();
  check_sizes("chosen_option", n, n);
  check_logprobs(logprobs.conditional, "conditional");
  if (score == ChoiceScore::acc_norm) check_sizes("acc_norm", n, logprobs.options.size());
  if (score == ChoiceScore::acc_mutual_info) {
    check_sizes("acc_mutual_info", n, logprobs.unconditional.size());
    check_logprobs(logprobs.unconditional, "unconditional");
  }
  std::size_t best = 0;
  double best_score = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double value = option_score(score, logprobs, i);
    if (std::isnan(value))
      refuse("acc_mutual_info: option " + std::to_string(i) + " is impossible both ways");
    if (i == 0 || value > best_score) {
      best = i;
      best_score = value;
    }
  }
  return best;
}

double reciprocal_rank(const EntityAnswers& entities) {
  constexpr std::size_t ranks = 5;
  const auto owner = entity_names(entities.gold);
  for (std::size_t i = 0; i < std::min(ranks, entities.answers.size()); ++i)
    if (owner.contains(entity_key(entities.answers[i]))) return 1.0 / static_cast<double>(i + 1);
  return 0.0;
}

ListScores list_scores(const EntityAnswers& entities) {
  if (entities.gold.empty()) refuse("list_scores: there is no gold entity");
  const auto owner = entity_names(entities.gold);
  std::set<std::size_t> found;
  std::set<std::string> wrong;
  for (const std::string& answer : entities.answers) {
    const std::string key = entity_key(answer);
    if (key.empty()) continue;
    const auto entity = owner.find(key);
    if (entity != owner.end())
      found.insert(entity->second);
    else
      wrong.insert(key);
  }
  const auto hits = static_cast<double>(found.size());
  if (found.empty()) return {};
  ListScores scores;
  scores.precision = hits / static_cast<double>(found.size() + wrong.size());
  scores.recall = hits / static_cast<double>(entities.gold.size());
  scores.f1 = 2.0 * scores.precision * scores.recall / (scores.precision + scores.recall);
  return scores;
}

}  // namespace xfer::grade
