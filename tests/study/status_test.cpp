// SPDX-License-Identifier: Apache-2.0
// What another process can see of a run.
#include "tests/study/study_testing.hpp"

#include "study/ledger/surroundings.hpp"
#include "xfer/study/status.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

TEST(Status, of_a_finished_run) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const StudyResult result = run(letter_study(), folder.path(), backend);
  const RunStatus status = read_status(folder.path());
  EXPECT_EQ(status.name, "letters");
  EXPECT_EQ(status.model, "fake model");
  EXPECT_FALSE(status.running);
  EXPECT_TRUE(status.finished);
  EXPECT_EQ(status.legs_done, static_cast<int>(result.legs.size()));
  EXPECT_EQ(status.legs_done, status.legs_planned);
  EXPECT_EQ(status.evaluations_done, status.evaluations_planned);
  EXPECT_EQ(status.items_done, status.items_planned);
  EXPECT_EQ(status.share, 1.0);
  EXPECT_NE(status.machine.find("threads"), std::string::npos);
  EXPECT_FALSE(status.seconds_left);
  ASSERT_EQ(status.cells.size(), 1U);
  EXPECT_EQ(status.cells[0].done, 11);  // a baseline, and five conditions of two seeds
  EXPECT_EQ(status.cells[0].planned, 11);
  EXPECT_TRUE(status.training.empty());
  EXPECT_TRUE(status.testing.empty());
}

TEST(Status, of_a_run_under_way_seen_from_within) {
  const TemporaryFolder folder;
  FakeBackend backend;
  std::vector<RunStatus> seen;
  run(letter_study(), folder.path(), backend, [&](const Event& event) {
    if (event.kind == Event::Kind::eval_finished) seen.push_back(read_status(folder.path()));
  });
  ASSERT_GT(seen.size(), 4U);
  double last = 0.0;
  for (const RunStatus& status : seen) {
    EXPECT_TRUE(status.running);
    EXPECT_NE(status.holder.find("pid " + std::to_string(getpid())), std::string::npos);
    EXPECT_EQ(status.outcome, "interrupted");  // as long as it has not ended
    EXPECT_GE(status.share, last);
    last = status.share;
  }
  EXPECT_GT(last, 0.5);
}

TEST(Status, of_a_stopped_run_says_what_has_begun) {
  const TemporaryFolder folder;
  FakeBackend backend;
  std::atomic<bool> stop = false;
  error_of(Errc::cancelled, [&] {
    run(
        letter_study(), folder.path(), backend,
        [&](const Event& e) { stop = stop || (e.kind == Event::Kind::step && e.step == 2); },
        &stop);
  });
  const RunStatus status = read_status(folder.path());
  EXPECT_FALSE(status.finished);
  EXPECT_EQ(status.outcome, "cancelled");
  ASSERT_EQ(status.training.size(), 1U);
  EXPECT_EQ(status.training[0].done, 2);
  EXPECT_EQ(status.training[0].planned, 7);
  EXPECT_TRUE(status.training[0].loss);
  EXPECT_FALSE(status.training[0].reward);
}

TEST(Status, knows_the_commit_that_is_checked_out) {
  const TemporaryFolder folder;
  const fs::path git = folder.path() / ".git";
  EXPECT_EQ(git_state(folder.path() / "a"), "");
  fs::create_directories(git / "refs" / "heads");
  fs::create_directories(folder.path() / "a" / "b");
  std::ofstream(git / "HEAD") << "ref: refs/heads/main\n";
  std::ofstream(git / "packed-refs") << "# pack-refs\nabc123 refs/heads/main\n";
  EXPECT_EQ(git_state(folder.path() / "a" / "b"), "abc123 (main)");
  std::ofstream(git / "refs" / "heads" / "main") << "def456\n";
  EXPECT_EQ(git_state(folder.path() / "a" / "b"), "def456 (main)");
  std::ofstream(git / "HEAD") << "789\n";
  EXPECT_EQ(git_state(folder.path()), "789");
}

TEST(Status, refuses_a_folder_without_a_run) {
  const TemporaryFolder folder;
  error_of(Errc::io, [&] { read_status(folder.path()); });
  std::ofstream(folder.path() / "study.db") << "not a database, but as long as one might be";
  error_of(Errc::bad_data, [&] { read_status(folder.path()); });
}

}  // namespace
}  // namespace xfer::study
