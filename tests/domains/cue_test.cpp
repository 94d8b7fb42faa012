// SPDX-License-Identifier: Apache-2.0
// Guessers that never solve anything must stay at chance.
#include "xfer/domains/domain.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace xfer::domains {
namespace {

/// Words, two-digit numbers by their tens, single characters.
std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    std::size_t end = i + 1;
    if (std::isalpha(c))
      while (end < text.size() && std::islower(static_cast<unsigned char>(text[end]))) ++end;
    if (std::isdigit(c))
      while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
    std::string word = text.substr(i, end - i);
    if (std::isdigit(c) && word.size() > 1) word.back() = '_';
    if (!std::isspace(c)) out.push_back(word);
    i = end;
  }
  return out;
}

std::vector<std::string> numbers(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < text.size();) {
    std::size_t end = i;
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end]))) ++end;
    if (end > i) out.push_back(text.substr(i, end - i));
    i = std::max(end, i + 1);
  }
  return out;
}

/// An answer made of letters as the places at which the question first mentions them, so that a
/// guesser can learn "the second letter" but not a letter itself.
std::string by_place(const Example& e) {
  const bool letters =
      !e.answer.empty() &&
      std::all_of(e.answer.begin(), e.answer.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  if (!letters) return e.answer;
  std::string order;
  for (std::size_t i = 0; i < e.question.size(); ++i) {
    const char c = e.question[i];
    const bool alone = (i == 0 || !std::isalpha(static_cast<unsigned char>(e.question[i - 1]))) &&
                       (i + 1 == e.question.size() ||
                        !std::isalpha(static_cast<unsigned char>(e.question[i + 1])));
    if (c >= 'A' && c <= 'Z' && alone && order.find(c) == std::string::npos) order += c;
  }
  std::string out;
  for (const char c : e.answer) out += std::to_string(order.find(c)) + " ";
  return out;
}

struct Labelled {
  std::vector<std::string> features;
  std::string label;
};

/// Naive Bayes with add-one smoothing.
class Bayes {
public:
  explicit Bayes(const std::vector<Labelled>& train) {
    for (const Labelled& item : train) {
      ++classes_[item.label];
      for (const std::string& f : item.features) ++counts_[item.label][f], vocabulary_.insert(f);
    }
    for (const auto& [label, table] : counts_)
      for (const auto& entry : table) totals_[label] += entry.second;
  }
  std::string guess(const std::vector<std::string>& features) const {
    std::string best;
    double best_score = -1e300;
    for (const auto& [label, n] : classes_) {
      double score = std::log(n);
      const auto& table = counts_.at(label);
      for (const std::string& f : features) {
        const auto found = table.find(f);
        score += std::log((found == table.end() ? 0.0 : found->second) + 1.0) -
                 std::log(totals_.at(label) + static_cast<double>(vocabulary_.size()));
      }
      if (score > best_score) best_score = score, best = label;
    }
    return best;
  }

private:
  std::map<std::string, double> classes_, totals_;
  std::map<std::string, std::map<std::string, double>> counts_;
  std::set<std::string> vocabulary_;
};

std::map<std::string, std::vector<Example>> by_kind(const std::string& domain, Split split,
                                                    std::size_t count) {
  const Domain d = procedural_domain(domain, 11);
  std::map<std::string, std::vector<Example>> out;
  for (std::size_t i = 0; i < count; ++i) {
    Example e = d.dataset->at(split, i);
    out[e.kind].push_back(std::move(e));
  }
  return out;
}

std::vector<Labelled> labelled(const std::vector<Example>& examples) {
  std::vector<Labelled> out;
  for (const Example& e : examples) {
    Labelled item{words(e.question), by_place(e)};
    const std::vector<std::string> w = item.features;
    // The word before the end and the one before that, as the keyword guesser's own features.
    for (std::size_t i = 1; i <= 3 && i < w.size(); ++i)
      item.features.push_back("last" + std::to_string(i) + w[w.size() - i]);
    out.push_back(std::move(item));
  }
  return out;
}

/// Kinds whose answers are one of a few classes, with the chance of a blind guess.
const std::map<std::string, double> choices = {
    {"permit", 0.50},       {"deadline", 0.50}, {"reach", 0.50},
    {"both", 0.50},         {"circuit", 0.25},  {"long_circuit", 0.25},
    {"count_steps", 0.334}, {"most", 0.334},    {"rank", 0.167}};

class EveryDomainCue : public ::testing::TestWithParam<std::string> {};
INSTANTIATE_TEST_SUITE_P(Cues, EveryDomainCue, ::testing::ValuesIn(procedural_domain_names()),
                         [](const auto& each) { return each.param; });

TEST_P(EveryDomainCue, guessing_from_words_stays_at_chance) {
  const auto train = by_kind(GetParam(), Split::train, 7000);
  const auto test = by_kind(GetParam(), Split::test, 3500);
  for (const auto& [kind, examples] : test) {
    const auto chance = choices.find(kind);
    if (chance == choices.end()) continue;
    std::map<std::string, int> labels;
    for (const Labelled& item : labelled(examples)) ++labels[item.label];
    int most = 0;
    for (const auto& entry : labels) most = std::max(most, entry.second);
    const double n = static_cast<double>(examples.size());
    const double tolerance = 3.0 * std::sqrt(chance->second * (1 - chance->second) / n) + 0.01;
    EXPECT_LE(most / n, chance->second + tolerance) << kind << ": majority class";
    const Bayes bayes(labelled(train.at(kind)));
    int right = 0;
    for (const Labelled& item : labelled(examples))
      right += bayes.guess(item.features) == item.label ? 1 : 0;
    EXPECT_LE(right / n, chance->second + tolerance) << kind << ": naive Bayes";
  }
}

TEST_P(EveryDomainCue, copying_a_number_of_the_question_is_seldom_right) {
  for (const auto& [kind, examples] : by_kind(GetParam(), Split::test, 3000)) {
    if (choices.contains(kind)) continue;
    std::map<int, int> right;
    std::map<std::string, int> answers;
    for (const Example& e : examples) {
      const auto found = numbers(e.question);
      const auto wanted = numbers(e.answer);
      ++answers[e.answer];
      if (wanted.size() != 1 || e.extra.contains("points")) continue;
      for (int i = 0; i < static_cast<int>(found.size()); ++i) {
        const auto at = static_cast<std::size_t>(i);
        right[i] += found[at] == wanted[0] ? 1 : 0;
        right[-1 - i] += found[found.size() - 1 - at] == wanted[0] ? 1 : 0;
      }
    }
    const double n = static_cast<double>(examples.size());
    // Taxes below the threshold, and rules and branches that do not apply, leave a number as it
    // was: one item in four or five.
    const bool may_stay = kind == "tax" || kind == "two_rules" || kind == "two_branches";
    for (const auto& [place, count] : right)
      EXPECT_LE(count / n, may_stay ? 0.33 : 0.08) << kind << " place " << place;
    int most = 0;
    for (const auto& entry : answers) most = std::max(most, entry.second);
    EXPECT_LE(most / n, 0.12) << kind << ": one answer for all";
  }
}

/// The three ends are the letters that no rule starts from; nothing else sets the right one apart.
TEST(LogicCues, the_right_end_is_no_special_one_of_the_three) {
  std::map<std::size_t, int> place;
  std::map<int, int> rank_of_mentions;
  const auto examples = by_kind("logic", Split::test, 4000).at("end");
  for (const Example& e : examples) {
    std::map<char, int> mentions;
    std::set<char> starts;
    std::string targets;
    static const std::regex rule(R"(\b([A-Z])([A-Z])\b)");
    for (std::sregex_iterator it(e.question.begin(), e.question.end(), rule), end; it != end;
         ++it) {
      starts.insert((*it)[1].str()[0]);
      targets += (*it)[2].str();
      ++mentions[targets.back()];
    }
    std::string ends;
    for (const char c : targets)
      if (!starts.contains(c) && ends.find(c) == std::string::npos) ends += c;
    ASSERT_EQ(ends.size(), 3U) << e.question;
    ++place[ends.find(e.answer[0])];
    int rank = 0;
    for (const char c : ends) rank += mentions[c] > mentions[e.answer[0]] ? 1 : 0;
    ++rank_of_mentions[rank];
  }
  const double n = static_cast<double>(examples.size());
  for (const auto& entry : place) EXPECT_NEAR(entry.second / n, 1.0 / 3, 0.08);
  // Ties are common (most ends have one mention), so the first rank is taken more than a third.
  EXPECT_LE(rank_of_mentions[2] / n, 0.34);
}

}  // namespace
}  // namespace xfer::domains
