// SPDX-License-Identifier: Apache-2.0
// Legs side by side: the same results, each after its parent, and an end when one fails.
#include "tests/study/study_testing.hpp"

#include "study/run/schedule.hpp"
#include "xfer/study/runner.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;

TEST(Schedule, gives_the_base_first_and_children_after_their_parents) {
  Plan plan;
  plan.evaluations.resize(2);
  plan.evaluations[1].leg = 0;
  plan.legs.resize(3);
  plan.legs[1].parent = 0;
  boost::asio::io_context loop(1);
  Schedule schedule(plan, all_of_plan(plan), loop.get_executor());
  const auto next = [&] {
    auto result = boost::asio::co_spawn(loop, schedule.next(), boost::asio::use_future);
    loop.restart();
    loop.poll();
    return result;
  };
  using Kind = Schedule::Job::Kind;
  const auto base = next().get();
  EXPECT_EQ(base->kind, Kind::evaluation);
  const auto parent = next().get();
  EXPECT_EQ(parent->index, 0U);
  EXPECT_EQ(next().get()->index, 2U);
  auto child = next();
  EXPECT_EQ(child.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  schedule.finished(*parent);
  loop.restart();
  loop.poll();
  EXPECT_EQ(child.get()->index, 1U);
  EXPECT_FALSE(next().get());
}

TEST(Schedule, legs_side_by_side_give_the_same_study) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string one_by_one = comparable(run(letter_study(), folder.path() / "one", backend));
  backend.at_once = 5;
  std::set<std::string> running;
  std::size_t most = 0;
  const StudyResult result =
      run(letter_study(), folder.path() / "five", backend, [&](const Event& event) {
        if (event.kind == Event::Kind::leg_started) running.insert(event.text);
        if (event.kind == Event::Kind::leg_finished) running.erase(event.text);
        most = std::max(most, running.size());
      });
  EXPECT_EQ(comparable(result), one_by_one);
  EXPECT_GE(most, 1U);
}

TEST(Schedule, when_one_leg_fails_the_others_stop_and_its_failure_is_told) {
  const TemporaryFolder folder;
  FakeBackend backend;
  backend.at_once = 4;
  backend.diverge_at = 3;
  error_of(Errc::diverged, [&] { run(letter_study(), folder.path(), backend); });
  backend.diverge_at = -1;
  const std::string after = comparable(run(letter_study(), folder.path(), backend));
  backend.at_once = 1;
  EXPECT_EQ(after, comparable(run(letter_study(), folder.path() / "whole", backend)));
}

}  // namespace
}  // namespace xfer::study
