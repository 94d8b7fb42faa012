# SPDX-License-Identifier: Apache-2.0
"""Money, parts and built-in studies, from the command line and from Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xfer
from conftest import Cli
from xfer import _native

PRICES = """
date = "2026-01-02"
source = "a page"
[models."org/a"]
per_1000_steps = 5000
"""


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.toml"
    path.write_text(PRICES, encoding="utf-8")
    return path


def test_a_dear_study_is_not_started_unasked(
    cli: Cli, study_file: Path, prices: Path, tmp_path: Path
) -> None:
    priced = ["--set", f"price_file={prices}", "--set", "priced_as=org/a"]
    done = cli("run", study_file, *priced)
    assert done.returncode == 2
    assert "above budget.confirm_above = 10.00; give --yes" in done.stderr
    assert not (tmp_path / "runs").exists()
    done = cli("run", study_file, "-q", "--yes", *priced)
    assert done.returncode == 0, done.stderr
    assert "$0.00 lost" in done.stdout
    # It is started already: nothing is asked.
    assert cli("run", study_file, "-q", *priced).returncode == 0


def test_a_limit_ends_a_study_with_a_report(cli: Cli, study_file: Path, prices: Path) -> None:
    priced = ["--set", f"price_file={prices}", "--set", "priced_as=org/a", "--yes", "-q"]
    done = cli("run", study_file, *priced, "--set", "max_dollars=21", "--json")
    assert done.returncode == 1
    assert "stopped by the budget: the limit budget.max_dollars of $21.0000" in done.stderr
    report = json.loads(done.stdout)
    assert report["stopped"].startswith("budget: ")
    assert 0 < report["timing"]["useful_dollars"] <= 21
    assert any("stopped by its budget" in w for c in report["cells"] for w in c["warnings"])
    done = cli("run", study_file, *priced, "--set", "budget.max_dollars=1000", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["stopped"] == ""
    done = cli("run", study_file, "-q", "--set", "max_dollars=5", "--set", "priced_as=org/b")
    assert done.returncode == 2
    assert "no price for the model 'org/b'" in done.stderr


def test_parts_are_runs_of_their_own_side_by_side(
    cli: Cli, study_file: Path, tmp_path: Path
) -> None:
    parts = ["--set", "ablation.examples=[4, 8]"]
    done = cli("run", study_file, "-q", *parts)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "runs" / "tiny"
    names = sorted(p.name for p in folder.iterdir() if p.is_dir())
    assert names[:2] == ["4-examples", "8-examples"]
    assert len(names) == 3
    for name in names:
        assert xfer.load_result(folder / name).cells
    overview = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert [part["examples"] for part in overview["parts"]] == [0, 4, 8]
    assert "4-examples/report.html" in (folder / "report.html").read_text(encoding="utf-8")
    assert "8-examples" in (folder / "report.md").read_text(encoding="utf-8")
    assert "8-examples" in done.stdout
    planned = json.loads(cli("plan", study_file, "--json", *parts).stdout)
    assert len(planned["parts"]) == 3


def test_presets_are_listed_and_written_down(cli: Cli, tmp_path: Path) -> None:
    listed = cli("presets").stdout
    for name in _native.preset_names():
        assert name in listed
    file = tmp_path / "main.toml"
    file.write_text(cli("presets", "main").stdout, encoding="utf-8")
    assert xfer.StudySpec.from_toml_file(file) == _native.preset("main")
    assert cli("presets", "mian").returncode == 2


def test_a_rate_is_chosen_on_validation_items(spec: xfer.StudySpec, tmp_path: Path) -> None:
    spec.learning_rate_search = [1e-6, 0.01]
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    assert [kind for kind, *_ in result.study.tried_rates] == ["supervised"] * 2
    assert result.study.spec.learning_rate == result.study.tried_rates[0][1]
    spec = xfer.StudySpec()
    spec.learning_rate = 0.0
    assert 'learning_rate = "auto"' in spec.to_toml()
