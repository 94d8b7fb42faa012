# SPDX-License-Identifier: Apache-2.0
"""The pages of the documentation that are made from code, written below docs/_generated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Where each public name of the package is described; every one must be in exactly one place.
PYTHON_PAGES: dict[str, tuple[str, list[str]]] = {
    "studies": (
        "Studies",
        [
            "run_transfer_experiment", "run_transfer_experiment_async", "run_study",
            "run_study_async", "plan_study", "regrade", "load_result", "StudySpec", "StudyPlan",
            "Result", "Metric", "StudyEvents", "watch", "Watch",
        ],
    ),
    "domains": (
        "Domains and data",
        [
            "domains", "domain", "domain_from_file", "check_data", "mix", "find_overlap",
            "without_items", "Domain", "Example",
        ],
    ),
    "grading": (
        "Grading",
        [
            "graders", "grade", "math_equal", "chosen_option", "reciprocal_rank", "list_scores",
            "Verdict",
        ],
    ),
    "similarity": ("Similarity", ["similarity", "similarity_measures", "Similarity"]),
    "models": (
        "Models, training and sampling",
        [
            "Model", "Trainer", "TrainerInfo", "Sampler", "Completion", "Datum",
            "supervised_datum", "LoraConfig", "Tokenizer", "Renderer", "Server",
        ],
    ),
    "backends": ("Backends of one's own", ["CustomBackend", "CustomTrainer", "CustomSampler"]),
    "errors": ("Errors", ["Error", "ServiceError", "Cancelled"]),
}  # fmt: skip
#: Whole modules, and what to know of them beforehand.
PYTHON_MODULES = {
    "xfer.stats": "Intervals, tests, multiplicity, power and measures",
    "xfer.compare": "Item by item",
    "xfer.importers": "Scores measured elsewhere",
    "xfer.figures": "Figures",
    "xfer.testing": "Checking a backend",
}
#: What results hold: classes that are met but not made.
RESULT_CLASSES = [
    "CellReport", "TransferMetrics", "ConditionSummary", "KindSummary", "ConditionChanges",
    "ChangeGroup", "LearningSummary", "PromptRobustness", "MethodEffect", "MatrixReport",
    "MatrixVerdict", "Reliability", "HypothesisAnswer", "FindingParagraph", "Recommendation",
    "StudyResult", "CellResult", "EvaluationResult", "ItemResult", "Curve", "CurvePoint",
    "RewardPoint", "LegSummary", "Plan", "PlannedLeg", "PlannedEvaluation", "Forecast",
    "TokenForecast", "Detectable", "Advice", "Event", "Estimate", "Value",
]  # fmt: skip

COMMAND_LINE = """# The command line

Results go to stdout, everything else to stderr.

| exit code | |
|:--|:--|
| 0 | done |
| 1 | failure |
| 2 | the input must change |
| 130 | stopped by Ctrl-C |

`xfer --install-completion` teaches the shell (bash, zsh, fish) to complete commands and options.
Colours are for terminals only, and for none with `NO_COLOR`.
"""

ROOMS = {
    "": "core: the five interfaces",
    "files": "files: containers",
    "text": "text: tokenizers and chat templates",
    "grade": "grade: graders and the sandbox",
    "stats": "stats: intervals, tests and verdicts",
    "domains": "domains: data",
    "engine": "engine: training and sampling on this machine",
    "similarity": "similarity of domains",
    "tinker": "tinker: the client",
    "serve": "serve: the server",
    "study": "study: plan, ledger and runner",
    "report": "report: tables, charts and words",
}


def write_python_pages(folder: Path) -> None:
    """One page for each group of names, one for each module, and their table of contents."""
    import xfer
    from xfer import _native

    pages = []
    for page, (title, names) in PYTHON_PAGES.items():
        lines = [_heading(title), ".. module:: xfer\n   :no-index:\n"]
        lines += [_directive(f"xfer.{name}", getattr(xfer, name)) for name in names]
        pages.append((f"python-{page}", lines))
    results = [_heading("What results hold"), "These are read, not made.\n"]
    results += [_directive(f"xfer._native.{n}", getattr(_native, n)) for n in RESULT_CLASSES]
    pages.append(("python-results", results))
    for module, title in PYTHON_MODULES.items():
        lines = [_heading(f"{module}: {title}"), f".. automodule:: {module}\n   :no-members:\n"]
        lines += [
            _directive(f"{module}.{n}", each) for n, each in sorted(_public(module), key=_name)
        ]
        pages.append((f"python-{module.rpartition('.')[2]}-module", lines))
    for name, lines in pages:
        _write(folder / f"{name}.rst", "\n".join(lines))
    toc = "\n".join(f"   {name}" for name, _ in pages)
    _write(
        folder / "python.rst",
        f"{_heading('Python')}\n.. toctree::\n   :maxdepth: 1\n\n{toc}\n",
    )


def _name(entry: tuple[str, Any]) -> str:
    return entry[0]


def _public(module: str) -> Iterator[tuple[str, Any]]:
    """Functions and classes that a module offers: its own, and those of the extension in it."""
    import importlib

    loaded = importlib.import_module(module)
    for name, each in vars(loaded).items():
        home = getattr(each, "__module__", "")
        if not name.startswith("_") and callable(each) and home in (module, "xfer._native"):
            if home == "xfer._native" and isinstance(each, type) and module != "xfer.stats":
                continue  # an argument's type, described elsewhere
            yield name, each


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}\n"


def _directive(path: str, what: Any) -> str:
    kind = "autoclass" if isinstance(what, type) else "autofunction"
    return f".. {kind}:: {path}\n"


def write_command_page(folder: Path) -> None:
    """The help of every command, as `xfer ... --help` prints it."""
    import typer.main
    from xfer import cli

    lines = [COMMAND_LINE]
    for name, command in _commands(typer.main.get_command(cli.app), ""):
        context = command.context_class(command, info_name=f"xfer {name}", terminal_width=96)
        text = command.get_help(context).rstrip()
        lines += [f"## xfer {name}", "", "```text", text, "```", ""]
    _write(folder / "commands.md", "\n".join(lines))


def _commands(group: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for name, command in sorted(group.commands.items()):
        if hasattr(command, "commands"):
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def write_cpp_page(folder: Path, include: Path, built: bool) -> None:
    """The rooms and their headers, with links to what Doxygen made of them, where it did."""
    page = "<a href='../cpp/index.html'>the C++ reference</a>"
    where = page if built else "not here, this copy was made without Doxygen"
    lines = [
        "# C++",
        "",
        "Link `xfer::<room>` and include its headers. Their comments are the reference; class by",
        f"class, with links: {where}.",
    ]
    for room, title in ROOMS.items():
        lines += ["", f"## {title}", ""]
        for header in sorted((include / "xfer" / room).glob("*.hpp")):
            relative = header.relative_to(include)
            about = _first_comment(header)
            lines.append(f"- `{relative}`{': ' + about if about else ''}")
    _write(folder / "cpp.md", "\n".join(lines) + "\n")


def _first_comment(header: Path) -> str:
    """The comment that a header begins with, as one line."""
    words = []
    for line in header.read_text(encoding="utf-8").splitlines():
        if line.startswith("//") and not line.startswith("// SPDX"):
            words.append(line.lstrip("/").strip())
        elif words or not line.startswith("//"):
            break
    return " ".join(words)


def _write(path: Path, text: str) -> None:
    """Leaves a file alone that says the same already, so that Sphinx need not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
