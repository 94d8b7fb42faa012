# SPDX-License-Identifier: Apache-2.0
"""The command regrade."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

import xfer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("regrade")(regrade)


def regrade(
    run_folder: Annotated[Path, typer.Argument(help="The folder of a run, e.g. runs/pilot.")],
    as_json: AsJson = False,
) -> None:
    """Grade the stored answers of a run again, with the graders as they are now.

    Nothing is sampled. The first grades are kept; `xfer report` shows the latest.
    """
    graded = xfer.regrade(run_folder)
    if as_json:
        typer.echo(json.dumps(graded, indent=2))
        return
    for domain in graded:
        typer.echo(_line(domain))
        for change in domain["changes"][:10]:
            typer.echo(
                f"  {change['item']} ({change['evaluation']}): "
                f"{change['before']:g} -> {change['after']:g}"
            )
        if len(domain["changes"]) > 10:
            typer.echo(f"  and {domain['changed'] - 10} more (--json lists the first 100)")


def _line(domain: dict[str, Any]) -> str:
    head = (
        f"{domain['domain']}: {domain['items']} answers graded by {domain['grader']} "
        f"{domain['version']}"
    )
    if domain["changed"] == 0:
        return f"{head}; no score changed"
    return (
        f"{head}; {domain['changed']} scores changed, mean {domain['before']:.4f} -> "
        f"{domain['after']:.4f}"
    )
