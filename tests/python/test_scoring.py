# SPDX-License-Identifier: Apache-2.0
"""Both readings of answers, choosing among options, grading again, own domains in studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import xfer
from conftest import Cli


def parity(grader: Any = "label") -> xfer.Domain:
    rows = [
        {"question": f"Is {i} even?", "answer": "yes" if i % 2 == 0 else "no"} for i in range(60)
    ]
    return xfer.Domain("parity", train=rows, grader=grader, max_answer_tokens=4)


@pytest.fixture
def own(spec: xfer.StudySpec) -> xfer.StudySpec:
    spec.pairs = [("parity", "code")]
    spec.conditions = ["baseline", "transfer"]
    spec.seeds = [0]
    spec.validation_items = 0
    return spec


def test_studies_take_domains_by_name(own: xfer.StudySpec, tmp_path: Path) -> None:
    plan, forecast = xfer.plan_study(own, domains={"parity": parity()})
    assert [leg.description for leg in plan.legs] == ["parity, seed 0"]
    assert forecast.training_exact
    result = xfer.run_study(own, tmp_path / "run", domains={"parity": parity()}, progress=False)
    assert len(result.study.cells[0].evaluations) == 2
    with pytest.raises(xfer.Error, match="unknown domain 'parity'"):
        xfer.run_study(own, tmp_path / "other", progress=False)


def test_answers_are_chosen_by_log_probability(own: xfer.StudySpec, tmp_path: Path) -> None:
    own.pairs = [("code", "parity")]
    own.scoring = "acc"
    result = xfer.run_study(own, tmp_path / "run", domains={"parity": parity()}, progress=False)
    for item in result.study.cells[0].evaluations[0].items:
        assert item.chosen and len(item.option_logprobs) == 2
        assert item.answer in ("yes", "no")
        assert item.score == (item.answer == item.gold)
        assert item.right_option in (0, 1)
        assert item.sampled_tokens == 0
    own.scoring = "best"
    with pytest.raises(xfer.Error, match="acc_norm"):
        own.validate()


def test_answers_are_graded_again(own: xfer.StudySpec, tmp_path: Path) -> None:
    own.pairs = [("code", "parity")]
    folder = tmp_path / "run"
    first = xfer.run_study(own, folder, domains={"parity": parity(lambda *_: 0.25)}, progress=False)
    (graded,) = xfer.regrade(folder, domains={"parity": parity(lambda *_: 1.0)})
    assert graded["domain"] == "parity"
    assert graded["items"] == graded["changed"] == 8
    assert (graded["before"], graded["after"]) == (0.25, 1.0)
    latest = xfer.load_result(folder)
    before = xfer.load_result(folder, first_grading=True)

    def scores(result: xfer.Result) -> set[float]:
        return {i.score for e in result.study.cells[0].evaluations for i in e.items}

    assert scores(first) == scores(before) == {0.25}
    assert scores(latest) == {1.0}
    hashes = [r.study.cells[0].evaluations[0].protocol_hash for r in (before, latest)]
    assert hashes[0] != hashes[1]


def test_regrade_command(spec: xfer.StudySpec, tmp_path: Path, cli: Cli) -> None:
    folder = tmp_path / "run"
    xfer.run_study(spec, folder, progress=False)
    shown = cli("regrade", str(folder))
    assert shown.returncode == 0, shown.stderr
    assert "no score changed" in shown.stdout
    (graded,) = json.loads(cli("regrade", str(folder), "--json").stdout)
    assert graded["domain"] == "code"
    refused = cli("regrade", str(tmp_path))
    assert refused.returncode == 1
    assert "study.db" in refused.stderr


def test_parquet_files_and_bad_rows(own: xfer.StudySpec, tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    rows = [{"question": f"{i} + 1?", "answer": f"It is.\n#### {i + 1}"} for i in range(60)]
    rows.append({"question": "no number", "answer": "none"})
    file = tmp_path / "gsm8k-train.parquet"
    pq.write_table(pa.Table.from_pylist(rows), file)
    own.pairs = [("sums", "code")]
    own.domain_files = {"sums": file}
    with pytest.raises(xfer.Error, match="gsm8k-train"):
        xfer.plan_study(own)
    own.skip_bad = True
    plan, _ = xfer.plan_study(own)
    assert plan.legs[0].description == "sums, seed 0"


def test_frames_hold_both_readings(spec: xfer.StudySpec, tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    frame = xfer.run_study(spec, tmp_path / "run", progress=False).to_frame()
    for column in ("strict_score", "strict_extracted", "stopped_by_text", "chosen", "gold"):
        assert column in frame.columns
