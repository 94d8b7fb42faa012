// SPDX-License-Identifier: Apache-2.0
#include "tinker/remote/journal.hpp"

#include <gtest/gtest.h>

namespace xfer::tinker {
namespace {

GradientStep gradient(int tokens) {
  GradientStep step;
  step.data.emplace_back(ModelInput(std::vector<std::int32_t>(static_cast<std::size_t>(tokens))));
  return step;
}

TEST(Journal, forgets_what_a_checkpoint_holds) {
  Journal journal(1000);
  EXPECT_TRUE(journal.path().empty());
  journal.add(gradient(1));
  journal.add(AdamParams());
  journal.add(gradient(2));
  EXPECT_EQ(journal.entries().size(), 3U);
  EXPECT_EQ(journal.steps(), 1);
  journal.saved_as("tinker://r/weights/a");
  ASSERT_EQ(journal.entries().size(), 1U);  // gradients that no step has used
  EXPECT_TRUE(journal.with_optimizer());
  EXPECT_EQ(journal.steps(), 1);
  journal.drop_gradients();
  EXPECT_TRUE(journal.entries().empty());
  journal.start_from("tinker://r/weights/b", false, 0);
  EXPECT_EQ(journal.steps(), 0);
  EXPECT_FALSE(journal.with_optimizer());
}

TEST(Journal, says_when_it_no_longer_remembers_all) {
  Journal journal(1000);
  journal.add(gradient(200));
  EXPECT_TRUE(journal.complete());
  journal.add(gradient(200));
  EXPECT_FALSE(journal.complete());
  EXPECT_TRUE(journal.entries().empty());
  // A checkpoint does not hold gradients that were forgotten.
  journal.saved_as("tinker://r/weights/a");
  EXPECT_FALSE(journal.complete());
  journal.add(AdamParams());
  EXPECT_EQ(journal.steps(), 1);
  journal.saved_as("tinker://r/weights/b");
  EXPECT_TRUE(journal.complete());
}

}  // namespace
}  // namespace xfer::tinker
