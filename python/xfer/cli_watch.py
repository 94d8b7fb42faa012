# SPDX-License-Identifier: Apache-2.0
"""Commands about runs, whoever runs them: status, watch, gc."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from xfer import _native
from xfer.progress import duration
from xfer.watch import (
    Part,
    Watch,
    count_line,
    head_line,
    read_parts,
    state_of,
    view_lines,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunFolder = Annotated[
    Path, typer.Argument(help="The folder of a run, or of a study of several parts.")
]


def add_to(app: typer.Typer) -> None:
    app.command("status")(status)
    app.command("watch")(watch)
    app.command("gc")(gc)


def status(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Show how far a run is."""
    parts = read_parts(run_folder)
    whole = parts[0].name == ""
    if as_json:
        contents = [_content(part) for part in parts]
        typer.echo(json.dumps(contents[0] if whole else {"parts": contents}, indent=2))
        return
    for part in parts:
        typer.echo(head_line(part))
        if part.status is not None:
            typer.echo("  " + count_line(part.status))
    if not whole:
        done = sum(part.status is not None and part.status.finished for part in parts)
        seconds = sum(part.status.seconds for part in parts if part.status is not None)
        typer.echo(f"{done} of {len(parts)} parts finished, {duration(seconds)} so far")


def _content(part: Part) -> dict[str, Any]:
    now = part.status
    if now is None:
        return {"part": part.name, "state": "not begun", "finished": False}
    content: dict[str, Any] = {"part": part.name} if part.name else {}
    return content | {
        "study": now.name,
        "model": now.model,
        "state": state_of(now),
        "running": now.running,
        "holder": now.holder,
        "machine": now.machine,
        "git": now.git,
        "training_runs_finished": now.legs_done,
        "training_runs_planned": now.legs_planned,
        "evaluations_finished": sum(cell.done for cell in now.cells),
        "evaluations_wanted": sum(cell.planned for cell in now.cells),
        "items_finished": now.items_done,
        "items_planned": now.items_planned,
        "finished": now.finished,
        "share": now.share,
        "seconds": now.seconds,
        "seconds_left": now.seconds_left,
        "spent_dollars": now.useful_dollars + now.lost_dollars,
        "lost_dollars": now.lost_dollars,
        "max_dollars": now.max_dollars,
        "rounds": now.rounds,
    }


def watch(
    run_folder: RunFolder,
    once: Annotated[bool, typer.Option("--once", help="Show it once and end.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.1, help="Seconds between two looks at the folder.")
    ] = 1.0,
) -> None:
    """Watch a run that another process works on, until it ends.

    Ctrl-C ends the watching, not the run. Without a terminal a line is printed for each change.
    """
    view = Watch(run_folder)
    parts = view.parts()
    if once or not sys.stdout.isatty():
        if once:
            typer.echo("\n".join(view_lines(parts, _width())))
        else:
            view.follow(interval)
        return
    _follow_live(view, interval)


def _follow_live(view: Watch, interval: float) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    with Live(console=console, auto_refresh=False) as live:
        while True:
            parts = view.parts()
            lines = view_lines(parts, console.width)[: max(4, console.height - 1)]
            live.update(Text("\n".join(lines)), refresh=True)
            if not any(part.status is not None and part.status.running for part in parts):
                return
            time.sleep(interval)


def gc(
    run_folder: RunFolder,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be removed, and remove nothing.")
    ] = False,
    everything: Annotated[
        bool,
        typer.Option(
            "--adapters", help="Also the trained adapters that `xfer similarity --run` can read."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Remove checkpoints that a run does not need any more, here and at its service.

    Answers, scores and reports stay. A run that needs a removed checkpoint after all trains it
    again and says so.
    """
    found = []
    for part in read_parts(run_folder):
        if part.status is None:
            continue
        find = _native.unneeded_checkpoints if dry_run else _native.remove_unneeded_checkpoints
        found += [(part.name, one) for one in find(part.folder, everything)]
    if as_json:
        rows = [
            {"part": part, "description": one.description, "path": str(one.path),
             "bytes": one.bytes, "remote": one.remote}
            for part, one in found
        ]  # fmt: skip
        typer.echo(json.dumps({"removed": not dry_run, "checkpoints": rows}, indent=2))
        return
    for name, one in found:
        where = one.path if one.remote else f"{one.bytes / 1e6:,.1f} MB"
        typer.echo(f"{name + ': ' if name else ''}{one.description} ({where})")
    verb = "would be removed" if dry_run else "removed"
    size = sum(one.bytes for _, one in found)
    typer.echo(f"{len(found)} checkpoints {verb}, {size / 1e6:,.1f} MB on this machine")


def _width() -> int:
    from rich.console import Console

    return max(40, Console().width) if sys.stdout.isatty() else 100
