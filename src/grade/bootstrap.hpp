// The Python that runs first inside the cage: it lowers the limits, then runs the program.
#pragma once

namespace xfer::grade {

/// Reads on descriptor 0 one line "cpu memory file threads nonce size..." and behind it parts of
/// those sizes: the program and its checks. Reports on descriptor 3, one line each: "S" when the
/// limits hold, then "P" + nonce when all parts ran, "X" when one asked to exit, or "F" + reason.
///
/// The program's module is not `__main__` and has no `sys.argv`, so a script's own main block
/// does not run. Names that are needed after the program are taken before it can replace them.
inline constexpr char bootstrap[] = R"python(
import os, resource, sys, types

def describe(label, error, str=str, type=type, any_error=BaseException):
    try:
        text = str(error).strip().split("\n")[0]
    except any_error:
        text = ""
    text = label + ": " + type(error).__name__ + (": " + text if text else "")
    return text[:200].encode("ascii", "backslashreplace")

def main():
    write, leave, flush, describe_error = os.write, os._exit, sys.stdout.flush, describe
    compile_part, execute, any_error, exit_error = compile, exec, BaseException, SystemExit
    data = b""
    while chunk := os.read(0, 1 << 20):
        data += chunk
    os.ftruncate(0, 0)  # the reaper holds the same file open
    head, data = data.split(b"\n", 1)
    cpu, memory, file, threads, nonce, *sizes = head.split()
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.closerange(4, 1 << 16)
    for name in set(os.environ) - {"PATH", "LANG"}:
        del os.environ[name]
    parts, at = (), 0
    for size in map(int, sizes):
        parts += (data[at:at + size],)
        at += size
    del data, head, chunk
    cpu = int(cpu)
    for limit, soft, hard in (
            ("CPU", cpu, cpu + 1), ("AS", memory, memory), ("FSIZE", file, file),
            ("NPROC", threads, threads), ("CORE", 0, 0), ("NOFILE", 64, 64), ("MEMLOCK", 0, 0),
            ("MSGQUEUE", 0, 0)):
        resource.setrlimit(getattr(resource, "RLIMIT_" + limit), (int(soft), int(hard)))
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

main()
)python";

}  // namespace xfer::grade
