# SPDX-License-Identifier: Apache-2.0
"""Looking at runs from outside, and removing what they do not need."""

from __future__ import annotations

import json
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import xfer
from conftest import command
from xfer import _native
from xfer.watch import matrix_lines, read_parts, view_lines


def cells(domains: int, done: int = 1) -> list[Any]:
    names = [f"domain{i}" for i in range(domains)]
    return [
        SimpleNamespace(source=a, target=b, method="sl", done=done if a < b else 0, planned=2)
        for a in names
        for b in names
        if a != b
    ]


def test_a_small_matrix_names_its_domains() -> None:
    lines = matrix_lines(cells(3), 80)
    assert lines[0].split() == ["domai", "domai", "domai"]
    assert [line.split()[0] for line in lines[1:]] == ["domain0", "domain1", "domain2"]
    assert "\N{MEDIUM SHADE}" in lines[1]
    assert "\N{MIDDLE DOT}" in lines[3]


@pytest.mark.parametrize("domains", [12, 50, 300])
def test_a_large_matrix_stays_readable(domains: int) -> None:
    lines = matrix_lines(cells(domains, done=2), 80)
    assert len(lines) <= 15
    assert max(len(line) for line in lines) <= 80
    assert "\N{FULL BLOCK}" in lines[0] + lines[1]
    assert "\N{MIDDLE DOT}" in lines[-1]


def test_a_run_is_watched_while_another_process_works(
    study_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = subprocess.Popen(
        [*command(), "run", str(study_file), "--run-folder", "runs/seen", "-q"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    folder = tmp_path / "runs" / "seen"
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and run.poll() is None:
            try:
                if read_parts(folder)[0].status is not None:
                    break
            except xfer.Error:
                time.sleep(0.02)
        view = xfer.watch(folder)
        view.follow(0.05)
    finally:
        assert run.wait(timeout=120) == 0
    seen = capsys.readouterr().out
    assert f"running (pid {run.pid} on " in seen
    assert view.finished and not view.running
    assert "finished" in str(view)
    page = view._repr_html_()
    assert "<progress" in page and "<table>" in page


def test_status_and_watch_show_the_parts_of_a_study(study_file: Path, tmp_path: Path) -> None:
    def cli(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command(), *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )

    parts = ["--set", "ablation_examples=[8]", "--set", "validation_items=0", "--set", "steps=1"]
    cli("run", str(study_file), *parts, "--run-folder", "runs/parts", "-q")
    folder = tmp_path / "runs" / "parts"
    assert (folder / "study.toml").exists()
    seen = json.loads(cli("status", "runs/parts", "--json").stdout)["parts"]
    assert [part["part"] for part in seen] == ["tiny", "8-examples"]
    assert all(part["finished"] for part in seen)
    text = cli("status", "runs/parts").stdout
    assert "2 of 2 parts finished" in text
    assert "8-examples on " in cli("watch", "runs/parts", "--once").stdout
    # A part that has not begun is known all the same.
    (folder / "8-examples").rename(tmp_path / "away")
    assert "8-examples: not begun" in cli("status", "runs/parts").stdout


def test_gc_removes_what_is_not_needed_and_nothing_else(
    spec: xfer.StudySpec, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    before = xfer.run_study(spec, folder, progress=False).to_json()
    dry = subprocess.run(
        [*command(), "gc", str(folder), "--dry-run", "--adapters"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert "checkpoints would be removed" in dry
    assert list((folder / "checkpoints").rglob("adapter_config.json"))
    kept = _native.unneeded_checkpoints(folder)
    every = _native.unneeded_checkpoints(folder, True)
    assert len(kept) < len(every)
    done = subprocess.run(
        [*command(), "gc", str(folder), "--adapters"], capture_output=True, text=True, check=True
    ).stdout
    assert f"{len(every)} checkpoints removed" in done
    assert not list((folder / "checkpoints").rglob("adapter_config.json"))
    after = xfer.run_study(spec, folder, progress=False).to_json()
    drop = ("timing",)
    assert {k: v for k, v in json.loads(after).items() if k not in drop} == {
        k: v for k, v in json.loads(before).items() if k not in drop
    }


def test_watch_says_where_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(xfer.Error, match="holds no study"):
        xfer.watch(tmp_path)


def test_an_interrupt_ends_the_watching_not_the_run(study_file: Path, tmp_path: Path) -> None:
    run = subprocess.Popen(
        [*command(), "run", str(study_file), "--run-folder", "runs/on", "-q", "--set",
         "steps=40"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (tmp_path / "runs/on/study.db").exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.3)
        with subprocess.Popen(
            [*command(), "watch", "runs/on", "--interval", "0.1"],
            cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        ) as watcher:  # fmt: skip
            assert watcher.stdout is not None
            assert "running" in watcher.stdout.readline()
            watcher.send_signal(signal.SIGINT)
            watcher.wait(timeout=20)
    finally:
        assert run.wait(timeout=180) == 0
    assert read_parts(tmp_path / "runs" / "on")[0].status.finished  # type: ignore[union-attr]


def test_a_view_is_a_screenful(spec: xfer.StudySpec, tmp_path: Path) -> None:
    xfer.run_study(spec, tmp_path / "run", progress=False)
    lines = view_lines(read_parts(tmp_path / "run"), 80)
    assert len(lines) < 24
    assert max(len(line) for line in lines) <= 80
