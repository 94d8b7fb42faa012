# SPDX-License-Identifier: Apache-2.0
"""Checks what the rooms show as shared libraries: docs/decisions/0005-exported-symbols.md.

Without arguments: that every public header, and every private one that another room includes,
exports what it declares, and no other header does. With shared libraries as arguments: that they
export nothing of other projects and bear their ABI version.
Prints each fault and ends with 1 when there is one.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from check_includes import INCLUDE, ROOT, room_of

PUSH = "#pragma GCC visibility push(default)"
POP = "#pragma GCC visibility pop"

# A mangled name of xfer's own: of a function or an object, of what the compiler makes for a class,
# a function or a variable, or of something within a function.
OWN = re.compile(r"_Z(?:T[VTIS]|TC|TH|TW|GV|GR|Thn?\d+_|Tvn?\d+_n?\d+_)?Z*N[KVRO]*4xfer")
# Whose templates and inline functions may be exported too (as weak symbols). libstdc++ and Boost
# ask for it in their headers, and Asio needs it: its event loops find what belongs to the running
# thread by the addresses of variables, which must be the same in all libraries.
SHARED_BY_DESIGN = re.compile(r"std|__gnu_cxx|__cxxabiv1|boost|boost_asio_\w+|xfer")
# A name before "::" that no other stands before.
NAMESPACE = re.compile(r"(?<![\w:>)\]}])(?!const::)([A-Za-z_]\w*)::")


def header_faults() -> list[str]:
    public = sorted((ROOT / "include" / "xfer").glob("**/*.hpp"))
    private = sorted((ROOT / "src").glob("**/*.hpp"))
    used = included_by_other_rooms()
    faults = []
    for path in public + private:
        name = path.relative_to(ROOT)
        lines = path.read_text(encoding="utf-8").splitlines()
        code = [line for line in lines if line.strip() and not line.startswith("//")]
        declares = [line for line in code if not line.startswith(("#include", "#pragma once"))]
        exported = path in public or path in used
        if not declares:
            continue
        if not exported and (PUSH in code or POP in code):
            faults.append(f"{name}: exports what no other room uses")
        elif exported and not wraps(code):
            faults.append(f"{name}: all after the includes must be between '{PUSH}' and '{POP}'")
    return faults


def wraps(code: list[str]) -> bool:
    """Whether everything that lines of a header declare in xfer is exported, and nothing else."""
    if code.count(PUSH) != 1 or code[-1] != POP or code.count(POP) != 1:
        return False
    start = code.index(PUSH)
    return not any(line.startswith("namespace") for line in code[:start]) and not any(
        line.startswith("#include") for line in code[start:]
    )


def included_by_other_rooms() -> set[Path]:
    used = set()
    for path in sorted((ROOT / "src").glob("**/*.[hc]pp")):
        room = path.relative_to(ROOT / "src").parts[0]
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            other = room_of(include)
            if not include.startswith("xfer/") and other not in {None, room}:
                used.add(ROOT / "src" / include)
    return used


def tool(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def library_faults(library: Path) -> list[str]:
    faults = []
    own = 0
    names = tool("nm", "-D", "--defined-only", str(library)).splitlines()
    readable = tool("nm", "-DC", "--defined-only", str(library)).splitlines()
    for mangled, line in zip(names, readable, strict=True):
        kind, name = mangled.split()[-2:]
        symbol = line.split(maxsplit=2)[2]
        others = [n for n in NAMESPACE.findall(symbol) if not SHARED_BY_DESIGN.fullmatch(n)]
        if OWN.match(name):
            own += 1
        elif others or kind not in {"W", "V", "u"}:
            faults.append(f"{library.name}: exports {symbol} ({kind})")
    if own == 0:
        faults.append(f"{library.name}: exports nothing of xfer")
    dynamic = tool("readelf", "-dW", str(library))
    if not re.search(rf"SONAME.*\[{re.escape(library.name)}\.\d+\.\d+\]", dynamic):
        faults.append(f"{library.name}: has no ABI version: {dynamic}")
    return faults


def main(arguments: list[str]) -> int:
    faults: list[str] = []
    if arguments:
        for argument in arguments:
            faults += library_faults(Path(argument))
    else:
        faults = header_faults()
    print("\n".join(faults) or "exports are as they should be")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
