// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/sandbox.hpp"

#include "tests/grade/cage_fixture.hpp"
#include "xfer/error.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

namespace xfer::grade {
namespace {

using Sandboxed = InCage;
using namespace std::chrono_literals;

TEST_F(Sandboxed, runs_a_program_and_its_checks) {
  const SandboxRun result = run("def f(x):\n  return 2 * x\nprint('hello')",
                                {"assert f(2) == 4", "assert f('a') == 'aa'"});
  EXPECT_EQ(result.end, SandboxEnd::completed);
  EXPECT_EQ(result.failure, "");
  EXPECT_EQ(result.out, "hello\n");
  EXPECT_EQ(result.err, "");
}

TEST_F(Sandboxed, says_which_check_failed_and_why) {
  const SandboxRun wrong = run("def f(x): return x", {"assert f(1) == 1", "assert f(2) == 4"});
  EXPECT_EQ(wrong.end, SandboxEnd::raised);
  EXPECT_EQ(wrong.failure, "check 2: AssertionError");
  const SandboxRun missing = run("", {"f(1)"});
  EXPECT_EQ(missing.failure, "check 1: NameError: name 'f' is not defined");
  const SandboxRun syntax = run("def f(:");
  EXPECT_EQ(syntax.end, SandboxEnd::raised);
  EXPECT_EQ(syntax.failure.substr(0, 21), "program: SyntaxError:");
}

TEST_F(Sandboxed, compiles_program_and_checks_apart) {
  // Appended as text, the open string would swallow the check.
  EXPECT_EQ(run("x = '''", {"assert False"}).end, SandboxEnd::raised);
  EXPECT_EQ(run("if False:\n  pass", {"assert False"}).end, SandboxEnd::raised);
}

TEST_F(Sandboxed, does_not_run_a_script_s_main_block) {
  EXPECT_EQ(run("if __name__ == '__main__':\n  input()\nx = 1", {"assert x == 1"}).end,
            SandboxEnd::completed);
}

TEST_F(Sandboxed, gives_the_program_its_usual_tools) {
  expect_holds(R"(
import collections, heapq, itertools, json, math, re, tempfile, threading
from dataclasses import dataclass
@dataclass
class Point:
    x: "int" = 1
assert Point().x == 1
with open("notes.txt", "w") as f: f.write("text")
assert open("notes.txt").read() == "text" and os.getcwd() == "/work"
t = threading.Thread(target=lambda: None); t.start(); t.join()
)");
}

TEST_F(Sandboxed, takes_programs_of_any_size_and_bytes) {
  EXPECT_EQ(run("x = '" + std::string(1 << 20, 'a') + "'", {"assert len(x) == 1 << 20"}).end,
            SandboxEnd::completed);
  EXPECT_EQ(run("\xff\xfe\x00\x80").end, SandboxEnd::raised);
  EXPECT_EQ(run(std::string("x = 1\0", 6)).end, SandboxEnd::raised);
  EXPECT_EQ(run("s = 'gr\xc3\xbc\xc3\x9f'", {"assert len(s) == 4"}).end, SandboxEnd::completed);
  EXPECT_EQ(run(std::string(200000, '(')).end, SandboxEnd::raised);
}

TEST_F(Sandboxed, runs_side_by_side_without_mixing) {
  std::vector<std::thread> threads;
  std::vector<int> wrong(6, 0);
  for (std::size_t t = 0; t < wrong.size(); ++t)
    threads.emplace_back([t, &wrong] {
      for (int i = 0; i < 4; ++i) {
        const std::string mark = std::to_string(t) + "/" + std::to_string(i);
        const SandboxRun result = Sandbox().run({"print('" + mark + "')", {"assert True"}});
        if (result.out != mark + "\n" || result.end != SandboxEnd::completed) ++wrong[t];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::count(wrong.begin(), wrong.end(), 0), 6);
}

TEST_F(Sandboxed, stops_an_endless_loop_by_its_processor_time) {
  const SandboxRun result = run("while True: pass");
  EXPECT_EQ(result.end, SandboxEnd::killed);
  EXPECT_EQ(result.failure, "out of processor time");
}

TEST_F(Sandboxed, stops_a_sleeper_by_wall_time) {
  SandboxLimits limits = quick();
  limits.wall_time = 400ms;
  const auto start = std::chrono::steady_clock::now();
  const SandboxRun result =
      run("import time\nprint('on', flush=True)\ntime.sleep(600)", {}, limits);
  EXPECT_EQ(result.end, SandboxEnd::timed_out);
  EXPECT_EQ(result.failure, "timed out");
  EXPECT_EQ(result.out, "on\n");
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(Sandboxed, works_in_a_forked_copy_of_the_process) {
  const auto works = [] { return run("x = 1", {"assert x == 1"}).end == SandboxEnd::completed; };
  EXPECT_TRUE(works());
  const pid_t copy = ::fork();
  if (copy == 0) ::_exit(works() ? 0 : 1);
  int status = -1;
  ::waitpid(copy, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  EXPECT_TRUE(works());
}

TEST_F(Sandboxed, replaces_cages_that_were_killed) {
  int killed = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream children(task.path() / "children");
    for (pid_t pid = 0; children >> pid; ++killed) ::kill(pid, SIGKILL);
  }
  if (killed == 0) GTEST_SKIP() << "this kernel does not list the children of a process";
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run("x = 1", {"assert x == 1"}).end, SandboxEnd::completed);
}

TEST(Sandbox, refuses_limits_that_make_no_sense) {
  const auto refused = [](auto change) {
    SandboxLimits limits;
    change(limits);
    try {
      Sandbox sandbox(limits);
    } catch (const Error& error) {
      return error.code() == Errc::invalid_argument;
    }
    return false;
  };
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.wall_time = 0ms; }));
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.cpu_time = 0s; }));
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.memory_bytes = 1024; }));
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.file_bytes = 0; }));
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.threads = -1; }));
  EXPECT_TRUE(refused([](SandboxLimits& l) { l.output_bytes = 0; }));
}

}  // namespace
}  // namespace xfer::grade
