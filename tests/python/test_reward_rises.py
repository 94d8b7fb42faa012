# SPDX-License-Identifier: Apache-2.0
"""Reinforcement learning raises the reward of the embedded model: on one domain in seconds, on
every procedural domain in the long form (docs/quality.md)."""

from __future__ import annotations

from pathlib import Path
from statistics import mean

import pytest
import xfer

#: Steps at either end whose mean rewards are compared.
ENDS = 5


def rewards(domain: str, folder: Path, seed: int = 0, **options: object) -> list[float]:
    """Reward of each step, as the report's curve shows it."""
    source = "code" if domain == "math" else "math"  # only completes the pair
    spec = xfer.StudySpec.from_toml_file(
        Path(__file__).parents[2] / "examples" / "studies" / "reinforcement.toml"
    )
    spec.pairs = [(source, domain)]
    spec.conditions = ["direct"]
    spec.seeds = [seed]
    spec.items = 4
    for name, value in options.items():
        setattr(spec, name, value)
    result = xfer.run_study(spec, folder, progress=False)
    [curve] = [c for c in result.study.cells[0].curves if c.rewards]
    assert result.study.cells[0].reward_curve_svg().startswith("<svg")
    return [point.reward for point in curve.rewards]


@pytest.mark.timeout(600)
def test_the_reward_rises_on_one_domain(tmp_path: Path) -> None:
    seen = rewards("math", tmp_path / "run", rl_steps=20)
    assert mean(seen[-ENDS:]) > mean(seen[:ENDS]) + 0.05, seen


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("domain", xfer.domains())
def test_the_reward_rises_on_every_procedural_domain(domain: str, tmp_path: Path) -> None:
    seen = rewards(domain, tmp_path / "run")
    assert mean(seen[-ENDS:]) > mean(seen[:ENDS]) + 0.05, seen
