// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/metrics.hpp"
#include "xfer/error.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace xfer::grade {
namespace {

using Texts = std::vector<std::string>;
using Numbers = std::vector<double>;

TEST(ChosenOption, compares_as_the_harness_does) {
  const Numbers given = {-4.0, -6.0, -5.0};
  const Numbers alone = {-1.0, -5.5, -3.0};
  const Texts options = {"ab", "abcdefgh", "gr\xc3\xbc\xc3\x9f"};
  const OptionLogprobs all{given, alone, options};
  EXPECT_EQ(chosen_option(ChoiceScore::acc, all), 0U);
  EXPECT_EQ(chosen_option(ChoiceScore::acc_norm, all), 1U);         // -2, -0.75, -1.25
  EXPECT_EQ(chosen_option(ChoiceScore::acc_mutual_info, all), 1U);  // -3, -0.5, -2
  const Numbers equal = {-2.0, -2.0};
  EXPECT_EQ(chosen_option(ChoiceScore::acc, {equal, {}, {}}), 0U) << "the first of equal ones";
  const Numbers impossible = {-std::numeric_limits<double>::infinity(), -3.0};
  EXPECT_EQ(chosen_option(ChoiceScore::acc, {impossible, {}, {}}), 1U);
}

TEST(ChosenOption, refuses_what_makes_no_sense) {
  const Numbers given = {-4.0, -6.0};
  const Numbers positive = {-4.0, 6.0};
  const Numbers nan = {-4.0, std::nan("")};
  const Numbers one = {-1.0};
  const Texts empty_option = {"", "b"};
  EXPECT_THROW(chosen_option(ChoiceScore::acc, {}), Error);
  EXPECT_THROW(chosen_option(ChoiceScore::acc, {positive, {}, {}}), Error);
  EXPECT_THROW(chosen_option(ChoiceScore::acc, {nan, {}, {}}), Error);
  EXPECT_THROW(chosen_option(ChoiceScore::acc_norm, {given, {}, {}}), Error);
  EXPECT_THROW(chosen_option(ChoiceScore::acc_norm, {given, {}, empty_option}), Error);
  EXPECT_THROW(chosen_option(ChoiceScore::acc_mutual_info, {given, one, {}}), Error);
  EXPECT_EQ(choice_score("acc_norm"), ChoiceScore::acc_norm);
  EXPECT_THROW(choice_score("accuracy"), Error);
}

TEST(Entities, are_counted_once) {
  const std::vector<Texts> gold = {{"aspirin", "ASA"}, {"ibuprofen"}};
  const Texts answers = {"codeine", "Codeine", "asa", "Aspirin."};
  const ListScores scores = list_scores({gold, answers});
  EXPECT_DOUBLE_EQ(scores.precision, 0.5);
  EXPECT_DOUBLE_EQ(scores.recall, 0.5);
  EXPECT_DOUBLE_EQ(scores.f1, 0.5);
  EXPECT_DOUBLE_EQ(reciprocal_rank({gold, answers}), 1.0 / 3.0);
  EXPECT_EQ(list_scores({gold, {}}).f1, 0.0);
  EXPECT_THROW(list_scores({{}, answers}), Error);
}

}  // namespace
}  // namespace xfer::grade
