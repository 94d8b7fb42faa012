#include "xfer/grade/sandbox.hpp"

#include "grade/bootstrap.hpp"
#include "grade/cage.hpp"
#include "grade/sandbox_process.hpp"
#include "grade/syscall_filter.hpp"
#include "xfer/error.hpp"

#include <sys/random.h>
#include <sys/wait.h>

#include <array>
#include <csignal>
#include <cstring>

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

/// The bootstrap's input; see there.
std::string make_payload(const SandboxProgram& program, const SandboxLimits& limits,
                         const std::string& nonce) {
  // Two more than threads: the program itself and bubblewrap's reaper count too.
  std::string text = std::to_string(limits.cpu_time.count()) + " " +
                     std::to_string(limits.memory_bytes) + " " +
                     std::to_string(limits.file_bytes) + " " +
                     std::to_string(limits.threads + 2) + " " + nonce + " " +
                     std::to_string(program.code.size());
  for (const std::string& check : program.checks) text += " " + std::to_string(check.size());
  text += "\n" + program.code;
  for (const std::string& check : program.checks) text += check;
  return text;
}

/// bubblewrap passes on a signal as exit code 128 + signal.
int signal_of(int status) noexcept {
  if (status == -1) return 0;
  if (WIFSIGNALED(status)) return WTERMSIG(status);
  const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  return code > 128 && code < 128 + 65 ? code - 128 : 0;
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

SandboxRun interpret(ProcessOutcome&& outcome, const std::string& nonce) {
  const std::string_view report = outcome.report;
  if (!report.starts_with("S\n")) {
    const std::string reason = outcome.err.substr(0, 300);
    throw Error(Errc::not_available,
                "sandbox: the cage did not start" +
                    (outcome.timed_out ? std::string(" in time") : ": " + reason) +
                    " (needed: bubblewrap 0.7 or newer, unprivileged user namespaces, seccomp)");
  }
  SandboxRun run;
  const std::string_view verdict = report.substr(2, report.find('\n', 2) - 2);
  const int signal = signal_of(outcome.status);
  if (verdict == "P" + nonce) {
    run.end = SandboxEnd::completed;
  } else if (verdict.starts_with('F')) {
    run.end = SandboxEnd::raised;
    run.failure = std::string(verdict.substr(1));
  } else if (outcome.timed_out) {
    run.end = SandboxEnd::timed_out;
    run.failure = "timed out";
  } else if (signal != 0) {
    run.end = SandboxEnd::killed;
    run.failure = describe_signal(signal);
  } else {
    run.end = SandboxEnd::exited;
    run.failure = "exited before its checks were done";
  }
  run.out = std::move(outcome.out);
  run.err = std::move(outcome.err);
  run.wall_time = outcome.wall_time;
  return run;
}

/// What every cage of this process shares.
struct Cage {
  CageTools tools;
  std::string filter;  ///< the bytes of the system-call filter

  static Cage build() {
    const auto instructions = make_syscall_filter();
    if (instructions.empty())
      throw Error(Errc::not_available,
                  "sandbox: no system-call filter for this processor (known: x86_64, aarch64)");
    Cage cage{find_cage_tools(), std::string(instructions.size() * sizeof(sock_filter), '\0')};
    std::memcpy(cage.filter.data(), instructions.data(), cage.filter.size());
    return cage;
  }

  SandboxRun run(const SandboxProgram& program, const SandboxLimits& limits) const {
    const std::string nonce = make_nonce();
    const std::string payload = make_payload(program, limits, nonce);
    const ProcessSpec spec{.argv = cage_command(tools, limits.file_bytes, bootstrap),
                           .input = payload,
                           .extra_input = filter,
                           .wall_time = limits.wall_time,
                           .output_bytes = limits.output_bytes};
    return interpret(run_process(spec), nonce);
  }
};

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

struct CageOrFault {
  Cage cage;
  std::string fault;
};

const CageOrFault& shared_cage() {
  static const CageOrFault shared = [] {
    CageOrFault result;
    try {
      result.cage = Cage::build();
      SandboxLimits limits;
      limits.wall_time = std::chrono::seconds(60);  // the first start may find a cold disk
      const SandboxRun run = result.cage.run(self_test(), limits);
      if (run.end != SandboxEnd::completed)
        result.fault = "sandbox: this machine's cage does not hold (" + run.failure +
                       "); refusing to run code";
    } catch (const Error& error) {
      result.fault = error.what();
    }
    return result;
  }();
  return shared;
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
  if (const std::string& fault = shared_cage().fault; !fault.empty())
    throw Error(Errc::not_available, fault);
}

SandboxRun Sandbox::run(const SandboxProgram& program) const {
  return shared_cage().cage.run(program, limits_);
}

}  // namespace xfer::grade
