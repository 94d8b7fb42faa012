// SPDX-License-Identifier: Apache-2.0
#include "serve/seq_queue.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace xfer::serve {
namespace {

using Queue = SeqQueue<std::string>;

std::vector<std::string> all_of(Queue& queue) {
  std::vector<std::string> out;
  while (auto item = queue.take()) out.push_back(*item);
  return out;
}

TEST(SeqQueue, gives_items_in_the_order_of_their_numbers) {
  Queue queue(8);
  EXPECT_EQ(queue.offer(3, "c"), Queue::Offer::taken);
  EXPECT_EQ(queue.offer(2, "b"), Queue::Offer::taken);
  EXPECT_TRUE(queue.waits_for_a_gap());
  EXPECT_FALSE(queue.take());
  EXPECT_EQ(queue.offer(1, "a"), Queue::Offer::taken);
  EXPECT_FALSE(queue.waits_for_a_gap());
  EXPECT_EQ(all_of(queue), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(queue.next(), 4);
}

TEST(SeqQueue, takes_a_number_once) {
  Queue queue(8);
  EXPECT_EQ(queue.offer(1, "a"), Queue::Offer::taken);
  EXPECT_EQ(queue.offer(1, "again"), Queue::Offer::repeated);
  EXPECT_EQ(all_of(queue), std::vector<std::string>{"a"});
  EXPECT_EQ(queue.offer(1, "again"), Queue::Offer::repeated);
  EXPECT_EQ(queue.offer(0, "before"), Queue::Offer::repeated);
  EXPECT_EQ(queue.offer(-5, "before"), Queue::Offer::repeated);
}

TEST(SeqQueue, holds_no_more_than_allowed_but_always_takes_the_next) {
  Queue queue(2);
  EXPECT_EQ(queue.offer(5, "e"), Queue::Offer::taken);
  EXPECT_EQ(queue.offer(4, "d"), Queue::Offer::taken);
  std::string item = "c";
  EXPECT_EQ(queue.offer(3, std::move(item)), Queue::Offer::full);
  EXPECT_EQ(item, "c");
  EXPECT_EQ(queue.offer(1, "a"), Queue::Offer::taken);
  EXPECT_EQ(all_of(queue), std::vector<std::string>{"a"});
}

TEST(SeqQueue, gives_up_a_gap) {
  Queue queue(8);
  queue.offer(4, "d");
  queue.offer(7, "g");
  EXPECT_EQ(queue.take_any(), "d");
  EXPECT_EQ(queue.take_any(), "g");
  EXPECT_FALSE(queue.take_any());
  EXPECT_EQ(queue.offer(5, "late"), Queue::Offer::repeated);
  EXPECT_EQ(queue.offer(8, "h"), Queue::Offer::taken);
  EXPECT_EQ(all_of(queue), std::vector<std::string>{"h"});
}

TEST(SeqQueue, bears_the_largest_number) {
  Queue queue(8);
  queue.offer(std::numeric_limits<std::int32_t>::max(), "z");
  EXPECT_EQ(queue.take_any(), "z");
  EXPECT_EQ(queue.next(), std::int64_t{std::numeric_limits<std::int32_t>::max()} + 1);
}

}  // namespace
}  // namespace xfer::serve
