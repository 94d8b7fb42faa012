# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import xfer
from conftest import command
from xfer import progress


def event(kind: str, **fields: Any) -> Any:
    known = {
        "text": "", "step": 0, "steps": 0, "loss": 0.0, "reward": None, "tokens_per_second": 0.0,
        "score": 0.0, "bits_per_byte": 0.0, "done_units": 0.0, "total_units": 0.0,
        "seconds_left": 0.0,
    }  # fmt: skip
    return SimpleNamespace(kind=kind, **(known | fields))


def test_durations_are_for_people() -> None:
    assert progress.duration(0.2) == "0 s"
    assert progress.duration(47.4) == "47 s"
    assert progress.duration(200) == "3 min 20 s"
    assert progress.duration(7500) == "2 h 05 min"


def test_the_status_says_what_is_going_on(spec: xfer.StudySpec) -> None:
    status = progress.Status(spec, Path("runs/tiny"))
    assert "math -> code" in status.title
    assert status.now == "loading the model"
    assert status.update(event("leg_started", text="math, seed 0", total_units=10.0)) is None
    status.update(
        event(
            "step", text="math, seed 0", step=3, steps=150, loss=1.25, tokens_per_second=4321.0,
            done_units=2.5, total_units=10.0, seconds_left=90.0,
        )
    )  # fmt: skip
    assert status.now == "training math, seed 0: step 3/150, loss 1.250, 4,321 tokens/s"
    assert status.overall.startswith("25% after 0 s, about 1 min 30 s left")
    assert status.update(event("leg_finished", text="math, seed 0")) == "trained math, seed 0"
    line = status.update(event("eval_finished", text="code", score=0.25, bits_per_byte=1.5))
    assert line == "tested code: accuracy 25.0%, 1.500 bits per byte"


def test_lines_come_regularly(spec: xfer.StudySpec) -> None:
    stream = io.StringIO()
    display = progress.LineDisplay(spec, Path("runs/tiny"), stream)
    display.seconds_between_lines = 0.05
    with display:
        display(event("leg_started", text="math"))
        deadline = time.monotonic() + 10
        while stream.getvalue().count("training math") < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert stream.getvalue().count("training math") >= 3
    length = len(stream.getvalue())
    time.sleep(0.15)
    assert len(stream.getvalue()) == length  # nothing after the end


def test_a_terminal_shows_a_live_display(study_file: Path, tmp_path: Path) -> None:
    """In a pseudo-terminal, as a person would see it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*command(), "run", str(study_file), "--set", "validation_items=0"],
        cwd=tmp_path, stdin=theirs, stdout=theirs, stderr=theirs,
        env=os.environ | {"TERM": "xterm", "COLUMNS": "120"},
    )  # fmt: skip
    os.close(theirs)
    seen = b""
    try:
        while chunk := os.read(ours, 65536):
            seen += chunk
    except OSError:  # how Linux says that the other side has closed
        pass
    finally:
        os.close(ours)
    assert process.wait(timeout=60) == 0
    text = seen.decode("utf-8", "replace")
    assert "math -> code" in text
    assert "% after" in text
    assert "report.html" in text


def test_a_notebook_shows_one_output_that_changes(
    spec: xfer.StudySpec, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shown: list[str] = []
    handle = SimpleNamespace(update=shown.append)

    def display(page: str, display_id: bool) -> SimpleNamespace:
        assert display_id
        shown.append(page)
        return handle

    fake = ModuleType("IPython")
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setattr(fake, "get_ipython", lambda: shell, raising=False)
    screen = ModuleType("IPython.display")
    monkeypatch.setattr(screen, "display", display, raising=False)
    monkeypatch.setattr(screen, "HTML", str, raising=False)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setitem(sys.modules, "IPython.display", screen)
    xfer.run_study(spec, tmp_path / "run")
    assert "loading the model" in shown[0]
    assert "finished" in shown[-1]
    assert "value='1.000'" in shown[-1]
