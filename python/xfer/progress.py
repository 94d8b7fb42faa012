# SPDX-License-Identifier: Apache-2.0
"""What a running study shows: a live display on a terminal or in a notebook, else plain lines."""

from __future__ import annotations

import html
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from xfer._native import Event, RunStatus, StudySpec, read_status
from xfer.errors import Error
from xfer.watch import count_line, matrix_html, matrix_lines, money

if TYPE_CHECKING:
    from rich.console import RenderableType


class Display(Protocol):
    """A context manager that is called with each event of a study."""

    def __enter__(self) -> Display: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def __call__(self, event: Event) -> None: ...


def best_display(spec: StudySpec, folder: Path) -> Display:
    """The display for where we are. It goes to stderr, so that stdout holds results alone."""
    if in_notebook():
        return NotebookDisplay(spec, folder)
    if sys.stderr.isatty():
        return LiveDisplay(spec, folder)
    return LineDisplay(spec, folder, sys.stderr)


def in_notebook() -> bool:
    """Whether outputs can be drawn anew, as in Jupyter."""
    shell = sys.modules.get("IPython")
    if shell is None:
        return False
    return type(shell.get_ipython()).__name__ == "ZMQInteractiveShell"


def duration(seconds: float) -> str:
    """A duration for people: 47 s, 3 min 20 s, 2 h 05 min."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


class Status:
    """The events so far, as what can be said of them."""

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        pairs = ", ".join(f"{source} -> {target}" for source, target in spec.pairs)
        seeds = "1 seed" if len(spec.seeds) == 1 else f"{len(spec.seeds)} seeds"
        self.title = f"{spec.name}: {pairs} on {spec.model}, {seeds}, kept in {folder}"
        self.doing = "loading the model"
        self.detail = ""
        self._step = ""
        self.share = 0.0
        self.seconds_left = 0.0
        self._started = time.monotonic()
        self._left_at = self._started

    def update(self, event: Event) -> str | None:
        """Takes an event in; returns a line when something was finished."""
        if event.total_units > 0:
            self.share = min(1.0, event.done_units / event.total_units)
        if event.seconds_left > 0:
            self.seconds_left, self._left_at = event.seconds_left, time.monotonic()
        kind = event.kind
        if kind in ("leg_started", "sampling", "step"):
            self.doing = f"training {event.text}"
        elif kind in ("eval_started", "eval_progress"):
            self.doing = f"testing {event.text}"
        if kind in ("leg_started", "eval_started"):
            self.detail = self._step = ""
        elif kind == "sampling":
            self.detail = f"{self._step}answering problem {event.step}/{event.steps}"
        elif kind == "step":
            supervised = event.reward is None
            seen = f"loss {event.loss:.3f}" if supervised else f"reward {event.reward:.1%}"
            self._step = f"step {event.step}/{event.steps}, {seen}, "
            self.detail = f"{self._step}{event.tokens_per_second:,.0f} tokens/s"
        elif kind == "eval_progress":
            self.detail = f"item {event.step}/{event.steps}"
            if event.tokens_per_second > 0:
                self.detail += f", {event.tokens_per_second:,.0f} tokens/s"
        return self._finished_line(event)

    def _finished_line(self, event: Event) -> str | None:
        scores = f"accuracy {event.score:.1%}, {event.bits_per_byte:.3f} bits per byte"
        return {
            "leg_finished": f"trained {event.text}",
            "leg_reused": f"trained {event.text} (earlier)",
            "leg_lost": f"the checkpoint of {event.text} is gone; it is trained again",
            "eval_finished": f"tested {event.text}: {scores}",
            "eval_reused": f"tested {event.text} (earlier)",
            "decided": event.text,
        }.get(event.kind)

    @property
    def now(self) -> str:
        return f"{self.doing}: {self.detail}" if self.detail else self.doing

    @property
    def overall(self) -> str:
        text = f"{self.share:.0%} after {duration(time.monotonic() - self._started)}"
        if self.seconds_left > 0:
            left = self.seconds_left - (time.monotonic() - self._left_at)
            text += f", about {duration(left)} left"
        return text


class Ledger:
    """The run's matrix and money as its folder has them, read at most once a second."""

    seconds_between_reads = 1.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_at = -self.seconds_between_reads
        self._status: RunStatus | None = None

    @property
    def status(self) -> RunStatus | None:
        """None before the run has begun."""
        if time.monotonic() - self._read_at >= self.seconds_between_reads:
            self._read_at = time.monotonic()
            with suppress(Error):
                self._status = read_status(self._folder)
        return self._status


class LineDisplay:
    """Plain lines: each thing that is finished, and every few seconds what is going on."""

    seconds_between_lines = 5.0

    def __init__(self, spec: StudySpec, folder: Path, stream: TextIO) -> None:
        self._status = Status(spec, folder)
        self._stream = stream
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._heartbeat, daemon=True)

    def __enter__(self) -> LineDisplay:
        self._print(self._status.title)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def __call__(self, event: Event) -> None:
        if line := self._status.update(event):
            self._print(line)

    def _heartbeat(self) -> None:
        while not self._stop.wait(self.seconds_between_lines):
            self._print(f"{self._status.now} ({self._status.overall})")

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)


class LiveDisplay:
    """What is running, a bar, the time left, and the cells as a matrix that fills up, with finished
    things scrolling by above."""

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.progress_bar import ProgressBar
        from rich.spinner import Spinner

        self._status = Status(spec, folder)
        self._console = Console(stderr=True, highlight=False)
        self._bar = ProgressBar(total=1.0, width=40)
        self._spinner = Spinner("dots")
        self._ledger = Ledger(folder)
        self._live = Live(
            get_renderable=self._render, console=self._console, refresh_per_second=8, transient=True
        )

    def __enter__(self) -> LiveDisplay:
        self._console.print(self._status.title, markup=False)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def __call__(self, event: Event) -> None:
        if line := self._status.update(event):
            self._console.print(line, markup=False)

    def _render(self) -> RenderableType:
        from rich.table import Table
        from rich.text import Text

        self._bar.update(self._status.share)
        self._spinner.update(text=Text(self._status.now))
        grid = Table.grid(padding=(0, 1))
        grid.add_row(self._bar, Text(self._status.overall))
        rows = Table.grid()
        rows.add_row(self._spinner)
        rows.add_row(grid)
        if (seen := self._ledger.status) is not None:
            width = self._console.width
            counts = count_line(seen) + money(seen)
            for line in [counts, *matrix_lines(seen.cells, width)]:
                rows.add_row(Text(line[:width], no_wrap=True))
        return rows


class NotebookDisplay:
    """One output that is drawn anew as the study goes on, and says at the end how it ended."""

    seconds_between_updates = 0.25

    def __init__(self, spec: StudySpec, folder: Path) -> None:
        self._status = Status(spec, folder)
        self._ledger = Ledger(folder)
        self._handle: Any = None
        self._drawn = 0.0

    def __enter__(self) -> NotebookDisplay:
        from IPython.display import HTML, display

        self._handle = display(HTML(self._html()), display_id=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._status.doing, self._status.share = "finished", 1.0
        else:
            self._status.doing = "stopped; run the same cell again to go on"
        self._status.detail, self._status.seconds_left = "", 0.0
        self._draw()

    def __call__(self, event: Event) -> None:
        self._status.update(event)
        if time.monotonic() - self._drawn >= self.seconds_between_updates:
            self._draw()

    def _draw(self) -> None:
        from IPython.display import HTML

        self._drawn = time.monotonic()
        if self._handle is not None:
            self._handle.update(HTML(self._html()))

    def _html(self) -> str:
        status = self._status
        seen = self._ledger.status
        counts = html.escape(count_line(seen) + money(seen)) if seen else ""
        matrix = matrix_html(seen.cells) if seen else ""
        return (
            f"<div>{html.escape(status.title)}<br>"
            f"<progress max='1' value='{status.share:.3f}' style='width:24em'></progress> "
            f"{html.escape(status.overall)}<br>{html.escape(status.now)}<br>{counts}</div>{matrix}"
        )
