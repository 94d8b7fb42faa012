# SPDX-License-Identifier: Apache-2.0
"""The examples run, and the README shows them as they are."""

from __future__ import annotations

import functools
import re
import runpy
from pathlib import Path

import pytest
import xfer

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", ["pilot.py", "several_pairs.py", "train_by_hand.py"])
def test_examples_run(
    name: str,
    model_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    small = {
        "model": str(model_folder), "seeds": [0], "steps": 2, "items": 4, "batch_size": 2,
        "rank": 2, "validation_items": 0, "max_answer_tokens": 4, "progress": False,
    }  # fmt: skip

    blocking, waiting = xfer.run_transfer_experiment, xfer.run_transfer_experiment_async
    monkeypatch.setattr(
        xfer, "run_transfer_experiment", lambda *pair, **options: blocking(*pair, **small)
    )
    monkeypatch.setattr(
        xfer, "run_transfer_experiment_async", lambda *pair, **options: waiting(*pair, **small)
    )

    class TinyModel:
        load = staticmethod(functools.partial(xfer.Model.load, str(model_folder)))

    load = xfer.Model.load
    monkeypatch.setattr(
        xfer, "Model", type("Model", (), {"load": staticmethod(lambda _: load(str(model_folder)))})
    )
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(ROOT / "examples" / name), run_name="__main__")
    assert capsys.readouterr().out


def code_blocks(language: str) -> list[str]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", readme, re.DOTALL)


def example(name: str) -> str:
    """The file without the line of its licence."""
    licence, rest = (ROOT / "examples" / name).read_text(encoding="utf-8").split("\n", 1)
    assert "SPDX-License-Identifier" in licence
    return rest


def test_the_readme_shows_the_examples() -> None:
    assert code_blocks("python") == [example("pilot.py")]
    assert code_blocks("cpp") == [example("cpp/pilot.cpp")]


def test_the_study_in_the_readme_is_one() -> None:
    [text] = code_blocks("toml")
    spec = xfer.StudySpec.from_toml(text, "README.md")
    assert spec.steps == 100
    spec.validate()


def test_links_in_the_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
