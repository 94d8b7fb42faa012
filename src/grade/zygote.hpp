// The Python that waits in a warm cage and runs one program after the other.
#pragma once

namespace xfer::grade {

/// The zygote has descriptor 3, a SOCK_SEQPACKET socket to us, and 4, the system-call filter. It
/// says "ready" when it is. A request is "run BYTES", the size of the working folder, with four
/// descriptors: the payload, and where to write output, errors and the report. The reply, sent when
/// nothing of the program is left, is "done SIGNAL", the signal that ended it or 0.
///
/// Each program is a fresh fork of the zygote, so nothing that it does to the interpreter is there
/// for the next. It has its own process namespace, with a first process that it cannot signal or
/// trace, its own /proc and its own working folder in memory. It takes on its limits, gives up
/// every right, and takes on the filter before it runs anything that is not ours. The end of the
/// first process is the end of the namespace: the kernel kills what is left in it.
///
/// The payload: one line "cpu memory file threads nonce size..." and behind it parts of those
/// sizes, the program and its checks. The report, one line each: "S" when the limits hold, then "P"
/// + nonce when all parts ran, "X" when one asked to exit, or "F" + reason.
///
/// The program's module is not `__main__` and has no `sys.argv`, so a script's own main block does
/// not run. Names that are needed after the program are taken before it can replace them.
inline constexpr char zygote[] = R"python(
import _socket, ctypes, gc, os, resource, signal, sys, types
# What most programs import, once for all of them. More would make every fork slower.
import collections, functools, itertools, math, re, string, typing

NEWNS, NEWPID, SHARE_MEMORY = 0x20000, 0x20000000, 0x100
NOSUID_NODEV, NOEXEC, PRIVATE = 6, 8, 0x44000
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

def enter(files, size, rights):
    """In the fork: a folder and a view of processes of its own, then the program."""
    for number, file in enumerate(files):
        os.dup2(file, number)  # the last one replaces our end of the socket
    system("unshare", NEWNS)
    system("mount", b"none", b"/", None, PRIVATE, None)
    options = b"size=%d,nr_inodes=4096,mode=0700" % size
    system("mount", b"tmpfs", b"/work", b"tmpfs", NOSUID_NODEV, options)
    system("mount", b"proc", b"/proc", b"proc", NOSUID_NODEV | NOEXEC, None)
    os.chdir("/work")
    run_program(rights)

class FirstProcess:
    """The first process of a new namespace: it shares our memory, waits, and does nothing else.

    A fork would cost as much as the program's own. What is forked by us after it is in its
    namespace, and its end is theirs."""
    def __init__(self):
        self.stack = ctypes.create_string_buffer(1 << 16)
        self.top = ctypes.c_void_p((ctypes.addressof(self.stack) + (1 << 16)) & ~15)
        self.wait = ctypes.cast(libc.pause, ctypes.c_void_p)
        self.own_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)

    def start(self):
        system("setns", self.own_namespace, NEWPID)
        system("unshare", NEWPID)
        self.pid = libc.clone(self.wait, self.top, SHARE_MEMORY | signal.SIGCHLD, None)
        if self.pid < 0:
            raise OSError(ctypes.get_errno(), "clone: " + os.strerror(ctypes.get_errno()))

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)

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
    control.send(b"ready")
    while True:
        first.start()
        request, files = receive(control)
        if not request:
            os._exit(0)
        program = os.fork()
        if program == 0:
            try:
                enter(files, int(request.split()[1]), rights)
            except BaseException as error:  # before "S": the cage is at fault
                os.write(2, describe("cage", error))
            os._exit(0)
        for file in files:
            os.close(file)
        status = os.waitpid(program, 0)[1]
        first.end()
        control.send(b"done %d" % (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0))

serve()
)python";

}  // namespace xfer::grade
