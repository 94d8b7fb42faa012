# SPDX-License-Identifier: Apache-2.0
"""Studies on a Tinker service, from the command line and from Python."""

from __future__ import annotations

from pathlib import Path

import pytest
import xfer
from conftest import Cli

KEY = "tml-not-to-be-seen"


def measured(result: xfer.Result) -> list[object]:
    return [
        (e.condition, e.seed, [(i.score, i.completion, i.reference_bits) for i in e.items])
        for cell in result.study.cells
        for e in cell.evaluations
    ]


@pytest.fixture
def served(spec: xfer.StudySpec, monkeypatch: pytest.MonkeyPatch) -> xfer.StudySpec:
    monkeypatch.setenv("TINKER_API_KEY", KEY)
    there = xfer.StudySpec.from_toml(spec.to_toml())
    there.backend = "tinker"
    return there


def test_the_command_runs_a_study_on_a_service(
    model: xfer.Model, spec: xfer.StudySpec, served: xfer.StudySpec, tmp_path: Path, cli: Cli
) -> None:
    here = xfer.run_study(spec, tmp_path / "here", progress=False)
    file = tmp_path / "study.toml"
    with xfer.Server(model, tmp_path / "state", name=spec.model, api_keys=[KEY]) as server:
        served.base_url = server.url
        file.write_text(served.to_toml())
        planned = cli("plan", file)
        assert planned.returncode == 0, planned.stderr
        assert "as the service takes" in planned.stdout
        done = cli("run", file, "--run-folder", "there", "--record", "record.jsonl", "-q")
        assert done.returncode == 0, done.stderr
    assert measured(xfer.load_result(tmp_path / "there")) == measured(here)
    record = (tmp_path / "record.jsonl").read_text()
    assert "/api/v1/forward_backward" in record
    assert KEY not in record + done.stdout + done.stderr + planned.stdout
    assert "authorization" not in record.lower()
    assert "x-api-key" not in record.lower()


def test_from_python(model: xfer.Model, served: xfer.StudySpec, tmp_path: Path) -> None:
    served.conditions = ["baseline"]
    with xfer.Server(model, tmp_path / "state", name=served.model) as server:
        served.base_url = server.url
        result = xfer.run_study(
            served, tmp_path / "run", record=tmp_path / "record", progress=False
        )
    assert len(result.study.cells[0].evaluations) == 1
    assert KEY not in (tmp_path / "record").read_text()


def test_the_doctor_records(model: xfer.Model, tmp_path: Path, cli: Cli) -> None:
    with xfer.Server(model, tmp_path / "state", name="tiny") as server:
        done = cli("doctor", "--url", server.url, "--samples", "4", "--record", "record")
    assert done.returncode == 0, done.stdout
    assert "asample" in (tmp_path / "record").read_text()


def test_a_record_of_no_service_is_refused(spec: xfer.StudySpec, tmp_path: Path) -> None:
    with pytest.raises(xfer.Error, match="record"):
        xfer.run_study(spec, tmp_path / "run", record=tmp_path / "record", progress=False)
    with pytest.raises(xfer.Error, match="base_url"):
        xfer.StudySpec(base_url="http://x").validate()
