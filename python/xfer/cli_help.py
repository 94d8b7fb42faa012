# SPDX-License-Identifier: Apache-2.0
"""What the help of every command shows besides its options: examples to copy.

A test parses each of them, so that none goes stale.
"""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

import typer
import typer.core

from xfer._names import did_you_mean

#: Of each command: what to type, and what for.
EXAMPLES: dict[str, list[tuple[str, str]]] = {
    "run": [
        ("xfer run", "the pilot: math to code, in a few minutes"),
        ("xfer run my_study.toml --set train.steps=300", "a study file, one key replaced"),
        ("xfer run main --yes --quiet", "a built-in study, without questions"),
        ("xfer run my_study.toml --json > report.json", "the report for a program"),
    ],
    "plan": [
        ("xfer plan my_study.toml", "what it takes and what it can show"),
        ("xfer plan main --set priced_as=meta-llama/Llama-3.2-1B", "what a service would charge"),
    ],
    "presets": [
        ("xfer presets", "the built-in studies"),
        ("xfer presets main > my_study.toml", "one of them, to start from"),
    ],
    "status": [("xfer status runs/pilot", "how far a run is")],
    "watch": [
        ("xfer watch runs/pilot", "a run that another process works on, until it ends"),
        ("xfer watch runs/pilot --once", "one look"),
    ],
    "gc": [
        ("xfer gc runs/pilot --dry-run", "what would be removed"),
        ("xfer gc runs/pilot", "remove checkpoints that are not needed any more"),
    ],
    "report": [
        ("xfer report runs/pilot", "tables and reading"),
        ("xfer report runs/pilot --format md > pilot.md", "for a README"),
        ("xfer report runs/pilot --format tex --output paper", "an article with figures"),
    ],
    "sample": [
        ('xfer sample embedded:small "3 + 4 = ?"', "one answer, greedy"),
        ('xfer sample model.gguf "Hello" --temperature 1 --num-samples 3', "three, at random"),
    ],
    "doctor": [
        ("xfer doctor", "this machine, with a self-test of ten seconds"),
        ("xfer doctor --quick --json", "without the self-test, for a program"),
        ("xfer doctor --url http://127.0.0.1:8000", "how far a service keeps to the protocol"),
    ],
    "regrade": [("xfer regrade runs/pilot", "stored answers under today's graders")],
    "compare": [
        ("xfer compare runs/pilot --items", "what training on the source fixed and broke"),
        ("xfer compare runs/pilot --condition direct", "another condition"),
        ("xfer compare runs/monday runs/tuesday", "what differs between two runs"),
    ],
    "import": [("xfer import scores.csv --output report", "a report of scores measured elsewhere")],
    "similarity": [
        ("xfer similarity math code law", "every measure"),
        ("xfer similarity gsm8k.jsonl logic --measure gradient_cosine", "one measure, a file"),
    ],
    "serve": [
        ("xfer serve", "the embedded model for Tinker clients, at 127.0.0.1:8000"),
        ("xfer serve --model model.gguf --weights bf16 --port 9000", "a model of your own"),
    ],
    "train": [
        ("xfer train math --steps 50 --out adapters/math", "an adapter in PEFT's layout"),
        ("xfer train my_rows.jsonl --profile", "where the time goes"),
    ],
    "data list": [
        ("xfer data list", "built-in domains and known datasets"),
        ("xfer data list downloads", "and which of them are in a folder"),
    ],
    "data check": [("xfer data check gsm8k.jsonl", "rows, bad rows, duplicates, labels")],
    "data get": [("xfer data get gsm8k", "download into data/gsm8k, and check")],
    "data show": [
        ("xfer data show physics --index 3", "one example of a built-in domain"),
        ("xfer data show gsm8k.jsonl --split train", "of a file"),
    ],
    "data overlap": [("xfer data overlap math gsm8k.jsonl", "test items in training text")],
}


class SuggestingGroup(typer.core.TyperGroup):
    """A group that answers a mistyped command with the nearest ones."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name = args[0]
        if self.get_command(ctx, name) is None and not name.startswith("-"):
            ctx.fail(f"no command {name!r}{did_you_mean(name, self.list_commands(ctx))}")
        return super().resolve_command(ctx, args)


def add_to(app: typer.Typer) -> None:
    """Puts the examples below the help of every command that is registered. Call it last."""
    _add(app, "")


def _add(app: typer.Typer, prefix: str) -> None:
    for command in app.registered_commands:
        examples = EXAMPLES.get(f"{prefix}{command.name}")
        if examples:
            command.epilog = _epilog(examples)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            group.typer_instance.info.cls = SuggestingGroup
            _add(group.typer_instance, f"{prefix}{group.name} ")


def _epilog(examples: list[tuple[str, str]]) -> str:
    lines = [f"  {what}\n      {why}" for what, why in examples]
    return "\b\nExamples:\n" + "\n".join(lines)  # \b: the paragraph keeps its lines


def coloured(stream: TextIO) -> bool:
    """Whether colours do good there: on a terminal, unless NO_COLOR is set (no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def paint(text: str, colour: str, stream: TextIO | None = None) -> str:
    """The text in a colour where the stream (stdout unless given) shows colours."""
    where = sys.stdout if stream is None else stream
    return typer.style(text, fg=colour, bold=True) if coloured(where) else text
