// SPDX-License-Identifier: Apache-2.0
#include "similarity/card_profile.hpp"

#include "xfer/domains/cards.hpp"

#include <algorithm>
#include <vector>

namespace xfer::similarity {
namespace {

std::vector<std::string> parts_of(const std::string& joined) {
  std::vector<std::string> parts(1);
  for (const char c : joined) {
    if (c == '+')
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

/// Steps of four: a letter, a phrase, a worked answer, a program.
std::string length_class(int tokens) {
  int limit = 16;
  while (limit < tokens) limit *= 4;
  return "answer of at most " + std::to_string(limit) + " tokens";
}

void add(TagShares& shares, const std::vector<std::string>& tags, double weight) {
  for (const std::string& tag : tags) shares[tag] += weight / static_cast<double>(tags.size());
}

void add_dataset(const domains::DatasetCard& card, double weight, CardProfile& profile) {
  add(profile.reasoning, card.reasoning, weight);
  // Each aspect counts alike.
  std::vector<std::string> graders = parts_of(card.grader);
  for (std::string& grader : graders) grader = "graded as " + grader;
  add(profile.structure, graders, 0.25 * weight);
  add(profile.structure, {"measured by " + card.metric}, 0.25 * weight);
  add(profile.structure, {length_class(card.max_answer_tokens)}, 0.25 * weight);
  add(profile.structure, {card.few_shot > 0 ? "examples shown" : "no examples shown"},
      0.25 * weight);
}

}  // namespace

std::optional<CardProfile> card_profile(std::string_view name) {
  CardProfile profile;
  for (const domains::DomainCard& card : domains::domain_cards()) {
    if (card.name != name) continue;
    for (const domains::DatasetCard& dataset : card.datasets)
      add_dataset(dataset, dataset.weight, profile);
    return profile;
  }
  for (const domains::DomainCard& card : domains::domain_cards())
    for (const domains::DatasetCard& dataset : card.datasets)
      if (dataset.name == name) {
        add_dataset(dataset, 1.0, profile);
        return profile;
      }
  return std::nullopt;
}

double shared_tags(const TagShares& a, const TagShares& b) {
  double smaller = 0.0;
  double larger = 0.0;
  const auto share = [](const TagShares& shares, const std::string& tag) {
    const auto found = shares.find(tag);
    return found == shares.end() ? 0.0 : found->second;
  };
  for (const auto& [tag, value] : a) {
    smaller += std::min(value, share(b, tag));
    larger += std::max(value, share(b, tag));
  }
  for (const auto& [tag, value] : b)
    if (!a.count(tag)) larger += value;
  return larger > 0.0 ? smaller / larger : 0.0;
}

}  // namespace xfer::similarity
