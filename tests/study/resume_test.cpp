// SPDX-License-Identifier: Apache-2.0
// A study that is stopped, killed or out of space goes on where it was and ends with the same bits.
#include "tests/study/study_testing.hpp"

#include "study/run/study_run.hpp"
#include "xfer/study/runner.hpp"

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace xfer::study {
namespace {

using testing::FakeBackend;
namespace fs = std::filesystem;

/// Commits as often as it can, so that there are many places to be killed at.
RunTuning fine_grained(std::function<void()> on_commit) {
  RunTuning tuning;
  tuning.on_commit = std::move(on_commit);
  tuning.checkpoint_every = std::chrono::seconds(0);
  tuning.items_per_commit = 4;
  tuning.commit_every = std::chrono::seconds(0);
  return tuning;
}

StudyResult run_finely(const StudySpec& spec, const fs::path& folder, FakeBackend& backend,
                       std::function<void()> on_commit) {
  RunOptions options;
  options.run_folder = folder;
  return run_study(spec, options, &backend, letter_domains(), fine_grained(std::move(on_commit)));
}

/// Interrupts at the k-th moment around a transaction, for every k, and takes it up again.
TEST(Resume, stopped_at_any_transaction_it_ends_with_the_same_result) {
  const TemporaryFolder folder;
  StudySpec spec = letter_study_tested_further();
  spec.conditions = {Condition::baseline, Condition::transfer, Condition::sequential};
  spec.prompt_variants = 1;
  spec.seeds = {3};
  spec.steps = 4;
  spec.items = 6;
  spec.eval_every = 2;
  FakeBackend backend;
  int moments = 0;
  const std::string undisturbed =
      comparable(run_finely(spec, folder.path() / "whole", backend, [&] { ++moments; }));
  ASSERT_GT(moments, 50);
  struct Stop {};
  for (int k = 1; k <= moments; ++k) {
    const fs::path run_folder = folder.path() / "stopped";
    int count = 0;
    EXPECT_THROW(run_finely(spec, run_folder, backend,
                            [&] {
                              if (++count == k) throw Stop();
                            }),
                 Stop);
    ASSERT_EQ(comparable(run_finely(spec, run_folder, backend, {})), undisturbed) << k;
    fs::remove_all(run_folder);
  }
}

/// One folder, killed again and again at ever the next transaction.
TEST(Resume, stopped_again_and_again_it_still_gets_there) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string undisturbed =
      comparable(run_finely(letter_study(), folder.path() / "whole", backend, {}));
  struct Stop {};
  std::string result;
  for (int attempt = 0; result.empty(); ++attempt) {
    ASSERT_LT(attempt, 1000);
    int count = 0;
    try {
      result = comparable(run_finely(letter_study(), folder.path() / "stopped", backend, [&] {
        if (++count == 6) throw Stop();
      }));
    } catch (const Stop&) {
    }
  }
  EXPECT_EQ(result, undisturbed);
}

TEST(Resume, survives_sigkill) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string undisturbed =
      comparable(run_finely(letter_study(), folder.path() / "whole", backend, {}));
  for (const int moment : {1, 2, 5, 23, 60, 97}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      int count = 0;
      try {
        run_finely(letter_study(), folder.path() / "killed", backend, [&] {
          if (++count == moment) kill(getpid(), SIGKILL);
        });
      } catch (...) {
        _exit(2);
      }
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFSIGNALED(status)) << moment;
    if (moment < 5) continue;
    // What the killed process left can be read as it is.
    EXPECT_EQ(load_result(folder.path() / "killed").cells.size(), 1U);
  }
  EXPECT_EQ(comparable(run_finely(letter_study(), folder.path() / "killed", backend, {})),
            undisturbed);
}

TEST(Resume, stops_when_asked_and_goes_on_later) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string undisturbed = comparable(run(letter_study(), folder.path() / "whole", backend));
  for (const Event::Kind when : {Event::Kind::eval_progress, Event::Kind::step}) {
    std::atomic<bool> stop = false;
    std::vector<Event::Kind> after;
    const std::string text = error_of(Errc::cancelled, [&] {
      run(
          letter_study(), folder.path() / "stopped", backend,
          [&](const Event& e) {
            if (stop) after.push_back(e.kind);
            if (e.kind == when) stop = true;
          },
          &stop);
    });
    EXPECT_NE(text.find("run again"), std::string::npos);
    ASSERT_FALSE(after.empty());
    EXPECT_EQ(after.back(), Event::Kind::cancelled);
    const StudyResult so_far = load_result(folder.path() / "stopped");
    EXPECT_LT(so_far.legs.size(), 10U);
  }
  EXPECT_EQ(comparable(run(letter_study(), folder.path() / "stopped", backend)), undisturbed);
}

TEST(Resume, a_run_folder_can_be_moved) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string undisturbed = comparable(run(letter_study(), folder.path() / "whole", backend));
  std::atomic<bool> stop = false;
  error_of(Errc::cancelled, [&] {
    run(
        letter_study(), folder.path() / "here", backend,
        [&](const Event& e) {
          if (e.kind == Event::Kind::step && e.text.find("->") != std::string::npos) stop = true;
        },
        &stop);
  });
  fs::rename(folder.path() / "here", folder.path() / "there");
  EXPECT_EQ(comparable(run(letter_study(), folder.path() / "there", backend)), undisturbed);
}

/// A limit on the size of files stands in for a full disk.
TEST(Resume, a_full_disk_stops_cleanly) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const std::string undisturbed = comparable(run(letter_study(), folder.path() / "whole", backend));
  for (const rlim_t bytes : {20'000U, 60'000U, 90'000U, 120'000U}) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      signal(SIGXFSZ, SIG_IGN);
      const rlimit limit{bytes, bytes};
      setrlimit(RLIMIT_FSIZE, &limit);
      try {
        run(letter_study(), folder.path() / "full", backend);
      } catch (const Error& e) {
        _exit(e.code() == Errc::io ? 3 : 2);
      } catch (...) {
        _exit(2);
      }
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 3) << bytes;
  }
  EXPECT_EQ(comparable(run(letter_study(), folder.path() / "full", backend)), undisturbed);
}

TEST(Resume, a_run_folder_may_be_spelled_in_any_way) {
  const TemporaryFolder folder;
  FakeBackend backend;
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  std::atomic<bool> stop = false;
  error_of(Errc::cancelled, [&] {
    run(
        letter_study(), "./a/../run/", backend,
        [&](const Event& e) { stop = stop || e.kind == Event::Kind::step; }, &stop);
  });
  fs::current_path(before);
  EXPECT_EQ(run(letter_study(), folder.path() / "run", backend).legs.size(), 10U);
  error_of(Errc::invalid_argument, [&] { run(letter_study(), "", backend); });
}

}  // namespace
}  // namespace xfer::study
