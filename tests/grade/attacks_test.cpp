// What a hostile program may try. Each is contained, and the next program is unaffected.
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

using Attack = InCage;
using namespace std::chrono_literals;

TEST_F(Attack, network) {
  expect_holds(R"(
import socket
for family in socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW:
        assert refused(socket.socket, family, kind), family
assert refused(socket.create_connection, ("127.0.0.1", 22), 1)
assert refused(socket.getaddrinfo, "localhost.example", 80)
interfaces = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
assert interfaces == ["lo"], interfaces
)");
}

TEST_F(Attack, fork_bomb) {
  expect_holds(R"(
import subprocess
assert refused(os.fork) and refused(os.forkpty)
assert refused(subprocess.run, ["/usr/bin/true"])
assert refused(os.posix_spawn, "/usr/bin/true", ["true"], {})
)");
  EXPECT_EQ(run("import os\nwhile True: os.fork()").end, SandboxEnd::raised);
}

TEST_F(Attack, thread_bomb) {
  expect_holds(R"(
import threading, time
threading.stack_size(32768)
started = 0
def more():
    global started
    while started < 5000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
assert refused(more) and started < 64, started
)");
}

TEST_F(Attack, memory_bomb) {
  const SandboxRun result = run("x = []\nwhile True: x.append(bytearray(1 << 24))");
  EXPECT_EQ(result.end, SandboxEnd::raised);
  EXPECT_EQ(result.failure, "program: MemoryError");
  expect_holds(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
assert libc.shmget(0, ctypes.c_size_t(1 << 20), 0o1600) == -1
assert refused(os.memfd_create, "x")
)");
}

TEST_F(Attack, disk_fill) {
  expect_holds(R"(
total = 0
def fill():
    global total
    for i in range(1000):
        with open(str(i), "wb", buffering=0) as f:
            for _ in range(100):
                total += f.write(bytes(1 << 20))
assert refused(fill) and total <= 1 << 24, total
)");
}

TEST_F(Attack, reading_the_host) {
  namespace fs = std::filesystem;
  const char* home = std::getenv("HOME");
  const fs::path secret = fs::temp_directory_path() / ("xfer-secret-" + std::to_string(::getpid()));
  std::ofstream(secret) << "secret";
  expect_holds("home = '" + std::string(home ? home : "/root") + "'\nsecret = '" +
               secret.string() + R"('
for path in "/etc/passwd", "/etc/shadow", "/etc/hostname", secret:
    assert refused(open, path), path
for path in home, "/root", "/home", "/var", "/tmp", "/run", "/sys", "/etc/ssl":
    assert not seen(path), path
os.symlink("/etc/passwd", "link"); assert refused(open, "link")
os.symlink("/proc/1/root", "root"); assert refused(open, "root/etc/passwd")
os.symlink("/proc/1/cwd", "cwd"); assert not seen("cwd/etc/ssl")
for fd in os.listdir("/proc/1/fd"):
    held = os.readlink("/proc/1/fd/" + fd)
    if held.startswith("/memfd:"): assert open("/proc/1/fd/" + fd, "rb").read() == b""
    else: assert not held.startswith("/"), held
assert refused(open, "/work/../../../../" + secret)
assert refused(os.open, "/dev/mem", os.O_RDONLY) and refused(os.open, "/dev/kmsg", os.O_RDONLY)
)");
  fs::remove(secret);
}

TEST_F(Attack, writing_outside_its_folder) {
  expect_holds(R"(
for path in "/x", "/usr/x", "/usr/bin/x", "/bin/x", "/dev/x", "/dev/shm/x", "/tmp/x", os.__file__:
    assert refused(open, path, "a"), path
assert refused(os.mkdir, "/x") and refused(os.unlink, sys.executable)
assert refused(open, "/proc/sys/kernel/hostname", "w")
)");
}

TEST_F(Attack, environment_and_processes) {
  ::setenv("XFER_TEST_SECRET", "do not show", 1);
  expect_holds(R"(
assert sorted(os.environ) == ["LANG", "PATH"], os.environ
assert b"SECRET" not in open("/proc/self/environ", "rb").read()
assert sum(p.isdigit() for p in os.listdir("/proc")) <= 2
assert os.getppid() <= 1 and os.getuid() == 65534 and os.uname().nodename == "sandbox"
assert open("/proc/1/environ", "rb").read() == b""
assert all(int(f) < 5 for f in os.listdir("/proc/self/fd"))
)");
  ::unsetenv("XFER_TEST_SECRET");
}

TEST_F(Attack, killing_its_parents) {
  expect_holds(R"(
import signal
for pid in 1, os.getppid(), -1:
    try: os.kill(pid, signal.SIGKILL)
    except OSError: pass
)");
}

TEST_F(Attack, escaping_with_system_calls) {
  expect_holds(R"(
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
assert libc.unshare(CLONE_NEWUSER) == -1 and libc.unshare(CLONE_NEWNET) == -1
assert libc.ptrace(16, 1, 0, 0) == -1
assert libc.mount(b"none", b"/work", b"tmpfs", 0, None) == -1
assert libc.umount2(b"/proc", 2) == -1
assert libc.chroot(b"/work") == -1
assert libc.syscall(ctypes.c_long(425), 8, 0) == -1
assert refused(os.setuid, 0) and refused(os.setgid, 0) and refused(os.chown, "/work", 0, 0)
import resource
for name in "RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_NPROC", "RLIMIT_FSIZE", "RLIMIT_NOFILE":
    try:
        resource.setrlimit(getattr(resource, name), (resource.RLIM_INFINITY,) * 2)
        raise AssertionError(name)
    except (ValueError, OSError): pass
)");
}

TEST_F(Attack, leaving_early_is_not_success) {
  for (const char* code : {"import os; os._exit(0)", "import sys; sys.exit()",
                           "raise SystemExit(0)", "import os; os.execv('/usr/bin/true', ['true'])",
                           "import os; os.closerange(0, 1000); os._exit(0)"})
    EXPECT_EQ(run(code, {"assert False"}).end, SandboxEnd::exited) << code;
  EXPECT_EQ(run("def f():\n  import os\n  os._exit(0)", {"f()", "assert False"}).end,
            SandboxEnd::exited);
  EXPECT_EQ(run("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").end, SandboxEnd::killed);
}

TEST_F(Attack, forging_a_report) {
  const SandboxRun forged = run(R"(
import os
for fd in range(20):
    try: os.write(fd, b"P\nP0\nP" + b"0" * 32 + b"\n")
    except OSError: pass
os._exit(0)
)", {"assert False"});
  EXPECT_NE(forged.end, SandboxEnd::completed);
}

TEST_F(Attack, replacing_what_the_test_relies_on) {
  const SandboxRun patched = run(R"(
import builtins, os, sys
class Quiet(Exception): pass
builtins.exec = builtins.compile = lambda *a, **k: None
builtins.AssertionError = Quiet
os._exit = sys.exit = lambda *a: None
os.write = lambda *a: 0
sys.excepthook = sys.settrace = lambda *a: None
builtins.BaseException = builtins.SystemExit = Quiet
)", {"assert False"});
  EXPECT_EQ(patched.end, SandboxEnd::raised) << patched.err;
  // Nor does the interpreter it spoiled reach the next run: see TearDown.
}

TEST_F(Attack, output_flood) {
  SandboxLimits limits = quick();
  limits.output_bytes = 8192;
  const SandboxRun result = run(R"(
import sys
for _ in range(2000):
    sys.stdout.write("x" * 20000); sys.stderr.write("y" * 20000)
)", {}, limits);
  EXPECT_EQ(result.end, SandboxEnd::completed) << result.failure;
  EXPECT_EQ(result.out, std::string(8192, 'x'));
  EXPECT_EQ(result.err, std::string(8192, 'y'));
}

TEST_F(Attack, outliving_its_run) {
  const auto start = std::chrono::steady_clock::now();
  const SandboxRun result = run(R"(
import threading, time, atexit
def linger():
    while True: time.sleep(60)
threading.Thread(target=linger).start()
atexit.register(linger)
)", {"assert True"});
  EXPECT_EQ(result.end, SandboxEnd::completed);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
}

TEST_F(Attack, deep_recursion) {
  const SandboxRun plain = run("def f(): return f()\nf()");
  EXPECT_EQ(plain.end, SandboxEnd::raised);
  EXPECT_EQ(plain.failure.substr(0, 23), "program: RecursionError");
  const SandboxRun crash = run(R"(
import sys
sys.setrecursionlimit(10 ** 9)
x = ()
for _ in range(10 ** 6): x = (x,)
hash(x)
)");
  EXPECT_TRUE(crash.end == SandboxEnd::killed || crash.end == SandboxEnd::raised) << crash.failure;
}

TEST_F(Attack, ignoring_signals) {
  SandboxLimits limits = quick();
  limits.wall_time = 400ms;
  const SandboxRun result = run(R"(
import signal
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: pass
)", {}, limits);
  EXPECT_EQ(result.end, SandboxEnd::timed_out);
}

TEST_F(Attack, stopping_or_going_silent) {
  SandboxLimits limits = quick();
  limits.wall_time = 400ms;
  EXPECT_EQ(run("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", {}, limits).end,
            SandboxEnd::timed_out);
  EXPECT_EQ(run("import os, time; os.closerange(0, 1000); time.sleep(600)", {}, limits).end,
            SandboxEnd::timed_out);
}

}  // namespace
}  // namespace xfer::grade
