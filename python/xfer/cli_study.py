"""Commands about studies: run, plan, status, report."""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

import xfer
from xfer import _native
from xfer.plan import plan_content, plan_lines
from xfer.progress import LineDisplay, LiveDisplay, duration
from xfer.study import default_run_folder

StudyFile = Annotated[
    Path | None,
    typer.Argument(
        help="A study file (TOML), or the name of a built-in study: pilot, main, full_matrix. "
        "Left out: the pilot."
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replaces one key of the study, e.g. steps=50."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
RunFolder = Annotated[Path, typer.Argument(help="The folder of a run, e.g. runs/pilot.")]


class Format(str, Enum):
    """What `xfer report` can print."""

    text = "text"
    md = "md"
    html = "html"
    json = "json"


def add_to(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("plan")(plan)
    app.command("status")(status)
    app.command("report")(report)


def run(
    study: StudyFile = None,
    run_folder: Annotated[
        Path | None, typer.Option(help="Where the run is kept; default: runs/<study name>.")
    ] = None,
    settings: Settings = None,
    threads: Annotated[
        int | None,
        typer.Option(min=0, help="Worker threads; 0: all cores. Never changes a result."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    as_json: AsJson = False,
) -> None:
    """Run or resume a study, and write report.html, report.md and report.json.

    Stopped by Ctrl-C or by a crash, the same command takes it up where it was.
    """
    spec = read_spec(study, settings)
    if threads is not None:
        spec.threads = threads
    folder = run_folder or default_run_folder(spec)
    try:
        with _display(spec, folder, quiet) as listener:
            result = xfer.Result(_native.run_study(spec, folder, listener))
    except KeyboardInterrupt:
        print(
            f"stopped; what was done is kept in {folder}. The same command goes on from there.",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    except xfer.Error as error:
        if error.code == "run_mismatch":
            raise xfer.Error(f"{error} (--run-folder names another)", error.code) from None
        raise
    if as_json:
        typer.echo(result.to_json())
        return
    typer.echo(_page(result))
    typer.echo(f"took {duration(result.study.seconds)}")
    for name in ("report.html", "report.md", "report.json"):
        typer.echo(f"report: {folder / name}")


def plan(study: StudyFile = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Show what a study will train and test, what it will cost and what it can show.

    Nothing is run. Supervised training is counted exactly; sampled answers are a range.
    """
    spec = read_spec(study, settings)
    planned, forecast = _native.forecast_study(spec)
    if as_json:
        typer.echo(json.dumps(plan_content(spec, planned, forecast), indent=2))
        return
    for line in plan_lines(spec, planned, forecast):
        typer.echo(line)


def status(run_folder: RunFolder, as_json: AsJson = False) -> None:
    """Show how far a run is."""
    result = xfer.load_result(run_folder)
    spec = result.spec
    per_pair = sum(
        1 if condition == "baseline" else len(spec.seeds)
        for method in spec.methods
        for condition in spec.conditions
        if _native.condition_exists(condition, method)
    )
    wanted = per_pair * len(spec.pairs)
    done = sum(len(cell.evaluations) for cell in result.study.cells)
    content: dict[str, Any] = {
        "study": spec.name,
        "model": result.study.model_name,
        "training_runs_finished": len(result.study.legs),
        "evaluations_finished": done,
        "evaluations_wanted": wanted,
        "finished": done == wanted,
        "seconds": result.study.seconds,
    }
    if as_json:
        typer.echo(json.dumps(content, indent=2))
        return
    state = "finished" if done == wanted else "unfinished; `xfer run` goes on"
    typer.echo(
        f"{spec.name} on {result.study.model_name}: {state}\n"
        f"{len(result.study.legs)} training runs finished, {done} of {wanted} evaluations, "
        f"{duration(result.study.seconds)} so far"
    )


def report(
    run_folder: RunFolder,
    form: Annotated[Format, typer.Option("--format", "-f", help="What to print.")] = Format.text,
) -> None:
    """Print the report of a run, finished or not, on stdout."""
    result = xfer.load_result(run_folder)
    if form is Format.text:
        typer.echo(_page(result))
    elif form is Format.md:
        typer.echo(result.to_markdown())
    elif form is Format.html:
        typer.echo(result.to_html())
    else:
        typer.echo(result.to_json())


def read_spec(study: Path | None, settings: list[str] | None) -> xfer.StudySpec:
    """The study of a file or by its name, or the pilot, with single keys replaced."""
    if study is None:
        spec = xfer.StudySpec()
    elif str(study) in _native.preset_names() and not study.exists():
        spec = _native.preset(str(study))
    else:
        spec = xfer.StudySpec.from_toml_file(study)
    for setting in settings or []:
        _set(spec, setting)
    spec.validate()
    return spec


def _set(spec: xfer.StudySpec, setting: str) -> None:
    key, equals, text = setting.partition("=")
    section, _, name = key.strip().rpartition(".")  # train.steps is as good as steps
    if section == "rl":
        name = f"rl_{name}"
    if not equals or name not in _keys(spec):
        raise xfer.Error(
            f"--set {setting}: must be KEY=VALUE with KEY one of {', '.join(_keys(spec))}",
            "invalid_argument",
        )
    old = getattr(spec, name)
    value: Any = text
    if not isinstance(old, str):
        try:
            value = ast.literal_eval({"true": "True", "false": "False"}.get(text, text))
        except (ValueError, SyntaxError):
            raise xfer.Error(
                f"--set {setting}: {name} must be like {old!r}", "invalid_argument"
            ) from None
    try:
        setattr(spec, name, value)
    except TypeError:
        raise xfer.Error(
            f"--set {setting}: {name} must be like {old!r}", "invalid_argument"
        ) from None


def _keys(spec: xfer.StudySpec) -> list[str]:
    kind = type(spec)
    return [k for k in dir(kind) if isinstance(getattr(kind, k), property)]


def _display(spec: xfer.StudySpec, folder: Path, quiet: bool) -> AbstractContextManager[Any]:
    if quiet:
        return nullcontext()
    if sys.stderr.isatty():
        return LiveDisplay(spec, folder)
    return LineDisplay(spec, folder, sys.stderr)


def _page(result: xfer.Result) -> str:
    """Tables and readings, as wide as the terminal but no wider than is pleasant to read."""
    width = _width()
    readings = [textwrap.fill(cell.reading, min(width, 100)) for cell in result.cells]
    return "\n\n".join([result.table(width).rstrip(), *readings]) + "\n"


def _width() -> int:
    from rich.console import Console

    return max(40, Console().width) if sys.stdout.isatty() else 100
