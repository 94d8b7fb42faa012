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
    const SandboxRun next = Sandbox().run({"x = 2", {"assert x + x == 4"}});
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
