# SPDX-License-Identifier: Apache-2.0
"""Commands about findings: compare, import."""

from __future__ import annotations

import importlib.util
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

import xfer
from xfer import importers
from xfer._names import did_you_mean
from xfer.compare import ItemChange, change_counts, compare_conditions, compare_runs
from xfer.errors import Error

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run, e.g. runs/pilot.")]


def add_to(app: typer.Typer) -> None:
    app.command("compare")(compare)
    app.command("import")(import_scores)


def compare(
    run_folder: RunFolder,
    other: Annotated[
        Path | None,
        typer.Argument(help="Another run, compared with the first; else conditions of the first."),
    ] = None,
    condition: Annotated[
        str, typer.Option(help="The condition that is compared with the baseline.")
    ] = "transfer",
    items: Annotated[bool, typer.Option("--items", help="Show the items, side by side.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Items shown.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Which items training fixed and broke, by kind and by failure."""
    first = xfer.load_result(run_folder)
    if other is None:
        known = sorted({e.condition for c in first.study.cells for e in c.evaluations})
        if condition not in known:
            raise Error(
                f"compare: no condition {condition} in {run_folder}"
                f"{did_you_mean(condition, known)} (there are: "
                f"{', '.join(known) or 'none yet'})",
                "invalid_argument",
            )
        changes = compare_conditions(first, condition)
    else:
        changes = compare_runs(first, xfer.load_result(other))
    if as_json:
        typer.echo(json.dumps([c.as_dict() for c in changes], indent=2))
        return
    typer.echo("\n".join(_summary(changes)))
    if items:
        for change in changes[:limit]:
            typer.echo(_side_by_side(change))
        if len(changes) > limit:
            typer.echo(f"{len(changes) - limit} more; --limit shows them")


def import_scores(
    scores: Annotated[Path, typer.Argument(help="A CSV with one row for each answer.")],
    output: Annotated[Path, typer.Option(help="Folder for the report.")],
    name: Annotated[str, typer.Option(help="Name of the study.")] = "imported",
    model: Annotated[str, typer.Option(help="Name of the model.")] = "not named",
    as_json: AsJson = False,
) -> None:
    """Make the report of scores that were measured elsewhere."""
    result = importers.from_csv(scores, name=name, model=model)
    result.save(output)
    if as_json:
        typer.echo(result.to_json())
        return
    typer.echo(result.table())
    typer.echo(f"report: {output / 'report.html'}")


def write_report(result: xfer.Result, folder: Path, form: str) -> None:
    """Writes what `xfer report --output` asks for, and says where it is."""
    if form == "csv":
        typer.echo(f"tables: {result.save_tables(folder)}")
    elif form == "tex":
        drawn = importlib.util.find_spec("matplotlib") is not None
        result.save_paper(folder, figures=drawn)
        typer.echo(f"article: {folder / 'report.tex'}")
        if not drawn:
            typer.echo("without figures: they need matplotlib, pip install 'xfer[plots]'", err=True)
    else:
        typer.echo(f"report: {result.save(folder) / 'report.html'}")


def _summary(changes: list[ItemChange]) -> list[str]:
    fixed = sum(c.change == "fixed" for c in changes)
    lines = [f"{fixed} fixed, {len(changes) - fixed} broken"]
    groups: dict[str, Callable[[ItemChange], str]] = {
        "pair": lambda c: f"{c.source} -> {c.target}, {c.condition}, seed {c.seed}",
        "kind": lambda c: c.kind or "(no kind)",
        "failure": lambda c: c.failure,
    }
    for title, group in groups.items():
        lines += ["", f"by {title}: fixed, broken"]
        counts = change_counts(changes, group)
        lines += [f"  {_plain(name)}: {up}, {down}" for name, (up, down) in counts.items()]
    return lines


def _side_by_side(change: ItemChange) -> str:
    pair = f"{change.source} -> {change.target}, seed {change.seed}"
    head = f"{change.change}: {change.item} ({pair})"
    parts = [("question", change.question), ("reference", change.reference),
             ("before", change.before), ("after", change.after)]  # fmt: skip
    body = "\n".join(f"  {name}: {_plain(text)[:600]}" for name, text in parts if text)
    return f"\n{_plain(head)}\n{body}"


def _plain(text: str) -> str:
    """Without characters that could steer a terminal."""
    return "".join(
        c if c == "\n" or unicodedata.category(c)[0] != "C" else "\N{REPLACEMENT CHARACTER}"
        for c in text
    ).replace("\n", "\n    ")
