# SPDX-License-Identifier: Apache-2.0
"""Looking at runs from outside: in the terminal, in a notebook, or from a script.

A run goes on without whoever looks at it, and may have been started elsewhere: all that is read is
its folder.
"""

from __future__ import annotations

import html
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xfer import _native
from xfer._native import CellStatus, RunStatus, StudySpec
from xfer.errors import Error

PART_FILE = "study.toml"
SHADES = "\N{MIDDLE DOT}\N{LIGHT SHADE}\N{MEDIUM SHADE}\N{DARK SHADE}\N{FULL BLOCK}"
ROWS_MAX = 14
COLUMNS_MAX = 64
LABEL = 12


@dataclass(frozen=True)
class Part:
    """One run folder of a study; `status` is None while it has not begun."""

    name: str
    folder: Path
    status: RunStatus | None


def watch(run_folder: str | os.PathLike[str]) -> Watch:
    """A view of a run, or of a study of several parts, that some process works on or has worked on.

    In a notebook it shows itself; `follow()` keeps showing it until the run ends. Raises
    `xfer.Error` ("io") when there is no run in the folder.
    """
    seen = Watch(Path(run_folder))
    seen.parts()
    return seen


class Watch:
    """A view of a run folder; everything is read anew each time it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parts(self) -> list[Part]:
        """The run itself, or the parts of a study in their order."""
        return read_parts(self.folder)

    @property
    def running(self) -> bool:
        return any(part.status is not None and part.status.running for part in self.parts())

    @property
    def finished(self) -> bool:
        return all(part.status is not None and part.status.finished for part in self.parts())

    def lines(self, width: int = 80) -> list[str]:
        return view_lines(self.parts(), width)

    def follow(self, seconds: float = 1.0) -> None:
        """Shows the run until no process works on it any more. An interrupt ends the looking, not
        the run."""
        from xfer.progress import in_notebook

        draw = _NotebookPage() if in_notebook() else _Printed()
        try:
            while True:
                parts = self.parts()
                draw(parts)
                if not any(part.status is not None and part.status.running for part in parts):
                    return
                time.sleep(seconds)
        except KeyboardInterrupt:
            return

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def __repr__(self) -> str:
        return f"<xfer.Watch of {self.folder}>"

    def _repr_html_(self) -> str:
        return view_html(self.parts())


class _NotebookPage:
    """One output that is drawn anew."""

    def __init__(self) -> None:
        self._handle: Any = None

    def __call__(self, parts: list[Part]) -> None:
        from IPython.display import HTML, display

        page = HTML(view_html(parts))
        if self._handle is None:
            self._handle = display(page, display_id=True)
        else:
            self._handle.update(page)


class _Printed:
    """Where nothing can be drawn anew: one line whenever something has changed."""

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, parts: list[Part]) -> None:
        line = "; ".join(head_line(part) for part in parts if part.status is not None)
        if line != self._last:
            print(line, flush=True)
        self._last = line


def read_parts(folder: Path) -> list[Part]:
    """The parts of a study in their order, or the one run of the folder."""
    if (folder / "study.db").exists():
        return [Part("", folder, _native.read_status(folder))]
    names: list[str] = []
    if (folder / PART_FILE).exists():
        spec = StudySpec.from_toml_file(folder / PART_FILE)
        names = [name for name, _ in _native.study_parts(spec) if name]
    if folder.is_dir():
        begun = sorted(path.parent.name for path in folder.glob("*/study.db"))
        names += [name for name in begun if name not in names]
    if not names:
        raise Error(f"run folder {folder}: holds no study.db", "io")
    return [Part(name, folder / name, _status_of(folder / name)) for name in names]


def write_parts(folder: Path, spec: StudySpec) -> None:
    """Leaves the study with its parts, for those who look at the folder; once."""
    path = folder / PART_FILE
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".tmp")
    fresh.write_text(spec.to_toml(), encoding="utf-8")
    fresh.replace(path)


def _status_of(folder: Path) -> RunStatus | None:
    try:
        return _native.read_status(folder)
    except Error:
        return None  # not begun, or begun a moment ago


def state_of(status: RunStatus) -> str:
    if status.running:
        return f"running ({status.holder})"
    if status.finished:
        return "finished"
    if status.outcome.startswith("budget:"):
        return f"stopped by the {status.outcome}"
    return f"{status.outcome or 'not begun'}; `xfer run` goes on"


def head_line(part: Part) -> str:
    """Name, state, how far, how long, how much."""
    from xfer.progress import duration

    status = part.status
    if status is None:
        return f"{part.name}: not begun"
    text = f"{part.name or status.name} on {status.model}: {state_of(status)}, {status.share:.0%}"
    text += f" after {duration(status.seconds)}"
    if status.running and status.seconds_left:
        text += f", about {duration(status.seconds_left)} left"
    return text + money(status)


def money(status: RunStatus) -> str:
    """ ", $1.20 spent of $5.00", or nothing where nothing costs."""
    spent = status.useful_dollars + status.lost_dollars
    if spent == 0 and status.max_dollars == 0:
        return ""
    text = f", ${spent:,.2f} spent"
    if status.max_dollars > 0:
        text += f" of ${status.max_dollars:,.2f}"
    return text


def count_line(status: RunStatus) -> str:
    text = (
        f"{status.legs_done:,}/{status.legs_planned:,} training runs, "
        f"{status.evaluations_done:,}/{status.evaluations_planned:,} evaluations, "
        f"{status.items_done:,}/{status.items_planned:,} items"
    )
    return text + (f", {status.rounds} rounds decided" if status.rounds else "")


def work_lines(status: RunStatus, most: int = 3) -> list[str]:
    """What is being done, as of the last commit."""
    lines = []
    for one in status.training[:most]:
        seen = f", loss {one.loss:.3f}" if one.loss is not None else ""
        if one.reward is not None:
            seen = f", reward {one.reward:.1%}"
        lines.append(f"training {one.description}: step {one.done}/{one.planned}{seen}")
    lines += [
        f"testing {one.description}: item {one.done}/{one.planned}" for one in status.testing[:most]
    ]
    return lines


def matrix_lines(cells: list[CellStatus], width: int = 80) -> list[str]:
    """The cells as a matrix that fills up, sources down and targets across, all methods together.

    However many there are it stays within some rows and the width: neighbours share a mark.
    """
    sources = list(dict.fromkeys(cell.source for cell in cells))
    targets = list(dict.fromkeys(cell.target for cell in cells))
    down = _bands(sources, ROWS_MAX)
    wide = max(2, min(COLUMNS_MAX, width - LABEL - 1))
    across = _bands(targets, wide)
    spelled = len(targets) <= (width - LABEL) // (LABEL // 2)
    step = LABEL // 2 if spelled else 1
    sums: dict[tuple[int, int], list[int]] = {}
    for cell in cells:
        entry = sums.setdefault((down[cell.source], across[cell.target]), [0, 0])
        entry[0] += cell.done
        entry[1] += cell.planned
    lines = []
    if spelled:
        heads = "".join(target[: step - 1].ljust(step) for target in targets)
        lines.append((" " * LABEL + heads).rstrip())
    for row in range(max(down.values(), default=-1) + 1):
        members = [source for source in sources if down[source] == row]
        name = members[0] if len(members) == 1 else f"{members[0]} \N{HORIZONTAL ELLIPSIS}"
        marks = ""
        for column in range(max(across.values()) + 1):
            entry = sums.get((row, column), [0, 0])
            marks += (_mark(*entry) if entry[1] else " ").ljust(step)
        lines.append(f"{name[: LABEL - 1]:<{LABEL}}{marks}".rstrip())
    return lines


def _bands(names: list[str], most: int) -> dict[str, int]:
    """Each name's row: its own where there is room, else one that it shares with neighbours."""
    rows = min(most, len(names))
    return {name: place * rows // len(names) for place, name in enumerate(names)}


def _mark(done: int, planned: int) -> str:
    if done >= planned:
        return SHADES[-1]
    return SHADES[1 + 3 * done // planned] if done else SHADES[0]


def view_lines(parts: list[Part], width: int = 80) -> list[str]:
    """A screenful: a line for each part, and the part that is worked on in full."""
    lines = [head_line(part) for part in parts]
    shown = _shown(parts)
    if shown is not None and shown.status is not None:
        lines += ["", count_line(shown.status)]
        lines += matrix_lines(shown.status.cells, width)
        lines += work_lines(shown.status)
    return [line[:width] for line in lines]


def _shown(parts: list[Part]) -> Part | None:
    """The part that runs, or the last that has begun."""
    begun = [part for part in parts if part.status is not None]
    running = [part for part in begun if part.status is not None and part.status.running]
    shown = running or begun
    return shown[-1] if shown else None


def view_html(parts: list[Part]) -> str:
    """The same for notebooks, with bars and a table for the matrix."""
    page = ""
    for part in parts:
        share = part.status.share if part.status is not None else 0.0
        page += (
            f"<div><progress max='1' value='{share:.3f}' style='width:16em'></progress> "
            f"{html.escape(head_line(part))}</div>"
        )
    shown = _shown(parts)
    if shown is not None and shown.status is not None:
        page += f"<div>{html.escape(count_line(shown.status))}</div>"
        page += matrix_html(shown.status.cells)
        page += "".join(f"<div>{html.escape(line)}</div>" for line in work_lines(shown.status))
    return f"<div class='xfer-watch'>{page}</div>"


def matrix_html(cells: list[CellStatus]) -> str:
    """The matrix as a table; as text where it is large."""
    if len(cells) > 200:
        text = "\n".join(matrix_lines(cells, 100))
        return f"<pre style='line-height:1'>{html.escape(text)}</pre>"
    sources = list(dict.fromkeys(cell.source for cell in cells))
    targets = list(dict.fromkeys(cell.target for cell in cells))
    head = "".join(f"<th>{html.escape(target)}</th>" for target in targets)
    rows = ""
    for source in sources:
        row = ""
        for target in targets:
            here = [c for c in cells if (c.source, c.target) == (source, target)]
            done, planned = sum(c.done for c in here), sum(c.planned for c in here)
            shade = f"rgba(46,125,50,{0.75 * done / planned:.2f})" if planned else "none"
            text = f"{done}/{planned}" if planned else ""
            row += f"<td style='background:{shade}'>{text}</td>"
        rows += f"<tr><th>{html.escape(source)}</th>{row}</tr>"
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"
