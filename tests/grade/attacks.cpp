// SPDX-License-Identifier: Apache-2.0
#include "tests/grade/attacks.hpp"

namespace xfer::grade {
namespace {

using C = Containment;

void add_network(std::vector<Attack>& all) {
  all.push_back({"internet_sockets", C::holds, R"(
import socket
for family in socket.AF_INET, socket.AF_INET6:
    for kind in socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW:
        assert refused(socket.socket, family, kind), family
)"});
  all.push_back({"kernel_sockets", C::holds, R"(
import socket
for family in socket.AF_NETLINK, socket.AF_PACKET, 40, 38, 31:  # 40 is AF_VSOCK
    assert refused(socket.socket, family, socket.SOCK_DGRAM), family
)"});
  all.push_back({"connecting_to_the_host", C::holds, R"(
import socket
assert refused(socket.create_connection, ("127.0.0.1", 22), 1)
assert refused(socket.create_connection, ("::1", 22), 1)
)"});
  all.push_back({"name_resolution", C::holds, R"(
import socket
assert refused(socket.getaddrinfo, "localhost.example", 80)
)"});
  all.push_back({"network_interfaces", C::holds, R"(
names = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
assert names == ["lo"], names
)"});
  all.push_back({"leaving_a_local_socket_behind", C::holds, R"(
import socket
s = socket.socket(socket.AF_UNIX)
s.bind("\0left behind")  # see `unaffected`
s.listen()
)"});
}

void add_processes(std::vector<Attack>& all) {
  all.push_back({"fork", C::holds, "assert refused(os.fork) and refused(os.forkpty)"});
  all.push_back({"fork_bomb", C::fails, "while True: os.fork()"});
  all.push_back({"subprocess", C::holds, R"(
import subprocess
assert refused(subprocess.run, ["/usr/bin/true"])
assert refused(os.posix_spawn, "/usr/bin/true", ["true"], {})
assert os.system("true") != 0
)"});
  all.push_back({"multiprocessing", C::fails, R"(
import multiprocessing
multiprocessing.get_context("fork").Process(target=print).start()
)"});
  all.push_back({"raw_clone", C::holds, R"(
assert libc.syscall(c_long(56), c_long(17), c_long(0), 0, 0, 0) == -1   # clone, SIGCHLD
assert libc.syscall(c_long(435), None, c_long(0)) == -1                  # clone3
)"});
  all.push_back({"thread_bomb", C::holds, R"(
import threading, time
threading.stack_size(32768)
started = 0
def more():
    global started
    while started < 5000:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
        started += 1
assert refused(more) and started < 64, started
)"});
  all.push_back({"killing_the_first_process", C::holds, R"(
import signal
for number in range(1, 65):
    try: os.kill(1, number)
    except OSError: pass
assert seen("/proc")
)"});
  all.push_back({"killing_everything", C::holds, R"(
import signal
try: os.kill(-1, signal.SIGKILL)
except OSError: pass
for pid in range(3, 40000): assert refused(os.kill, pid, 9), pid
)"});
  all.push_back({"seeing_other_processes", C::holds, R"(
assert sum(p.isdigit() for p in os.listdir("/proc")) <= 2
assert os.getppid() <= 1 and os.uname().nodename == "sandbox"
)"});
  all.push_back({"tracing_its_parent", C::holds, R"(
assert libc.ptrace(16, 1, 0, 0) == -1 and libc.ptrace(0, 0, 0, 0) == -1
assert refused(open, "/proc/1/mem", "rb") and refused(open, "/proc/1/maps")
)"});
  all.push_back({"writing_its_parent_s_memory", C::holds, R"(
import ctypes
local = (ctypes.c_size_t * 2)(ctypes.addressof(ctypes.create_string_buffer(8)), 8)
assert libc.process_vm_readv(1, local, c_long(1), local, c_long(1), c_long(0)) == -1
assert libc.process_vm_writev(1, local, c_long(1), local, c_long(1), c_long(0)) == -1
assert refused(open, "/proc/1/mem", "r+b")
)"});
  all.push_back({"taking_descriptors", C::holds, R"(
assert libc.syscall(c_long(438), c_long(3), c_long(3), c_long(0)) == -1  # pidfd_getfd
assert all(int(f) < 5 for f in os.listdir("/proc/self/fd"))
for fd in os.listdir("/proc/1/fd"):
    assert refused(os.readlink, "/proc/1/fd/" + fd) and refused(open, "/proc/1/fd/" + fd), fd
)"});
}

void add_memory_and_disk(std::vector<Attack>& all) {
  all.push_back({"memory_bomb",
                 C::fails,
                 "x = []\nwhile True: x.append(bytearray(1 << 24))",
                 {},
                 "MemoryError"});
  all.push_back({"mapped_memory_bomb", C::fails, R"(
import mmap
x = []
while True:
    x.append(mmap.mmap(-1, 1 << 26))
    x[-1][::4096] = bytes(1 << 14)
)"});
  all.push_back({"shared_memory", C::holds, R"(
assert libc.shmget(0, c_size_t(1 << 20), 0o1600) == -1
assert libc.msgget(0, 0o1600) == -1 and libc.semget(0, 1, 0o1600) == -1
assert refused(os.memfd_create, "x")
)"});
  all.push_back({"huge_number", C::fails, "x = 9 ** 9 ** 9 ** 9"});
  all.push_back({"huge_list", C::fails, "x = [0] * 10 ** 11", {}, "MemoryError"});
  all.push_back({"disk_fill", C::holds, R"(
total = 0
def fill():
    global total
    for i in range(1000):
        with open(str(i), "wb", buffering=0) as f:
            for _ in range(100):
                total += f.write(bytes(1 << 20))
assert refused(fill) and total <= 1 << 24, total
)"});
  all.push_back({"one_large_file", C::holds, R"(
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
f = open("sparse", "wb", buffering=0)
assert refused(f.truncate, 1 << 40)
assert refused(os.posix_fallocate, f.fileno(), 0, 1 << 30)
)"});
  all.push_back({"many_files", C::holds, R"(
def many():
    for i in range(100000): os.mkdir(str(i))
assert refused(many)
)"});
  all.push_back({"deep_folders", C::holds, R"(
def deeper():
    for i in range(100000):
        os.mkdir("d")
        os.chdir("d")
assert refused(deeper)
)"});
  all.push_back({"many_descriptors", C::holds, R"(
held = []
def more():
    while len(held) < 5000: held.append(open("/dev/null"))
assert refused(more) and len(held) < 64
for f in held: f.close()
)"});
}

void add_files(std::vector<Attack>& all, const std::string& secret, const std::string& home) {
  const std::string given = "secret = '" + secret + "'\nhome = '" + home + "'\n";
  all.push_back({"reading_etc", C::holds, R"(
for path in "/etc/passwd", "/etc/shadow", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf":
    assert refused(open, path), path
assert not seen("/etc/ssl")
)"});
  all.push_back({"reading_home_folders", C::holds, given + R"(
for path in home, "/root", "/home", "/var", "/tmp", "/run", "/sys", "/srv", "/opt", "/mnt":
    assert not seen(path), path
)"});
  all.push_back({"reading_a_host_file", C::holds, given + R"(
assert refused(open, secret) and refused(open, "/work/../../../../" + secret)
)"});
  all.push_back({"symbolic_links", C::holds, given + R"(
os.symlink(secret, "secret"); assert refused(open, "secret")
os.symlink("/proc/1/root", "root"); assert refused(open, "root" + secret)
os.symlink("/proc/1/cwd", "cwd"); assert not seen("cwd/etc/ssl")
os.symlink("/", "top"); assert refused(open, "top" + secret)
)"});
  all.push_back({"hard_links", C::holds, R"(
assert refused(os.link, os.__file__, "os.py") and refused(os.link, "/proc/1/environ", "e")
)"});
  all.push_back({"kernel_files", C::holds, R"(
for path in "/dev/mem", "/dev/kmsg", "/dev/sda", "/dev/tty", "/dev/ptmx", "/proc/kcore":
    assert refused(open, path, "rb"), path
assert refused(os.mknod, "null", 0o20666, os.makedev(1, 3))
)"});
  all.push_back({"writing_kernel_settings", C::holds, R"(
for path in "kernel/hostname", "kernel/core_pattern", "vm/drop_caches", "fs/file-max":
    assert refused(open, "/proc/sys/" + path, "w"), path
assert refused(open, "/proc/sysrq-trigger", "w")
)"});
  all.push_back({"writing_outside_its_folder", C::holds, R"(
for path in "/x", "/usr/x", "/usr/bin/x", "/bin/x", "/dev/x", "/dev/shm/x", "/tmp/x", "/etc/x":
    assert refused(open, path, "a"), path
assert refused(os.mkdir, "/x") and refused(os.rename, "/usr", "/usr2")
)"});
  all.push_back({"overwriting_the_grader", C::holds, R"(
for path in os.__file__, sys.executable, types_file, "/work/../usr/lib":
    assert refused(open, path, "a"), path
    assert refused(os.unlink, path) and refused(os.chmod, path, 0o777)
)"});
  all.push_back({"environment", C::holds, R"(
assert sorted(os.environ) == ["LANG", "PATH"], os.environ
assert b"SECRET" not in open("/proc/self/environ", "rb").read()
assert refused(open, "/proc/1/environ", "rb")
)"});
  all.push_back({"a_pipe_without_a_reader", C::timed_out, "os.mkfifo('p'); open('p', 'w')"});
}

void add_system_calls(std::vector<Attack>& all) {
  all.push_back({"new_namespaces", C::holds, R"(
for kind in 0x10000000, 0x40000000, 0x20000, 0x20000000, 0x8000000:
    assert libc.unshare(kind) == -1, kind
)"});
  all.push_back({"other_namespaces", C::holds, R"(
for kind in "mnt", "pid", "net", "user":
    fd = os.open("/proc/self/ns/" + kind, os.O_RDONLY)
    assert libc.setns(fd, 0) == -1, kind
    assert refused(os.readlink, "/proc/1/ns/" + kind)
)"});
  all.push_back({"mounting", C::holds, R"(
assert libc.mount(b"none", b"/work", b"tmpfs", 0, None) == -1
assert libc.mount(b"none", b"/usr", None, 32, None) == -1
assert libc.umount2(b"/proc", 2) == -1 and libc.umount2(b"/work", 2) == -1
assert libc.syscall(c_long(430), b"tmpfs", 0) == -1  # fsopen
)"});
  all.push_back({"changing_the_root", C::holds, R"(
assert libc.chroot(b"/work") == -1
assert libc.syscall(c_long(155), b"/work", b"/work") == -1  # pivot_root
)"});
  all.push_back({"becoming_another_user", C::holds, R"(
assert refused(os.setuid, 0) and refused(os.setgid, 0) and refused(os.setgroups, [0])
assert refused(os.chown, "/work", 0, 0) and os.getuid() == 65534
)"});
  all.push_back({"regaining_rights", C::holds, R"(
import ctypes
held = [l for l in open("/proc/self/status") if l.startswith("Cap") and "Bnd" not in l]
assert all(int(l.split()[1], 16) == 0 for l in held), held
header = (ctypes.c_uint32 * 2)(0x20080522, 0)
everything = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
assert libc.capset(header, everything) == -1
)"});
  all.push_back({"raising_limits", C::holds, R"(
import resource
for name in "AS", "CPU", "NPROC", "FSIZE", "NOFILE", "CORE", "MEMLOCK":
    try:
        resource.setrlimit(getattr(resource, "RLIMIT_" + name), (resource.RLIM_INFINITY,) * 2)
        raise AssertionError(name)
    except (ValueError, OSError): pass
)"});
  all.push_back({"refused_kernel_surface", C::holds, R"(
for number in 425, 321, 298, 323, 246, 248, 250, 304, 175, 169:
    assert libc.syscall(c_long(number), c_long(0), c_long(0), c_long(0)) == -1, number
)"});
  all.push_back(
      {"calls_of_another_architecture", C::killed, "libc.syscall(c_long(0x40000000 + 39))"});
  all.push_back({"changing_the_clock_and_host_name", C::holds, R"(
import time
assert refused(time.clock_settime, time.CLOCK_REALTIME, 0) and refused(lambda: os.nice(-5))
assert libc.sethostname(b"other", c_size_t(5)) == -1
)"});
}

void add_verdicts(std::vector<Attack>& all) {
  const std::vector<std::string> never = {"assert False"};
  all.push_back({"os_exit", C::exited, "os._exit(0)", never});
  all.push_back({"sys_exit", C::exited, "sys.exit()", never});
  all.push_back({"raising_system_exit", C::exited, "raise SystemExit(0)", never});
  all.push_back(
      {"exit_inside_a_check", C::exited, "def f(): os._exit(0)", {"f()", "assert False"}});
  all.push_back({"replacing_itself", C::exited, "os.execv('/usr/bin/true', ['true'])", never});
  all.push_back({"closing_everything", C::exited, "os.closerange(0, 1000); os._exit(0)", never});
  all.push_back({"killing_itself", C::killed, "import signal; os.kill(os.getpid(), 9)", never});
  all.push_back({"aborting", C::killed, "os.abort()", never, "aborted"});
  all.push_back({"crashing", C::killed, "import ctypes; ctypes.string_at(8)", never, "crashed"});
  all.push_back({"forging_the_verdict", C::fails, R"(
for fd in range(20):
    try: os.write(fd, b"P\nP0\nP" + b"0" * 32 + b"\n")
    except OSError: pass
os._exit(0)
)",
                 never});
  all.push_back({"forging_the_start", C::fails, R"(
os.write(3, b"S\nS\nready\ndone 0\nX\n" * 100)
os._exit(0)
)",
                 never});
  all.push_back({"flooding_the_verdict", C::fails, R"(
try:
    for _ in range(3000): os.write(3, b"P" * 65536)
finally: os._exit(0)
)",
                 never});
  all.push_back({"closing_the_verdict", C::exited, "os.close(3)", never});
  all.push_back({"monkey_patching_the_test", C::fails, R"(
import builtins
class Quiet(Exception): pass
builtins.exec = builtins.compile = builtins.str = lambda *a, **k: None
builtins.AssertionError = Quiet
os._exit = sys.exit = lambda *a: None
os.write = lambda *a: 0
sys.excepthook = lambda *a: None
builtins.BaseException = builtins.SystemExit = Quiet
)",
                 never});
  all.push_back({"patching_the_interpreter_s_modules", C::fails, R"(
import __main__, types
for module in __main__, types, sys.modules["resource"], sys.modules["socket"]:
    for name in list(vars(module)):
        try: setattr(module, name, None)
        except (TypeError, AttributeError): pass
sys.modules.clear()
)",
                 never});
  all.push_back({"tracing_the_test", C::fails, R"(
def tracer(frame, event, arg):
    frame.f_trace_lines = False
    return tracer
sys.settrace(tracer); sys.setprofile(tracer)
)",
                 never});
  all.push_back({"a_string_left_open", C::fails, "x = '''", never});
  all.push_back({"a_block_left_open", C::fails, "if False:\n  pass", never});
  all.push_back({"asking_for_the_answer", C::fails, "input('the answer? ')", never, "EOFError"});
}

void add_time_and_output(std::vector<Attack>& all) {
  all.push_back({"endless_loop", C::killed, "while True: pass", {}, "out of processor time"});
  all.push_back({"catastrophic_expression",
                 C::killed,
                 R"(
import re
re.match("(a+)+$", "a" * 60 + "b")
)",
                 {},
                 "processor time"});
  all.push_back({"many_busy_threads",
                 C::killed,
                 R"(
import threading, hashlib
def burn():
    while True: hashlib.sha256(bytes(1 << 20))
for _ in range(8): threading.Thread(target=burn).start()
threading.Event().wait()
)",
                 {},
                 "processor time"});
  all.push_back({"sleeping", C::timed_out, "import time; time.sleep(600)"});
  all.push_back({"ignoring_signals", C::timed_out, R"(
import signal, time
for s in range(1, 65):
    try: signal.signal(s, signal.SIG_IGN)
    except (OSError, ValueError): pass
while True: time.sleep(1)
)"});
  all.push_back({"stopping_itself", C::timed_out, "import signal; os.kill(os.getpid(), 19)"});
  all.push_back(
      {"going_silent", C::timed_out, "import time; os.closerange(0, 1000); time.sleep(600)"});
  all.push_back({"threads_that_outlive", C::holds, R"(
import atexit, threading, time
def linger():
    while True: time.sleep(60)
threading.Thread(target=linger).start()
atexit.register(linger)
class Late:
    def __del__(self): linger()
late = Late()
)"});
  all.push_back({"alarms", C::fails, R"(
import signal
def ring(*a): raise TimeoutError
signal.signal(signal.SIGALRM, ring)
signal.setitimer(signal.ITIMER_REAL, 0.01, 0.01)
while True: pass
)"});
  all.push_back({"output_flood", C::holds, R"(
for _ in range(500):
    sys.stdout.write("x" * 20000); sys.stderr.write("y" * 20000)
)"});
  all.push_back({"deep_recursion", C::fails, "def f(): return f()\nf()", {}, "RecursionError"});
  all.push_back({"stack_exhaustion", C::fails, R"(
sys.setrecursionlimit(10 ** 9)
x = ()
for _ in range(10 ** 6): x = (x,)
hash(x)
)"});
  all.push_back({"deeply_nested_source", C::fails, "eval('(' * 100000)"});
}

}  // namespace

std::vector<Attack> all_attacks(const std::string& secret, const std::string& home) {
  std::vector<Attack> all;
  add_network(all);
  add_processes(all);
  add_memory_and_disk(all);
  add_files(all, secret, home);
  add_system_calls(all);
  add_verdicts(all);
  add_time_and_output(all);
  add_traces(all);
  return all;
}

}  // namespace xfer::grade
