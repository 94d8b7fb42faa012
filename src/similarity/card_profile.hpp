// SPDX-License-Identifier: Apache-2.0
// What the domain cards say about the problems of a domain.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace xfer::similarity {

/// Shares of a domain's tags; they add up to 1.
using TagShares = std::map<std::string, double>;

struct CardProfile {
  /// Kinds of reasoning.
  TagShares reasoning;
  /// How a problem is put and judged: kind of answer, grader, length of the answer, whether
  /// examples are shown.
  TagShares structure;
};

/// Of a domain with a card (its datasets by their weights) or of one dataset of a card; nothing
/// for a name that no card has.
std::optional<CardProfile> card_profile(std::string_view name);

/// Sum of the smaller shares over sum of the larger (Ruzicka 1958), the Jaccard index of shares.
double shared_tags(const TagShares& a, const TagShares& b);

}  // namespace xfer::similarity
