// SPDX-License-Identifier: Apache-2.0
// The Python that waits in a warm cage and runs one program after the other.
#pragma once

namespace xfer::grade {

/// The zygote has descriptor 3, a SOCK_SEQPACKET socket to us, and 4, the system-call filter. It
/// says "ready" when it is. A request is "run BYTES", the size of the working folder, with four
/// descriptors: the payload, and where to write output, errors and the report. The reply, sent when
/// nothing of the program is left, is "done SIGNAL", the signal that ended it or 0.
///
/// Each program is a fresh fork of the zygote, so nothing that it does to the interpreter is there
/// for the next. It is the second process of a process namespace whose first it cannot signal or
/// trace, and its working folder is empty memory. It takes on its limits, gives up every right, and
/// takes on the filter before it runs anything that is not ours.
///
/// Making and ending namespaces and mounts is most of what a short program would cost, so they are
/// kept as long as they are as good as new: the namespace when nothing but its first process is
/// left in it (else it ends, and the kernel kills what is in it), the folder when no program has
/// changed it (else it is mounted again). A process number is used again, so that a program cannot
/// even count those before it.
///
/// The payload: one line "cpu memory file threads nonce size..." and behind it parts of those
/// sizes, the program and its checks. The report, one line each: "S" when the limits hold, then "P"
/// + nonce when all parts ran, "X" when one asked to exit, or "F" + reason.
///
/// The program's module is not `__main__` and has no `sys.argv`, so a script's own main block does
/// not run. Names that are needed after the program are taken before it can replace them.
inline constexpr char zygote[] = R"python(
import _socket, ctypes, gc, os, resource, signal, sys, time, types
# What most programs import, once for all of them. More would make every fork slower.
import collections, functools, itertools, math, re, string, typing

NEWPID, SHARE_MEMORY, SHARE_FILES = 0x20000000, 0x100, 0x400
NOSUID_NODEV, NOEXEC, DETACH = 6, 8, 2
COARSE_CLOCK = 5  # the one that file times are taken from
LAST_NUMBER = "/proc/sys/kernel/ns_last_pid"
libc = ctypes.CDLL(None, use_errno=True)

def system(name, *args):
    if getattr(libc, name)(*args) != 0:
        error = ctypes.get_errno()
        raise OSError(error, name + ": " + os.strerror(error))

def describe(label, error, str=str, type=type, any_error=BaseException):
    try:
        text = str(error).strip().split("\n")[0]
    except any_error:
        text = ""
    text = label + ": " + type(error).__name__ + (": " + text if text else "")
    return text[:200].encode("ascii", "backslashreplace")

def read_all(fd):
    data = b""
    while chunk := os.read(fd, 1 << 20):
        data += chunk
    return data

class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

class Rights:
    """Made before any fork, so that giving them up is three calls."""
    def __init__(self, code):
        self.header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        self.none = (ctypes.c_uint32 * 6)()
        self.code = ctypes.create_string_buffer(code, len(code))
        filter = Filter(len(code) // 8, ctypes.addressof(self.code))
        self.filter = ctypes.pointer(filter)

    def give_up(self):
        system("capset", self.header, self.none)
        system("prctl", 38, 1, 0, 0, 0)  # no new privileges
        system("prctl", 22, 2, self.filter, 0, 0)

def run_program(rights):
    write, leave, flush, describe_error = os.write, os._exit, sys.stdout.flush, describe
    compile_part, execute, any_error, exit_error = compile, exec, BaseException, SystemExit
    head, data = read_all(0).split(b"\n", 1)
    os.ftruncate(0, 0)  # others hold the same file open
    cpu, memory, file, threads, nonce, *sizes = head.split()
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.closerange(4, 1 << 16)
    parts, at = (), 0
    for size in map(int, sizes):
        parts += (data[at:at + size],)
        at += size
    del data, head
    cpu = int(cpu)
    for limit, soft, hard in (
            ("CPU", cpu, cpu + 1), ("AS", memory, memory), ("FSIZE", file, file),
            ("NPROC", threads, threads), ("CORE", 0, 0), ("NOFILE", 64, 64), ("MEMLOCK", 0, 0),
            ("MSGQUEUE", 0, 0)):
        resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (int(soft), int(hard)))
    rights.give_up()
    module = types.ModuleType("answer")
    sys.modules["answer"] = module
    sys.argv[:] = [""]
    write(3, b"S\n")
    label = "program"
    try:
        for number, part in enumerate(parts):
            if number:
                label = "check %d" % number
            execute(compile_part(part, label, "exec", 0, True), module.__dict__)
        verdict = b"P" + nonce
    except exit_error:
        verdict = b"X"
    except any_error as error:
        verdict = b"F" + describe_error(label, error)
    try:
        flush()
    except any_error:
        pass
    write(3, verdict + b"\n")
    leave(0)

def enter(files, first, rights):
    """In the fork: a view of the namespace's processes, then the program."""
    for number, file in enumerate(files):
        os.dup2(file, number)  # the last one replaces our end of the socket
    if first.is_new:
        system("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | NOEXEC, None)
    if first.may_stay:
        last = os.open(LAST_NUMBER, os.O_WRONLY)
        os.write(last, b"1")
        os.close(last)
    os.chdir("/work")
    run_program(rights)

class Folder:
    """The working folder in memory, mounted again when a program has left a trace in it."""
    def __init__(self):
        self.size = None

    def look(self):
        # Whatever is done to a folder, and to what is in it, changes one of these; nobody can set
        # the time of the change.
        folder, space = os.stat("/work"), os.statvfs("/work")
        return (folder.st_ctime_ns, folder.st_mtime_ns, folder.st_atime_ns, folder.st_mode,
                folder.st_nlink, space.f_bfree, space.f_ffree)

    def make(self, size):
        if self.size == size and self.look() == self.empty:
            return
        if self.size is not None:
            system("umount2", b"/work", DETACH)
        self.size = None
        options = b"size=%d,nr_inodes=4096,mode=0700" % size
        system("mount", b"tmpfs", b"/work", b"tmpfs", NOSUID_NODEV, options)
        self.size, self.empty = size, self.look()
        # A change within the same tick of the clock would not be seen.
        while time.clock_gettime_ns(COARSE_CLOCK) <= self.empty[0]:
            time.sleep(0.001)

class FirstProcess:
    """The first process of a namespace: it shares our memory, waits, and does nothing else.

    A fork would cost as much as the program's own. What is forked by us after it is in its
    namespace, and its end is theirs."""
    def __init__(self):
        self.stack = ctypes.create_string_buffer(1 << 16)
        self.top = ctypes.c_void_p((ctypes.addressof(self.stack) + (1 << 16)) & ~15)
        self.wait = ctypes.cast(libc.pause, ctypes.c_void_p)
        self.own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        # Without it numbers would go up from program to program.
        self.may_stay = os.path.exists(LAST_NUMBER)

    def start(self):
        system("setns", self.own_namespace, NEWPID)
        system("unshare", NEWPID)
        # Files too: copies of a program's streams would keep them open.
        flags = SHARE_MEMORY | SHARE_FILES | signal.SIGCHLD
        self.pid = libc.clone(self.wait, self.top, flags, None)
        if self.pid < 0:
            raise OSError(ctypes.get_errno(), "clone: " + os.strerror(ctypes.get_errno()))
        self.is_new = True

    def alone(self):
        return [name for name in os.listdir("/proc") if name.isdigit()] == ["1"]

    def renew(self, used_up=False):
        """After a program: the namespace stays only when there is nothing of it left in it."""
        self.is_new = False
        ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        if self.may_stay and not ended and not used_up and self.alone():
            return
        if not ended:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        system("umount2", b"/proc", DETACH)
        self.start()

def fork_second(first):
    """A fork that is the second process of the namespace: where the threads and processes of an
    earlier program have used up that number, of a new one."""
    while True:
        program = os.fork()
        if program == 0:
            while os.getpid() != 2:
                signal.pause()
            return 0
        if first.is_new or os.path.exists("/proc/2"):
            return program
        os.kill(program, signal.SIGKILL)
        os.waitpid(program, 0)
        first.renew(used_up=True)

def receive(control):
    """A request and its four descriptors; nothing when there is no more."""
    words, carried, _, _ = control.recvmsg(64, 64)
    files = []
    for _, _, data in carried:
        files += [int.from_bytes(data[i:i + 4], sys.byteorder) for i in range(0, len(data), 4)]
    return words, files

def serve():
    control = _socket.socket(fileno=3)
    rights = Rights(read_all(4))
    os.close(4)
    for name in set(os.environ) - {"PATH", "LANG"}:
        del os.environ[name]
    # The first process of a namespace obeys no signal from inside but those it has handlers for.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    first = FirstProcess()
    # The first use of these is slow; let it be ours.
    exec(compile("def f(x: int) -> list:\n    return [x for x in range(x) if x]\n"
                 "assert f(2) == [1]", "warm", "exec"), {})
    system("prctl", 38, 1, 0, 0, 0)
    gc.collect()
    gc.freeze()
    os.chdir("/")
    folder = Folder()
    first.start()
    control.send(b"ready")
    while True:
        request, files = receive(control)
        if not request:
            os._exit(0)
        size = int(request.split()[1])
        folder.make(size)
        program = fork_second(first)
        if program == 0:
            try:
                enter(files, first, rights)
            except BaseException as error:  # before "S": the cage is at fault
                os.write(2, describe("cage", error))
            os._exit(0)
        for file in files:
            os.close(file)
        status = os.waitpid(program, 0)[1]
        first.renew()
        control.send(b"done %d" % (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0))
        folder.make(size)  # while nobody waits

serve()
)python";

}  // namespace xfer::grade
