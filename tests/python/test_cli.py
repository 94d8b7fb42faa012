# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import xfer
from conftest import Cli, command


def test_runs_reports_and_says_where(cli: Cli, study_file: Path, tmp_path: Path) -> None:
    done = cli("run", study_file)
    assert done.returncode == 0, done.stderr
    assert "transfer" in done.stdout
    assert "runs/tiny/report.html" in done.stdout
    for name in ("report.html", "report.md", "report.json"):
        assert (tmp_path / "runs" / "tiny" / name).exists()
    assert "tested" in done.stderr
    again = cli("run", study_file, "--quiet")
    assert again.returncode == 0
    assert again.stderr == ""
    table = [line for line in done.stdout.splitlines() if not line.startswith("took")]
    assert [x for x in again.stdout.splitlines() if not x.startswith("took")] == table


def test_json_is_all_there_is_on_stdout(cli: Cli, study_file: Path) -> None:
    done = cli("run", study_file, "--json", "--set", "steps=1", "--set", "eval.items=3")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert "timing" in report
    status = json.loads(cli("status", "runs/tiny", "--json").stdout)
    assert status["finished"]
    assert status["evaluations_finished"] == status["evaluations_wanted"] == 11


def test_every_form_of_the_report(cli: Cli, study_file: Path) -> None:
    assert cli("run", study_file, "-q").returncode == 0
    for form, start in (("md", "#"), ("html", "<!"), ("json", "{")):
        done = cli("report", "runs/tiny", "--format", form)
        assert done.returncode == 0, done.stderr
        assert done.stdout.lstrip().lower().startswith(start)
    assert "transfer" in cli("report", "runs/tiny").stdout
    assert "finished" in cli("status", "runs/tiny").stdout


def test_plan_runs_nothing(cli: Cli, study_file: Path, tmp_path: Path) -> None:
    done = cli("plan", study_file)
    assert done.returncode == 0, done.stderr
    assert "without sharing" in done.stdout
    plan = json.loads(cli("plan", study_file, "--json").stdout)
    assert plan["legs_without_sharing"] > len(plan["legs"])
    tokens = plan["training_tokens"]["train"]
    assert plan["training_tokens_exact"] and tokens["low"] == tokens["high"] > 0
    assert plan["dollars"]["total"]["high"] == 0
    assert plan["hours_on_this_machine"]["low"] > 0
    assert plan["smallest_effects"]["gain"]["effect"] > 0
    assert "undefined" in plan["smallest_effects"]["correlation"]
    priced = cli("plan", study_file, "--set", "priced_as=meta-llama/Llama-3.2-1B")
    assert "cost on meta-llama/Llama-3.2-1B: $" in priced.stdout, priced.stderr
    unknown = cli("plan", study_file, "--set", "priced_as=tinker:none")
    assert unknown.returncode == 2
    assert "no price for the model" in unknown.stderr
    parts = cli("plan", study_file, "--set", "ablation.examples=[8, 16]")
    assert parts.stdout.count("time on this machine") == 4, parts.stderr  # three parts, and all
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_stops_cleanly_and_goes_on(
    how: signal.Signals, cli: Cli, study_file: Path, tmp_path: Path
) -> None:
    started = time.monotonic()
    process = subprocess.Popen(
        [*command(), "run", str(study_file), "--set", "steps=3000"],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    line = process.stderr.readline()
    assert "math -> code" in line
    assert time.monotonic() - started < 5  # a second, where the machine has nothing else to do
    for line in process.stderr:
        if line.startswith(("tested", "training")):
            break
    asked = time.monotonic()
    process.send_signal(how)
    _, errors = process.communicate(timeout=30)
    assert time.monotonic() - asked < 5
    assert process.returncode == 130
    assert "same command" in errors
    assert "Traceback" not in errors
    status = json.loads(cli("status", "runs/tiny", "--json").stdout)
    assert not status["finished"]
    mismatch = cli("run", study_file)
    assert mismatch.returncode == 2
    assert "--run-folder" in mismatch.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["rnu"], 2, "rnu"),
        (["run", "--no-such-option"], 2, "no-such-option"),
        (["run", "nowhere.toml"], 1, "nowhere.toml"),
        (["run", "--set", "stpes=3"], 2, "steps"),
        (["run", "--set", "steps=many"], 2, "150"),
        (["run", "--set", "steps=0"], 2, "steps"),
        (["run", "--set", "model=embedded:huge"], 2, "small"),
        (["run", "--set", "model=./nowhere"], 1, "nowhere"),
        (["run", "--set", "conditions=['nothing']"], 2, "format_control"),
        (["run", "--threads", "-1"], 2, "threads"),
        (["report", "nowhere"], 1, "nowhere"),
        (["status", "nowhere"], 1, "nowhere"),
        (["report", "nowhere", "--format", "pdf"], 2, "html"),
        (["data", "show", "astrology"], 2, "math"),
        (["data", "show", "math", "--split", "tset"], 2, "heldout"),
        (["sample", "./nowhere", "hello"], 1, "nowhere"),
    ],
)
def test_errors_are_one_clear_line(cli: Cli, arguments: list[str], code: int, named: str) -> None:
    done = cli(*arguments)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith("error: ")
    assert done.stderr.count("error: ") == 1
    assert named in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_bad_study_file_is_named_with_line_and_key(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text('name = "x"\n[train]\nstesp = 3\n')
    done = cli("run", "s.toml")
    assert done.returncode == 2
    assert "s.toml" in done.stderr
    assert "3" in done.stderr
    assert "did you mean" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a full disk with mount, which needs root")
def test_a_full_disk_is_a_failure_and_keeps_what_was_there(
    cli: Cli, study_file: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(small)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine does not let us mount a small disk")
    try:
        (small / "mine.txt").write_text("mine")
        done = cli("run", study_file, "--run-folder", small / "run")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("error: ")
        assert str(small) in done.stderr
        assert (small / "mine.txt").read_text() == "mine"
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_sample(cli: Cli, model_folder: Path) -> None:
    done = cli("sample", model_folder, "hello", "--max-tokens", 4, "--json", "--temperature", 1)
    assert done.returncode == 0, done.stderr
    [answer] = json.loads(done.stdout)["answers"]
    assert 1 <= answer["tokens"] <= 4
    assert cli("sample", model_folder, "hello", "--max-tokens", 4).returncode == 0


def test_data(cli: Cli) -> None:
    listed = {line.split()[0] for line in cli("data", "list").stdout.splitlines() if line}
    assert listed >= {*xfer.domains(), "gsm8k", "casehold"}
    shown = json.loads(
        cli("data", "show", "code", "--split", "train", "--index", 3, "--json").stdout
    )
    assert shown["question"] == xfer.domain("code").example("train", 3).question
    assert shown["question"] in shown["prompt"]
    assert xfer.domain("law").example("test", 0).question in cli("data", "show", "law").stdout


def test_doctor(cli: Cli) -> None:
    done = cli("doctor", "--quick", "--json")
    assert done.returncode == 0, done.stderr
    checks = {c["check"]: c for c in json.loads(done.stdout)}
    assert {"processor", "free memory", "sandbox for code answers"} <= set(checks)
    assert all(c["ok"] in (True, False) and c["detail"] for c in checks.values())
    assert len(cli("doctor", "--quick").stdout.splitlines()) == len(checks)


def test_version_and_help(cli: Cli) -> None:
    assert cli("--version").stdout == f"xfer {xfer.__version__}\n"
    for arguments in (["--help"], ["run", "--help"], ["data", "--help"]):
        assert cli(*arguments).returncode == 0


def test_trains_an_adapter_and_says_where_the_time_went(
    cli: Cli, model_folder: Path, tmp_path: Path
) -> None:
    options = ("--model", model_folder, "--steps", "3", "--batch-size", "2", "--rank", "4")
    done = cli("train", "math", *options, "--out", "adapter", "--profile")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "adapter" / "adapter_config.json").exists()
    assert "step 3/3" in done.stdout
    for line in ("matrix products", "attention", "optimizer", "everything else", "peak:"):
        assert line in done.stdout
    report = json.loads(cli("train", "math", *options, "--profile", "--json").stdout)
    kinds = report["profile"]["kinds"]
    assert sum(kind["seconds"] for kind in kinds.values()) == pytest.approx(report["seconds"])
    assert kinds["matrix products"]["flops"] > kinds["attention"]["flops"] > 0
    assert len(report["losses"]) == 3


def test_training_on_nothing_that_fits_is_refused(cli: Cli, model_folder: Path) -> None:
    done = cli("train", "math", "--model", model_folder, "--max-tokens", "8", "--steps", "1")
    assert done.returncode == 2
    assert "--max-tokens 8" in done.stderr
    done = cli("train", "mathe", "--model", model_folder)
    assert done.returncode in (1, 2)
    assert "mathe" in done.stderr
