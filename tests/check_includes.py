# SPDX-License-Identifier: Apache-2.0
"""Checks that rooms include only rooms below them: docs/architecture.md, "Rooms".

Run from anywhere; prints each wrong arrow and ends with 1 when there is one.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# What each room may include besides itself and the core.
BELOW: dict[str, set[str]] = {
    "core": set(),
    "files": set(),
    "text": {"files"},
    "grade": {"files"},
    "stats": {"files"},
    "domains": {"files", "text", "grade", "stats"},
    "engine": {"files", "text", "grade", "stats"},
    "similarity": {"text", "stats", "domains", "engine"},
    "tinker": {"files"},
    "serve": {"files", "text", "engine", "tinker"},
    "study": {"files", "text", "grade", "stats", "domains", "engine", "tinker"},
    "report": {
        "files",
        "text",
        "grade",
        "stats",
        "domains",
        "engine",
        "similarity",
        "tinker",
        "study",
    },
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def room_of(include: str) -> str | None:
    """The room of an included header: "xfer/text/x.hpp" and "text/x.hpp" are text's."""
    parts = include.split("/")
    if parts[0] == "xfer":
        parts = parts[1:]
        if len(parts) == 1:
            return "core"
    return parts[0] if len(parts) > 1 and parts[0] in BELOW else None


def wrong_arrows(room: str) -> list[str]:
    found = []
    for folder in (ROOT / "include" / "xfer" / room, ROOT / "src" / room):
        for path in sorted(folder.glob("**/*.[hci]pp")):
            for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
                other = room_of(include)
                if other not in {None, room, "core"} and other not in BELOW[room]:
                    found.append(f"{path.relative_to(ROOT)}: {room} must not include {other}")
    return found


def core_includes() -> list[str]:
    found = []
    for path in sorted((ROOT / "include" / "xfer").glob("*.hpp")):
        for include in INCLUDE.findall(path.read_text(encoding="utf-8")):
            if room_of(include) not in {None, "core"}:
                found.append(f"{path.relative_to(ROOT)}: the core must not include {include}")
    return found


def unknown_rooms() -> list[str]:
    rooms = {p.name for p in (ROOT / "src").iterdir() if p.is_dir() and p.name != "cmake"}
    rooms |= {p.name for p in (ROOT / "include" / "xfer").iterdir() if p.is_dir()}
    return [f"src/{room}: not in the table of {__file__}" for room in sorted(rooms - set(BELOW))]


def main() -> int:
    found = unknown_rooms() + core_includes()
    for room in BELOW:
        found += wrong_arrows(room)
    print("\n".join(found) or "all includes point down")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
