# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
from pathlib import Path

import pytest
import xfer


def test_the_seven_domains_are_there() -> None:
    names = {"math", "code", "physics", "chemistry", "biology", "logic", "law"}
    assert set(xfer.domains()) == names


@pytest.mark.parametrize("name", xfer.domains())
def test_reference_answers_are_right_and_nothing_is_wrong(name: str) -> None:
    domain = xfer.domain(name)
    example = domain.example("test", 0)
    assert len(domain.prompts) >= 5
    assert example.question in domain.prompts[0].apply(example.question)
    assert domain.grade(example, example.solution).score == 1.0
    verdict = domain.grade(example, b"\xff no answer")
    assert verdict.score == 0.0
    assert verdict.failure


def test_items_depend_on_the_seed_alone() -> None:
    first = xfer.domain("math", seed=3).example("train", 5)
    assert first.question == xfer.domain("math", seed=3).example("train", 5).question
    assert first.question != xfer.domain("math", seed=4).example("train", 5).question


def test_an_unknown_split_is_answered_with_the_known() -> None:
    with pytest.raises(xfer.Error, match="heldout"):
        xfer.domain("math").example("held-out", 0)


def test_reads_a_dataset_file(tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    lines = [
        {"question": f"What is {i} + 1?", "answer": f"{i} + 1 = {i + 1}\n#### {i + 1}"}
        for i in range(40)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    domain = xfer.domain_from_file(path)
    sizes = {s: domain.size(s) for s in ("train", "validation", "test")}
    assert sum(sizes.values()) == 40
    example = domain.example("train", 0)
    assert domain.grade(example, example.solution).score == 1.0


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sums.jsonl"
    path.write_text('{"question": "1 + 1?", "answer": "#### 2"}\n{"question": "half a li\n')
    with pytest.raises(xfer.Error, match=r"sums\.jsonl.*2") as caught:
        xfer.domain_from_file(path)
    assert caught.value.code == "bad_data"
