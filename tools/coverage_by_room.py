# SPDX-License-Identifier: Apache-2.0
"""The share of each room's lines and branches that the tests reach, as a Markdown table.

    gcovr --json-summary --filter 'src/' --filter 'include/' build/coverage | \
        python tools/coverage_by_room.py

With `--files N` also the N files of each room with the most lines that no test reaches.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from typing import Any


def room_of(path: str) -> str:
    """include/xfer/stats/x.hpp and src/stats/x.cpp are the room stats; include/xfer/x.hpp core."""
    parts = path.split("/")
    if parts[0] == "include":
        return parts[2] if len(parts) > 3 else "core"
    return parts[1]


def share(covered: int, total: int) -> str:
    return f"{100 * covered / total:.1f} %" if total else ""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=0, metavar="N")
    options = parser.parse_args()
    rooms: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for file in json.load(sys.stdin)["files"]:
        rooms[room_of(file["filename"])].append(file)
    print("| room | lines | reached | branches reached |\n|:--|--:|--:|--:|")
    for room, files in sorted(rooms.items()):
        sums = {
            key: sum(f[key] for f in files)
            for key in files[0]
            if key.endswith(("total", "covered"))
        }
        print(
            f"| {room} | {sums['line_total']} | {share(sums['line_covered'], sums['line_total'])} "
            f"| {share(sums['branch_covered'], sums['branch_total'])} |"
        )
    for room, files in sorted(rooms.items()):
        files.sort(key=lambda f: f["line_covered"] - f["line_total"])
        for file in files[: options.files]:
            missed = file["line_total"] - file["line_covered"]
            if missed:
                print(f"{room}: {file['filename']}: {missed} of {file['line_total']} lines")


if __name__ == "__main__":
    main()
