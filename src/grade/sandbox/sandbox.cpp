// SPDX-License-Identifier: Apache-2.0
#include "xfer/grade/sandbox.hpp"

#include "grade/sandbox/cage.hpp"
#include "grade/sandbox/syscall_filter.hpp"
#include "grade/sandbox/worker_pool.hpp"
#include "xfer/error.hpp"

#include <sys/random.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>

namespace xfer::grade {
namespace {

using std::chrono::milliseconds;

/// Unforeseeable, so it comes from the kernel and not from the study's seeds; it decides nothing
/// but whether a line was written by us.
std::string make_nonce() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw Error(Errc::not_available, "sandbox: the kernel gives no random numbers");
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const unsigned char b : bytes) {
    text += digits[b >> 4U];
    text += digits[b & 15U];
  }
  return text;
}

/// What the program reads; see `zygote.hpp`.
std::string make_payload(const SandboxProgram& program, const SandboxLimits& limits,
                         const std::string& nonce) {
  // Four more than threads: the program itself and the processes above it count too.
  std::string text = std::to_string(limits.cpu_time.count()) + " " +
                     std::to_string(limits.memory_bytes) + " " + std::to_string(limits.file_bytes) +
                     " " + std::to_string(limits.threads + 4) + " " + nonce + " " +
                     std::to_string(program.code.size());
  for (const std::string& check : program.checks) text += " " + std::to_string(check.size());
  text += "\n" + program.code;
  for (const std::string& check : program.checks) text += check;
  return text;
}

std::string describe_signal(int number) {
  switch (number) {
    case SIGXCPU: return "out of processor time";
    case SIGSEGV:
    case SIGBUS: return "crashed (memory or stack exhausted)";
    case SIGABRT: return "aborted";
    case SIGSYS: return "made a forbidden system call";
    default: return "killed by signal " + std::to_string(number);
  }
}

SandboxRun interpret(WorkerOutcome&& outcome, const std::string& nonce) {
  const std::string_view report = outcome.report;
  if (!report.starts_with("S\n"))
    throw Error(Errc::not_available, "sandbox: the cage did not take on its limits" +
                                         (outcome.timed_out ? std::string(" in time")
                                                            : ": " + outcome.err.substr(0, 300)));
  SandboxRun run;
  const std::string_view verdict = report.substr(2, report.find('\n', 2) - 2);
  if (verdict == "P" + nonce) {
    run.end = SandboxEnd::completed;
  } else if (verdict.starts_with('F')) {
    run.end = SandboxEnd::raised;
    run.failure = std::string(verdict.substr(1));
  } else if (outcome.timed_out) {
    run.end = SandboxEnd::timed_out;
    run.failure = "timed out";
  } else if (outcome.signal != 0) {
    run.end = SandboxEnd::killed;
    run.failure = describe_signal(outcome.signal);
  } else {
    run.end = SandboxEnd::exited;
    run.failure = "exited before its checks were done";
  }
  run.out = std::move(outcome.out);
  run.err = std::move(outcome.err);
  run.wall_time = outcome.wall_time;
  return run;
}

SandboxRun run_in(WorkerPool& pool, const SandboxProgram& program, const SandboxLimits& limits) {
  const std::string nonce = make_nonce();
  const std::string payload = make_payload(program, limits, nonce);
  return interpret(pool.run({.payload = payload,
                             .folder_bytes = limits.file_bytes,
                             .wall_time = limits.wall_time,
                             .output_bytes = limits.output_bytes}),
                   nonce);
}

std::unique_ptr<WorkerPool> make_pool() {
  const auto instructions = make_syscall_filter();
  if (instructions.empty())
    throw Error(Errc::not_available,
                "sandbox: no system-call filter for this processor (known: x86_64, aarch64)");
  std::string filter(instructions.size() * sizeof(sock_filter), '\0');
  std::memcpy(filter.data(), instructions.data(), filter.size());
  return std::make_unique<WorkerPool>(find_cage_tools(), std::move(filter));
}

/// Looks at the cage from inside: each check is a wall that must be there. The interpreter's own
/// folder may lie in a home folder, and is then the only thing to be seen there.
SandboxProgram self_test() {
  return {R"(
import _socket, os, resource, sys
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
    except OSError:
        return True
    return False
)",
          {"assert refused(_socket.socket, _socket.AF_INET, _socket.SOCK_STREAM), 'network'",
           "assert refused(_socket.socket, _socket.AF_NETLINK, _socket.SOCK_RAW), 'network'",
           "assert refused(os.fork), 'new processes'",
           "assert refused(open, '/etc/passwd'), 'reading /etc'",
           "assert not seen('/home') and not seen('/root'), 'home folders'",
           "assert refused(open, '/usr/xfer', 'w') and refused(open, '/xfer', 'w'), 'writing'",
           "assert refused(open, '/dev/shm/xfer', 'w'), 'writing to /dev'",
           "assert sorted(os.environ) == ['LANG', 'PATH'], 'environment'",
           "assert sum(p.isdigit() for p in os.listdir('/proc')) <= 2, 'other processes'",
           "assert os.getuid() == 65534 and refused(os.setuid, 0), 'identity'",
           "for limit in 'CPU', 'AS', 'FSIZE', 'NPROC', 'NOFILE':\n"
           "    name = getattr(resource, 'RLIMIT_' + limit)\n"
           "    assert resource.getrlimit(name)[1] != resource.RLIM_INFINITY, limit",
           "open('file', 'w').write('x' * 1000)"}};
}

struct PoolOrFault {
  std::unique_ptr<WorkerPool> pool;
  std::string fault;
  ::pid_t process = 0;
};

PoolOrFault start_pool() {
  PoolOrFault result;
  result.process = ::getpid();
  try {
    result.pool = make_pool();
    SandboxLimits limits;
    limits.wall_time = std::chrono::seconds(60);
    const SandboxRun run = run_in(*result.pool, self_test(), limits);
    if (run.end != SandboxEnd::completed)
      result.fault =
          "sandbox: this machine's cage does not hold (" + run.failure + "); refusing to run code";
  } catch (const Error& error) {
    result.fault = error.what();
  }
  return result;
}

/// Never destroyed: its cages end with the process. A forked copy of the process makes its own, as
/// two users of one cage would read each other's verdicts.
const PoolOrFault& shared_pool() {
  static std::mutex mutex;
  static const PoolOrFault* shared = nullptr;
  const std::lock_guard lock(mutex);
  if (!shared || shared->process != ::getpid()) shared = new PoolOrFault(start_pool());
  return *shared;
}

void check(const SandboxLimits& limits) {
  const auto refuse = [](const std::string& what) {
    throw Error(Errc::invalid_argument, "sandbox: " + what);
  };
  if (limits.wall_time < milliseconds(1) || limits.wall_time > std::chrono::hours(1))
    refuse("wall_time must be 1 ms to 1 h (got " + std::to_string(limits.wall_time.count()) +
           " ms)");
  if (limits.cpu_time.count() < 1 || limits.cpu_time > std::chrono::hours(1))
    refuse("cpu_time must be 1 s to 1 h (got " + std::to_string(limits.cpu_time.count()) + " s)");
  if (limits.memory_bytes < (32U << 20U) || limits.memory_bytes > (std::uint64_t{1} << 46U))
    refuse("memory_bytes must be at least 32 MiB (got " + std::to_string(limits.memory_bytes) +
           ")");
  if (limits.file_bytes < 4096 || limits.file_bytes > (std::uint64_t{1} << 40U))
    refuse("file_bytes must be 4096 to 2^40 (got " + std::to_string(limits.file_bytes) + ")");
  if (limits.threads < 0 || limits.threads > 1024)
    refuse("threads must be 0 to 1024 (got " + std::to_string(limits.threads) + ")");
  if (limits.output_bytes < 4096 || limits.output_bytes > (1U << 30U))
    refuse("output_bytes must be 4096 to 2^30 (got " + std::to_string(limits.output_bytes) + ")");
}

}  // namespace

Sandbox::Sandbox(SandboxLimits limits) : limits_(limits) {
  check(limits_);
  if (const std::string& fault = shared_pool().fault; !fault.empty())
    throw Error(Errc::not_available, fault);
}

SandboxRun Sandbox::run(const SandboxProgram& program) const {
  const PoolOrFault& shared = shared_pool();
  if (!shared.fault.empty()) throw Error(Errc::not_available, shared.fault);
  return run_in(*shared.pool, program, limits_);
}

}  // namespace xfer::grade
