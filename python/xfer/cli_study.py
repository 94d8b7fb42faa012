# SPDX-License-Identifier: Apache-2.0
"""Commands about studies: run, plan, presets, report."""

from __future__ import annotations

import ast
import json
import sys
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

import xfer
from xfer import _native, cli_report
from xfer._names import did_you_mean
from xfer.overview import Overview
from xfer.plan import plan_content, plan_lines
from xfer.progress import LineDisplay, LiveDisplay, duration
from xfer.study import default_run_folder, own_domains
from xfer.watch import write_parts

StudyFile = Annotated[
    Path | None,
    typer.Argument(
        help="A study file (TOML), or the name of a built-in study (`xfer presets` lists them). "
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
    tex = "tex"
    csv = "csv"


def add_to(app: typer.Typer) -> None:
    app.command("run")(run)
    app.command("plan")(plan)
    app.command("presets")(presets)
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
    record: Annotated[
        Path | None,
        typer.Option(help="Write each exchange with a Tinker service here, without secrets."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Start whatever the study is expected to cost.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run or resume a study, and write report.html, report.md and report.json.

    Stopped by Ctrl-C or by a crash, the same command takes it up where it was. A study of several
    models, or with an ablation, is run part by part, each in a folder of its own below the run
    folder, and the reports there are those of all parts together.
    """
    spec = read_spec(study, settings)
    if threads is not None:
        spec.threads = threads
    folder = run_folder or default_run_folder(spec)
    parts = _native.study_parts(spec)
    if not yes:
        confirm_cost([(folder / name, part) for name, part in parts])
    if len(parts) == 1:
        result = _run_part(parts[0][1], folder, quiet, record)
        if as_json:
            typer.echo(result.to_json())
        else:
            _show(result, folder)
        _fail_if_stopped([result], folder)
        return
    write_parts(folder, spec)
    results = []
    for name, part in parts:
        others = [folder / other for other, _ in parts if other != name]
        record_here = part_record(record, name)
        results.append((name, _run_part(part, folder / name, quiet, record_here, others)))
    overview = Overview(spec.name, results)
    overview.write(folder)
    typer.echo(overview.to_json() if as_json else overview.to_text())
    if not as_json:
        for name in ("report.html", "report.md", "report.json"):
            typer.echo(f"report: {folder / name}")
    _fail_if_stopped([result for _, result in results], folder)


def presets(
    name: Annotated[
        str | None, typer.Argument(help="Print this one as a study file. Left out: list all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the built-in studies, or print one as a study file to start from."""
    names = _native.preset_names()
    if name is not None and name not in names:
        raise xfer.Error(
            f"no built-in study {name!r}{did_you_mean(name, names)} (there are: "
            f"{', '.join(names)})",
            "invalid_argument",
        )
    if as_json:
        chosen = names if name is None else [name]
        content = [
            {"name": n, "summary": _native.preset_summary(n), "toml": _native.preset(n).to_toml()}
            for n in chosen
        ]
        typer.echo(json.dumps(content, indent=2))
        return
    if name is not None:
        typer.echo(_native.preset(name).to_toml(), nl=False)
        return
    for one in names:
        typer.echo(f"{one:<22} {_native.preset_summary(one)}")


def confirm_cost(parts: list[tuple[Path, xfer.StudySpec]]) -> None:
    """Asks before a study is started that is expected to cost more than `confirm_above`."""
    limit = parts[0][1].confirm_above
    dollars = 0.0
    for folder, part in parts:
        started = (folder / "study.db").exists()
        if limit <= 0 or started or not _native.calls_are_priced(part):
            continue
        _, forecast = _native.forecast_study(part, own_domains(part))
        dollars += forecast.training_dollars[1] + forecast.testing_dollars[1]
    if dollars <= limit:
        return
    text = (
        f"this study is expected to cost ${dollars:,.2f}, above budget.confirm_above = {limit:,.2f}"
    )
    if not sys.stdin.isatty():
        raise xfer.Error(f"{text}; give --yes to start it", "invalid_argument")
    typer.confirm(f"{text}. Start it?", abort=True, err=True)


def part_record(record: Path | None, name: str) -> Path | None:
    """One file of exchanges for each part."""
    return None if record is None else record.with_name(f"{record.stem}-{name}{record.suffix}")


def _fail_if_stopped(results: list[xfer.Result], folder: Path) -> None:
    for result in results:
        if result.study.stopped:
            print(f"stopped by the {result.study.stopped}: {folder}", file=sys.stderr)
            raise typer.Exit(1)


def _run_part(
    spec: xfer.StudySpec,
    folder: Path,
    quiet: bool,
    record: Path | None,
    others: Sequence[Path] = (),
) -> xfer.Result:
    """Runs one part; what the others have spent counts against its limits too."""
    try:
        with _display(spec, folder, quiet) as listener:
            return xfer.Result(
                _native.run_study(
                    spec, folder, listener, None, own_domains(spec), record or "", others
                ),
                folder,
            )
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


def _show(result: xfer.Result, folder: Path) -> None:
    typer.echo(_page(result))
    study = result.study
    spent = study.useful_dollars + study.lost_dollars
    cost = f", ${spent:,.2f} of which ${study.lost_dollars:,.2f} lost" if spent > 0 else ""
    typer.echo(f"took {duration(study.seconds)}{cost}")
    for name in ("report.html", "report.md", "report.json"):
        typer.echo(f"report: {folder / name}")


def plan(study: StudyFile = None, settings: Settings = None, as_json: AsJson = False) -> None:
    """Show what a study will train and test, what it will cost and what it can show.

    Nothing is run. Supervised training is counted exactly; sampled answers are a range.
    """
    spec = read_spec(study, settings)
    contents = []
    dollars = [0.0, 0.0, 0.0]
    hours = [0.0, 0.0, 0.0]
    parts = _native.study_parts(spec)
    for _, part in parts:
        planned, forecast = _native.forecast_study(part, own_domains(part))
        contents.append(plan_content(part, planned, forecast))
        for i in range(3):
            dollars[i] += forecast.training_dollars[i] + forecast.testing_dollars[i]
            hours[i] += forecast.hours[i]
        if not as_json:
            for line in plan_lines(part, planned, forecast):
                typer.echo(line)
    if as_json:
        content = contents[0] if len(parts) == 1 else {"study": spec.name, "parts": contents}
        typer.echo(json.dumps(content, indent=2))
    elif len(parts) > 1:
        low, expected, high = dollars
        typer.echo(f"\nall {len(parts)} parts: ${expected:,.2f} (${low:,.2f} to ${high:,.2f})")
        low, expected, high = hours
        if high > 0:
            typer.echo(f"time on this machine: {expected:,.2g} ({low:,.2g} to {high:,.2g}) hours")


def report(
    run_folder: RunFolder,
    form: Annotated[
        Format, typer.Option("--format", "-f", help="What to print; csv is the table of metrics.")
    ] = Format.text,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write files into this folder instead: with tex an article with its tables and "
            "figures, with csv every table, else the report in all its forms.",
        ),
    ] = None,
) -> None:
    """Print the report of a run, finished or not, on stdout."""
    result = xfer.load_result(run_folder)
    if output is not None:
        cli_report.write_report(result, output, form.value)
    elif form is Format.tex:
        typer.echo(result.to_latex())
    elif form is Format.csv:
        typer.echo(result.table_csv("metrics"), nl=False)
    elif form is Format.text:
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
    if section in ("rl", "ablation", "hypotheses", "looks"):
        name = f"{section}_{name}"
    if not equals or name not in _keys(spec):
        raise xfer.Error(
            f"--set {setting}: must be KEY=VALUE with KEY one of {', '.join(_keys(spec))}"
            f"{did_you_mean(name, _keys(spec))}",
            "invalid_argument",
        )
    old = getattr(spec, name)
    value: Any = text
    if name in ("learning_rate", "rl_learning_rate") and text == "auto":
        value = 0.0  # as the study has it
    elif not isinstance(old, str):
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
