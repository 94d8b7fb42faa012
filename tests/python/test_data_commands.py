# SPDX-License-Identifier: Apache-2.0
"""`xfer data`: what is here, what is in a file, and how to get what is not."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from conftest import Cli
from hub_mirror import hub


def gsm8k(path: Path, count: int = 20, extra: str = "") -> Path:
    lines = [{"question": f"What is {i} + 1?", "answer": f"#### {i + 1}"} for i in range(count)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + extra)
    return path


def test_list_shows_the_cards(cli: Cli) -> None:
    content = json.loads(cli("data", "list", "--json").stdout)
    cards = {card["name"]: card for card in content["cards"]}
    assert set(cards) == {"math", "code", "physics", "chemistry", "biology", "logic", "law"}
    names = {d["name"] for card in cards.values() for d in card["datasets"]}
    assert {"gsm8k", "math", "aqua", "humaneval", "mbpp", "sciq", "arc_challenge"} <= names
    assert {"chemqa", "bbbp", "bioasq", "pubmedqa", "logiqa", "reclor"} <= names
    assert {"legalbench", "casehold"} <= names
    assert all(len(d["prompts"]) >= 5 for card in cards.values() for d in card["datasets"])


def test_list_finds_datasets_in_a_folder(cli: Cli, tmp_path: Path) -> None:
    gsm8k(tmp_path / "train.jsonl")
    (tmp_path / "notes.txt").write_text("nothing to see\n")
    content = json.loads(cli("data", "list", tmp_path, "--json").stdout)
    assert [found["dataset"] for found in content["here"]] == ["gsm8k"]


def test_check_reports_and_its_exit_code_tells_of_bad_rows(cli: Cli, tmp_path: Path) -> None:
    good = cli("data", "check", gsm8k(tmp_path / "train.jsonl"))
    assert good.returncode == 0, good.stderr
    assert "GSM8K" in good.stdout and "bad rows: 0" in good.stdout
    done = cli("data", "check", gsm8k(tmp_path / "train.jsonl", extra="{half\n"), "--json")
    assert done.returncode == 2
    report = json.loads(done.stdout)
    assert report["bad_rows"] == 1
    assert "train.jsonl:21" in report["bad"][0]
    assert report["dataset"] == "gsm8k"
    assert sum(report["examples"].values()) == 20
    unknown = tmp_path / "a.jsonl"
    unknown.write_text('{"a": 1}\n')
    refused = cli("data", "check", unknown)
    assert refused.returncode == 2
    assert "not a dataset that is known here" in refused.stderr


def test_show_skips_bad_rows_when_asked(cli: Cli, tmp_path: Path) -> None:
    path = gsm8k(tmp_path / "train.jsonl", extra="{half\n")
    assert cli("data", "show", path, "--split", "train").returncode == 2
    done = cli("data", "show", path, "--split", "train", "--skip-bad")
    assert done.returncode == 0, done.stderr


def test_get_says_what_to_do(cli: Cli, tmp_path: Path) -> None:
    gated = cli("data", "get", "bioasq", "--folder", tmp_path)
    assert gated.returncode == 1
    assert "Register at participants-area.bioasq.org" in gated.stderr
    assert cli("data", "get", "nothing", "--folder", tmp_path).returncode == 2
    if importlib.util.find_spec("huggingface_hub") is None:
        without = cli("data", "get", "gsm8k", "--folder", tmp_path)
        assert without.returncode == 1
        assert "pip install huggingface_hub" in without.stderr


def hub_environment(address: str, tmp_path: Path) -> dict[str, str]:
    return {"HF_ENDPOINT": address, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "0"}


def test_get_downloads_one_configuration(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    rows = gsm8k(tmp_path / "rows.jsonl").read_bytes()
    files = {
        "main/train.jsonl": rows,
        "main/test.jsonl": rows,
        "socratic/train.jsonl": b"{}",
        "README.md": b"# no data",
        ".gitattributes": b"",
    }
    with hub("openai/gsm8k", files) as address:
        environment = hub_environment(address, tmp_path)
        done = cli("data", "get", "gsm8k", "--folder", tmp_path / "data", env=environment)
        again = cli("data", "get", "gsm8k", "--folder", "data", "--json", env=environment)
    assert done.returncode == 0, done.stderr
    here = tmp_path / "data" / "gsm8k"
    assert sorted(p.name for p in (here / "main").iterdir()) == ["test.jsonl", "train.jsonl"]
    assert not (here / "socratic").exists()
    assert "2 files" in done.stdout and "MIT" in done.stdout
    assert len(json.loads(again.stdout)["files"]) == 2
    assert f"xfer data check {here / 'main'}" in done.stdout
    report = json.loads(cli("data", "check", here / "main", "--json").stdout)
    assert report["dataset"] == "gsm8k"
    assert report["examples"]["test"] == 20


def test_get_without_a_network_and_without_leave(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("huggingface_hub")
    with hub("openai/gsm8k", {}) as address:
        pass  # nobody listens there any more
    refused = cli("data", "get", "gsm8k", env=hub_environment(address, tmp_path))
    assert refused.returncode == 1
    assert "cannot download huggingface.co/datasets/openai/gsm8k" in refused.stderr
    assert "by hand: github.com/openai/grade-school-math" in refused.stderr
    assert "Traceback" not in refused.stderr
    with hub("openai/gsm8k", {}, gated=True) as address:
        gated = cli("data", "get", "gsm8k", env=hub_environment(address, tmp_path))
    assert gated.returncode == 1
    assert "accept their terms at huggingface.co/datasets/openai/gsm8k" in gated.stderr


def test_overlap_matrix(cli: Cli, tmp_path: Path) -> None:
    gsm8k(tmp_path / "train.jsonl", 30)
    gsm8k(tmp_path / "test.jsonl", 5)
    done = cli("data", "overlap", tmp_path / "train.jsonl", "--json")
    assert done.returncode == 0, done.stderr
    [cell] = json.loads(done.stdout)
    assert cell["test_items"] == 5
    assert 0 < cell["flagged"]["exact"] <= 5
