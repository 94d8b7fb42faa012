# SPDX-License-Identifier: Apache-2.0
"""Makes a report that can be committed: pages, tables and figures of a finished run, without JSON.

    xfer run programme
    python tools/example_report.py runs/programme docs/example-report

A run folder with parts gives a folder for each part and their common page. Needs matplotlib. Ends
with 1, naming the sum, when the files are larger than --max-bytes together.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

import xfer
from xfer import figures


def write_run(run: Path, output: Path) -> None:
    result = xfer.load_result(run)
    result.save(output)
    (output / "report.json").unlink()  # as large as all the rest; `xfer report` makes it
    result.save_tables(output / "tables")
    figures.save_all(result, output / "figures", formats=("svg",))
    for figure in (output / "figures").iterdir():
        if figure.name.startswith(("conditions", "curves")):
            figure.unlink()  # one for each pair, and on the page


def write_parts(run: Path, output: Path) -> None:
    parts = sorted(path.parent for path in run.glob("*/study.db"))
    if not parts:
        raise SystemExit(f"{run}: holds no study.db, and no parts with one")
    for part in parts:
        write_run(part, output / part.name)
    for page in ("report.html", "report.md"):
        shutil.copy(run / page, output / page)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("output", type=Path, help="folder for the report; replaced")
    parser.add_argument("--max-bytes", type=int, default=5_000_000)
    arguments = parser.parse_args()
    shutil.rmtree(arguments.output, ignore_errors=True)
    arguments.output.mkdir(parents=True)
    write = write_run if (arguments.run / "study.db").is_file() else write_parts
    write(arguments.run, arguments.output)
    files = [path for path in arguments.output.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    print(f"{arguments.output}: {len(files)} files, {size:,} bytes")
    if size > arguments.max_bytes:
        sys.exit(1)


if __name__ == "__main__":
    main()
