from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xfer
from tiny_model import write_model

Cli = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="session")
def model(model_folder: Path) -> xfer.Model:
    return xfer.Model.load(str(model_folder), threads=2)


@pytest.fixture
def spec(model_folder: Path) -> xfer.StudySpec:
    """A study that takes about a second."""
    return tiny_study(model_folder)


def tiny_study(model_folder: Path) -> xfer.StudySpec:
    return xfer.StudySpec(
        name="tiny",
        model=str(model_folder),
        seeds=[0, 1],
        steps=2,
        batch_size=2,
        rank=4,
        items=4,
        validation_items=2,
        eval_every=1,
        max_answer_tokens=4,
        threads=2,
    )


@pytest.fixture
def study_file(spec: xfer.StudySpec, tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(spec.to_toml())
    return path


def command() -> list[str]:
    return [sys.executable, "-c", "from xfer.cli import main; main()"]


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `xfer ...` in an empty folder."""

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command(), *map(str, arguments)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call
