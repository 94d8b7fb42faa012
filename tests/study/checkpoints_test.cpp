// SPDX-License-Identifier: Apache-2.0
// Checkpoints that are not needed any more, and those that are gone too early.
#include "tests/study/study_testing.hpp"

#include "study/ledger/run_lock.hpp"
#include "study/run/study_run.hpp"
#include "xfer/study/checkpoints.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

std::size_t checkpoints_in(const fs::path& run_folder) {
  std::size_t count = 0;
  for (const auto& leg : fs::directory_iterator(run_folder / "checkpoints"))
    for (const auto& entry : fs::directory_iterator(leg.path())) count += entry.is_directory();
  return count;
}

/// A study that was stopped while its sequential runs were trained.
void run_halfway(const fs::path& folder, FakeBackend& backend) {
  std::atomic<bool> stop = false;
  error_of(Errc::cancelled, [&] {
    run(
        letter_study(), folder, backend,
        [&](const Event& e) {
          if (e.kind == Event::Kind::step && e.text.find("->") != std::string::npos) stop = true;
        },
        &stop);
  });
}

TEST(Checkpoints, of_a_finished_run_none_is_needed) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string whole = comparable(run(letter_study(), folder.path(), backend));
  const std::size_t before = checkpoints_in(folder.path());
  ASSERT_GT(before, 0U);
  const auto listed = unneeded_checkpoints(folder.path(), true);
  EXPECT_EQ(listed.size(), before);
  EXPECT_EQ(checkpoints_in(folder.path()), before) << "listing removes nothing";
  for (const StoredCheckpoint& one : listed) {
    EXPECT_FALSE(one.remote);
    EXPECT_GT(one.bytes, 1000U);
    EXPECT_NE(one.description, "");
  }
  EXPECT_EQ(remove_unneeded_checkpoints(folder.path(), true, nullptr).size(), before);
  EXPECT_EQ(checkpoints_in(folder.path()), 0U);
  EXPECT_TRUE(unneeded_checkpoints(folder.path(), true).empty());
  backend.trainers_created = 0;
  EXPECT_EQ(comparable(run(letter_study(), folder.path(), backend)), whole);
  EXPECT_EQ(backend.trainers_created, 0);
}

TEST(Checkpoints, of_a_run_under_way_those_are_kept_that_something_starts_from) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string whole = comparable(run(letter_study(), folder.path() / "whole", backend));
  const fs::path stopped = folder.path() / "stopped";
  run_halfway(stopped, backend);
  const fs::path stray = stopped / "checkpoints" / "no-such-leg" / "step-1";
  fs::create_directories(stray);
  std::ofstream(stray / "state") << "left behind";
  const auto removed = remove_unneeded_checkpoints(stopped, true, nullptr);
  ASSERT_FALSE(removed.empty());
  EXPECT_FALSE(fs::exists(stray));
  std::set<std::string> lost;
  EXPECT_EQ(comparable(run(letter_study(), stopped, backend,
                           [&](const Event& e) {
                             if (e.kind == Event::Kind::leg_lost) lost.insert(e.text);
                           })),
            whole);
  EXPECT_TRUE(lost.empty()) << *lost.begin();
}

/// What a run needs after all, because its row says that it is gone, is trained again.
TEST(Checkpoints, a_needed_one_that_is_gone_is_trained_again_and_said_so) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string whole = comparable(run(letter_study(), folder.path() / "whole", backend));
  const fs::path stopped = folder.path() / "stopped";
  run_halfway(stopped, backend);
  {
    Sqlite database(stopped / "study.db", Sqlite::Mode::read_write, "ledger");
    database.execute("UPDATE legs SET checkpoint = ''");
  }
  std::set<std::string> lost;
  EXPECT_EQ(comparable(run(letter_study(), stopped, backend,
                           [&](const Event& e) {
                             if (e.kind == Event::Kind::leg_lost) lost.insert(e.text);
                           })),
            whole);
  EXPECT_FALSE(lost.empty());
}

TEST(Checkpoints, are_not_removed_under_a_running_study) {
  const TemporaryFolder folder;
  FakeBackend backend;
  run(letter_study(), folder.path(), backend);
  const RunLock lock(folder.path());
  const std::string text = error_of(
      Errc::unavailable, [&] { remove_unneeded_checkpoints(folder.path(), false, nullptr); });
  EXPECT_NE(text.find("in use by pid"), std::string::npos) << text;
}

}  // namespace
}  // namespace xfer::study
