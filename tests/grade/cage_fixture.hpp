// SPDX-License-Identifier: Apache-2.0
// Programs in the sandbox, for tests.
#pragma once

#include "xfer/error.hpp"
#include "xfer/grade/sandbox.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace xfer::grade {

/// Skips where the machine has no cage; after each test, the next program must be unaffected.
class InCage : public ::testing::Test {
protected:
  void SetUp() override {
    try {
      Sandbox();
    } catch (const Error& error) {
      GTEST_SKIP() << error.what();
    }
  }

  void TearDown() override {
    if (IsSkipped()) return;
    const SandboxRun next = Sandbox().run({unaffected, {"assert x + x == 4"}});
    EXPECT_EQ(next.end, SandboxEnd::completed) << next.failure;
  }

  static SandboxRun run(std::string code, std::vector<std::string> checks = {},
                        SandboxLimits limits = quick()) {
    return Sandbox(limits).run({std::move(code), std::move(checks)});
  }
  static SandboxLimits quick() {
    SandboxLimits limits;
    limits.cpu_time = std::chrono::seconds(1);
    limits.wall_time = std::chrono::seconds(20);
    return limits;
  }
  /// Runs code whose own assertions describe what must hold inside.
  static void expect_holds(std::string code) {
    const SandboxRun result = run(preamble + std::move(code));
    EXPECT_EQ(result.end, SandboxEnd::completed) << result.failure << result.err;
  }

  /// Looks for anything that an earlier program could have left behind.
  static inline const std::string unaffected = R"(
import builtins, os, resource, signal, socket, sys, threading
assert os.listdir("/work") == [] and os.getcwd() == "/work"
assert os.stat("/work").st_mode & 0o7777 == 0o700 and os.stat("/work").st_mtime > 1
try: assert os.listxattr("/work") == []
except OSError: pass
assert os.getpid() == 2 and os.sched_getaffinity(0) == os.sched_getaffinity(1)
assert sorted(os.environ) == ["LANG", "PATH"] and sys.argv == [""]
assert sum(p.isdigit() for p in os.listdir("/proc")) <= 2 and threading.active_count() == 1
assert all(type(f) is type(len) for f in (builtins.exec, builtins.compile, os.write, os._exit))
assert signal.getsignal(signal.SIGALRM) == signal.SIG_DFL and signal.getitimer(0) == (0.0, 0.0)
assert sys.gettrace() is None and sys.getrecursionlimit() == 1000
assert resource.getrusage(resource.RUSAGE_SELF).ru_utime < 1
assert sys.stdin.read() == "" and os.uname().nodename == "sandbox"
try:
    socket.socket(socket.AF_UNIX).connect("\0left behind")
    raise AssertionError("a socket was left behind")
except OSError: pass
x = 2
)";

  static inline const std::string preamble = R"(
import os, sys
own = sys.base_prefix + "/"
def seen(folder):
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    return [n for n in names if not own.startswith(folder + "/" + n + "/")]
def refused(call, *args):
    try:
        call(*args)
    except (OSError, MemoryError, RuntimeError):
        return True
    return False
)";
};

}  // namespace xfer::grade
