// SPDX-License-Identifier: Apache-2.0
// Runs Python that nobody has read, held by the kernel's own means.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#pragma GCC visibility push(default)
namespace xfer::grade {

/// What a program may use. Beyond it the program is stopped, and the run says so.
struct SandboxLimits {
  std::chrono::milliseconds wall_time = std::chrono::seconds(15);
  /// Processor time over all its threads, at least 1 s.
  std::chrono::seconds cpu_time = std::chrono::seconds(5);
  /// Address space, bytes.
  std::uint64_t memory_bytes = 512U << 20U;
  /// Each file, and all files of the working folder together.
  std::uint64_t file_bytes = 16U << 20U;
  int threads = 32;
  /// Kept of stdout and of stderr each; the rest is read and dropped.
  std::size_t output_bytes = 64U << 10U;
};

/// A program, and the statements that check it: each is compiled on its own and run in the
/// program's namespace after it, in order.
struct SandboxProgram {
  std::string code;
  std::vector<std::string> checks;
};

/// How a run ended.
enum class SandboxEnd {
  completed,  ///< The program and every check ran to their end.
  raised,     ///< An exception, a failed assertion or a syntax error.
  exited,     ///< It ended the process before the checks were done.
  killed,     ///< A signal: out of memory or processor time, or a crash.
  timed_out,  ///< Wall time ran out.
};

struct SandboxRun {
  SandboxEnd end = SandboxEnd::exited;
  /// Why it did not complete, e.g. "check 2: AssertionError"; "" when it did.
  std::string failure;
  std::string out;
  std::string err;
  std::chrono::milliseconds wall_time{0};
};

/// A cage for one program at a time: own user, process, network, file-system and IPC namespaces
/// (bubblewrap), a system-call filter, resource limits. The program sees a read-only /usr, an
/// empty working folder in memory, and nothing of the host's files, environment, network or
/// processes; it cannot start further processes. When `run` returns, nothing of it is left.
///
/// The program can end its own run as it likes, and could forge its own success if it set out to:
/// the cage protects the host, and the other runs, from it.
///
/// Cages are kept warm for the next program, which finds nothing of the one before: each program
/// has its own processes, interpreter state and working folder. Cages end with the process; a
/// forked copy of the process makes its own.
///
/// Immutable; safe to call concurrently, each call has a cage to itself.
class Sandbox {
public:
  /// Throws `invalid_argument` when a limit is out of range, and `not_available`, naming what is
  /// missing, where this machine cannot hold a program. The first call tests the cage from
  /// inside; the result stands for the life of the process.
  explicit Sandbox(SandboxLimits limits = {});

  /// Runs the program to its end. Throws `not_available` when the cage itself fails: that is
  /// never the program's result.
  SandboxRun run(const SandboxProgram& program) const;

private:
  SandboxLimits limits_;
};

}  // namespace xfer::grade
#pragma GCC visibility pop
