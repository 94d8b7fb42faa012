# SPDX-License-Identifier: Apache-2.0
"""The command doctor: what this machine offers, or how far a service keeps to a protocol."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from xfer import cli_serve, machine
from xfer.cli_help import paint

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


def add_to(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    url: Annotated[
        str, typer.Option(help="A Tinker-compatible service to examine in place of this machine.")
    ] = "",
    model: Annotated[
        str, typer.Option(help="The base model to use there; the first it lists if not given.")
    ] = "",
    samples: Annotated[
        int, typer.Option(min=1, help="How many samples it must bear at once.")
    ] = 512,
    record: Annotated[
        Path | None,
        typer.Option(help="Write each exchange with the service here, without secrets."),
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="Without the self-test.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check what this machine offers, or how far a service keeps to the protocol.

    On this machine: processor, memory, disk, libraries, the sandbox, the models, and ten seconds of
    training and sampling. Ends with 1 when something fails that xfer cannot do without.
    """
    if url:
        cli_serve.examine(url, model, samples, as_json, record)
        return
    found = []
    for check in machine.checks(self_test=not quick):
        found.append(check)
        if not as_json:
            typer.echo(_line(check))
    if as_json:
        typer.echo(json.dumps([check.as_dict() for check in found], indent=2))
    if any(check.needed and not check.ok for check in found):
        raise typer.Exit(1)


def _line(check: machine.Check) -> str:
    word, colour = ("ok", "green") if check.ok else ("missing", "yellow")
    if check.needed and not check.ok:
        word, colour = "FAILED", "red"
    return f"{paint(f'{word:7}', colour)} {check.name}: {check.detail}"
