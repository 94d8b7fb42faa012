// SPDX-License-Identifier: Apache-2.0
// Every attack is contained, and the next program on the same cage is unaffected.
#include "tests/grade/attacks.hpp"

#include "tests/grade/cage_fixture.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace xfer::grade {
namespace {

using namespace std::chrono_literals;

std::string secret_path() {
  return (std::filesystem::temp_directory_path() / ("xfer-secret-" + std::to_string(::getpid())))
      .string();
}

std::vector<Attack> attacks() {
  const char* home = std::getenv("HOME");
  return all_attacks(secret_path(), home && *home == '/' ? home : "/root");
}

class Contained : public InCage, public ::testing::WithParamInterface<Attack> {
protected:
  static void SetUpTestSuite() {
    std::ofstream(secret_path()) << "secret";
    ::setenv("XFER_TEST_SECRET", "do not show", 1);
  }
  static void TearDownTestSuite() {
    std::filesystem::remove(secret_path());
    ::unsetenv("XFER_TEST_SECRET");
  }
};

/// What attacks may use, besides `refused` and `seen`.
constexpr const char* tools = R"(
import ctypes, types
libc = ctypes.CDLL(None, use_errno=True)
c_long, c_size_t = ctypes.c_long, ctypes.c_size_t
types_file = types.__file__
)";

TEST_P(Contained, and_the_next_program_is_unaffected) {
  const Attack& attack = GetParam();
  SandboxLimits limits = quick();
  limits.output_bytes = 8192;
  if (attack.containment == Containment::timed_out) limits.wall_time = 800ms;
  const SandboxRun result = Sandbox(limits).run({preamble + tools + attack.code, attack.checks});
  SCOPED_TRACE(result.failure + "\n" + result.err.substr(0, 500));
  switch (attack.containment) {
    case Containment::holds: EXPECT_EQ(result.end, SandboxEnd::completed); break;
    case Containment::fails: EXPECT_NE(result.end, SandboxEnd::completed); break;
    case Containment::killed: EXPECT_EQ(result.end, SandboxEnd::killed); break;
    case Containment::timed_out: EXPECT_EQ(result.end, SandboxEnd::timed_out); break;
    case Containment::exited: EXPECT_EQ(result.end, SandboxEnd::exited); break;
  }
  EXPECT_NE(result.failure.find(attack.failure), std::string::npos);
  EXPECT_LE(result.out.size(), 8192U);
  EXPECT_LE(result.err.size(), 8192U);
}

INSTANTIATE_TEST_SUITE_P(Attack, Contained, ::testing::ValuesIn(attacks()),
                         [](const auto& attack) { return attack.param.name; });

TEST(Attacks, are_many_and_of_different_names) {
  const auto all = attacks();
  EXPECT_GE(all.size(), 40U);
  for (std::size_t i = 0; i < all.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) EXPECT_NE(all[i].name, all[j].name);
}

}  // namespace
}  // namespace xfer::grade
