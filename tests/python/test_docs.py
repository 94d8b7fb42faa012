# SPDX-License-Identifier: Apache-2.0
"""The documents hold: their code runs or parses, their links lead somewhere."""

from __future__ import annotations

import ast
import contextlib
import importlib.util
import io
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import xfer
from test_cli_help import COMMANDS, parse

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in ROOT.glob("docs/**/*.md") if "_generated" not in path.parts),
]


@dataclass(frozen=True)
class Block:
    """A fenced block of code."""

    document: str
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        return f"{self.document}:{self.line}"


def blocks(*languages: str) -> list[Block]:
    found = []
    for path in DOCUMENTS:
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE):
            indent, language, body = match.groups()
            if language in languages:
                lines = [line.removeprefix(indent) for line in body.splitlines()]
                number = text.count("\n", 0, match.start()) + 1
                name = str(path.relative_to(ROOT))
                found.append(Block(name, number, language, "\n".join(lines) + "\n"))
    return found


def called(block: Block) -> str:
    return block.name


# --- Python


#: Documents whose Python needs what is not there when they are tested, and what that is. Their
#: blocks are parsed, and the names of xfer that they use must exist.
PARSED_ONLY = {
    "README.md": "the pilot, which tests/python/test_examples.py runs as examples/pilot.py",
    "docs/own-backend.md": "a backend that the reader writes; notebook 3 runs one",
    "docs/reports.md": "files of other programs; test_findings.py reads such files",
    "docs/studies.md": "runs that the reader has; test_watch.py and test_events.py have such",
    "docs/datasets.md": "the reader's rows; test_domain_sources.py has such",
    "docs/tinker.md": "a service; test_tinker_dropin.py runs the script",
}


def python_documents() -> list[str]:
    return sorted({block.document for block in blocks("python")} - set(PARSED_ONLY))


def test_what_is_only_parsed_is_there() -> None:
    assert set(PARSED_ONLY) <= {block.document for block in blocks("python")}


@pytest.mark.parametrize("block", blocks("python"), ids=called)
def test_python_parses_and_names_what_exists(block: Block) -> None:
    """Also in notebooks' style, with await at the top level."""
    code = compile(
        block.text, block.name, "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    )
    for node in ast.walk(code):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "xfer"
        ):
            there = hasattr(xfer, node.attr) or importlib.util.find_spec(f"xfer.{node.attr}")
            assert there, f"{block.name}: xfer.{node.attr}"


@pytest.mark.parametrize("document", python_documents())
def test_python_runs(
    document: str,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The blocks of a document, one after the other, in one folder, on a model of no size."""
    monkeypatch.chdir(tmp_path)
    load = xfer.Model.load
    small = {
        "load": staticmethod(lambda _, **options: load(str(model_folder), **options)),
    }
    measure = xfer.similarity
    run = xfer.run_study

    def run_small(study: Any, *arguments: Any, **options: Any) -> xfer.Result:
        spec = study if isinstance(study, xfer.StudySpec) else xfer.StudySpec.from_toml_file(study)
        spec.model, spec.max_answer_tokens, spec.rank = str(model_folder), 4, 4
        spec.steps, spec.batch_size, spec.items = min(spec.steps, 4), 2, min(spec.items, 8)
        return run(spec, *arguments, progress=False, **options)

    monkeypatch.setattr(xfer, "run_study", run_small)
    monkeypatch.setattr(xfer, "Model", type("Model", (), small))
    monkeypatch.setattr(
        xfer,
        "similarity",
        lambda *d, model="", **more: measure(
            *d, model=str(model_folder), text_examples=8, model_examples=4, **more
        ),
    )
    names: dict[str, Any] = {"__name__": "document"}
    with contextlib.redirect_stdout(io.StringIO()):
        for block in blocks("python"):
            if block.document == document:
                # Functions find their source, as those typed into a file or a notebook do.
                module = tmp_path / f"block_{block.line}.py"
                module.write_text(block.text)
                exec(compile(block.text, str(module), "exec"), names)


# --- shell


def shell_lines() -> Iterator[tuple[str, str]]:
    for block in blocks("sh", "bash", "shell"):
        text = block.text.replace("\\\n", " ")
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                yield block.name, line.strip()


@pytest.mark.parametrize("block", blocks("sh", "bash", "shell"), ids=called)
def test_shell_parses(block: Block) -> None:
    done = subprocess.run(
        ["bash", "-n"], input=block.text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("where", "line"), list(shell_lines()))
def test_commands_of_xfer_are_ones(where: str, line: str) -> None:
    """Every `xfer ...` has a command and options that exist; every file that is run is there."""
    for part in re.split(r" && | \| ", line):
        word = part.split()[0]
        if word == "xfer":
            parse(part)
        elif word.startswith("./"):
            assert (ROOT / word).exists(), where


def test_commands_in_the_text_exist() -> None:
    """Also where prose names one."""
    groups = {name.split()[0] for name in COMMANDS}
    for path in DOCUMENTS:
        for match in re.finditer(r"`xfer ([a-z]+)(?: ([a-z]+))?", path.read_text(encoding="utf-8")):
            first, second = match.groups()
            assert first in groups, f"{path.name}: xfer {first}"
            if first == "data" and second:
                assert f"data {second}" in COMMANDS, f"{path.name}: xfer data {second}"


# --- TOML


@pytest.mark.parametrize("block", blocks("toml"), ids=called)
def test_toml_is_a_study_or_a_price_list(block: Block) -> None:
    if "[models." in block.text:
        tomllib = pytest.importorskip("tomllib")
        prices = tomllib.loads(block.text)
        assert {"date", "source", "models"} <= set(prices)
        return
    xfer.StudySpec.from_toml(block.text, block.name)


# --- links


def anchors(path: Path) -> set[str]:
    """Those of a Markdown file's headings, as GitHub and MyST make them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    found: dict[str, int] = {}
    names = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *$", text, re.MULTILINE):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = found.get(slug, 0)
        found[slug] = count + 1
        names.add(slug if count == 0 else f"{slug}-{count}")
    return names


#: Also those whose code nothing runs.
LINKED = sorted({*DOCUMENTS, *ROOT.glob("bench/*.md"), *ROOT.glob("examples/**/*.md")})


def broken_links(path: Path) -> list[str]:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.M)
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            leads = link.startswith("https://")
        else:
            target, _, anchor = link.partition("#")
            where = (path.parent / target).resolve() if target else path
            leads = where.exists() and (not anchor or anchor in anchors(where))
        if not leads:
            broken.append(f"{path.name}: {link}")
    return broken


@pytest.mark.parametrize("path", LINKED, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_broken_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    (tmp_path / "other.md").write_text("# A heading\n")
    page.write_text("[x](other.md#a-heading) [y](https://host/z) [h](#here)\n\n# Here\n")
    assert broken_links(page) == []
    page.write_text("[x](other.md#no) [y](http://host) [z](gone.md) [h](#here)\n")
    assert len(broken_links(page)) == 4


# --- what the documents say of each other and of the code


def test_the_tutorial_shows_the_numbers_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    table = readme[readme.index("<!-- pilot-table -->") : readme.index("<!-- /pilot-table -->")]
    [shown] = [b.text for b in blocks("text") if b.document == "docs/tutorial.md"]
    for line in shown.splitlines():
        assert line in table, line
    accuracies = re.findall(r"from ([\d.]+)% to ([\d.]+)%", " ".join(table.split()))[0]
    assert "from {} % to {} %".format(*accuracies) in " ".join(tutorial.split())


def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "build_reference", ROOT / "docs/build_reference.py"
    )
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_name_is_in_the_reference_once() -> None:
    pages = [name for _, names in reference().PYTHON_PAGES.values() for name in names]
    assert len(pages) == len(set(pages))
    assert set(pages) == set(xfer.__all__) - {"__version__", "stats"}


def test_the_version_is_the_same_everywhere() -> None:
    assert f"version: {xfer.__version__}" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")


def test_third_party_names_every_dependency() -> None:
    notices = (ROOT / "docs" / "third-party.md").read_text(encoding="utf-8").lower()
    packages = [
        line.split("#")[0].strip()
        for line in (ROOT / "packages.txt").read_text(encoding="utf-8").splitlines()
    ]
    for package in packages:
        if package.endswith("-dev") and package not in ("python3-dev", "libgtest-dev"):
            assert f"`{package}`" in notices, package


def test_the_site_builds(tmp_path: Path) -> None:
    pytest.importorskip("sphinx")
    pytest.importorskip("myst_parser")
    pytest.importorskip("furo")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-d", tmp_path / "trees",
         ROOT / "docs", tmp_path / "site"],
        capture_output=True, text=True, check=False, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "_generated" / "python-studies.html").exists()
