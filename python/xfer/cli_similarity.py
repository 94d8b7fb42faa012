# SPDX-License-Identifier: Apache-2.0
"""The command similarity."""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from xfer.similarity import OnProgress, similarity

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("similarity")(show)


def show(
    domains: Annotated[
        list[str] | None,
        typer.Argument(help="Built-in domains, or dataset files; all built-in ones if not given."),
    ] = None,
    model: Annotated[
        str, typer.Option(help="The untrained model whose hidden states and gradients are read.")
    ] = "embedded:small",
    measure: Annotated[
        list[str] | None, typer.Option(help="Only this measure; may be given several times.")
    ] = None,
    run: Annotated[
        Path | None,
        typer.Option(help="A finished run whose adapters give the measures of trained models."),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=2, help="Examples of each domain that the model reads.")
    ] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Chooses the examples.")] = 0,
    threads: Annotated[int, typer.Option(min=0, help="0: all cores.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show how alike domains are, and which sources that predicts for each target.

    Nothing is trained.
    """
    with _progress(quiet) as on_progress:
        found = similarity(
            *(domains or []),
            model=model,
            measures=measure or [],
            run=run,
            model_examples=examples,
            seed=seed,
            threads=threads,
            on_progress=on_progress,
        )
    typer.echo(json.dumps(found.to_dict(), indent=2) if as_json else str(found))


@contextlib.contextmanager
def _progress(quiet: bool) -> Iterator[OnProgress | None]:
    """On stderr: a line that is drawn anew on a terminal, else one every few seconds."""
    if quiet:
        yield None
        return
    live = sys.stderr.isatty()
    every = 0.2 if live else 5.0
    last = time.monotonic() - every + min(every, 1.0)  # nothing within the first second

    def tell(doing: str, done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last < every:
            return
        last = time.monotonic()
        line = f"{doing} ({done / max(total, 1):.0%})"
        print(f"\r\033[K{line}" if live else line, end="" if live else "\n", file=sys.stderr)
        sys.stderr.flush()

    try:
        yield tell
    finally:
        if live:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
