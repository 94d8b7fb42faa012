# SPDX-License-Identifier: Apache-2.0
"""math_equal beside math-verify, on every gold answer of MATH and GSM8K and on changed ones."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import xfer
from math_pairs import gsm8k_answers, math_answers, perturbed_pairs, shared_data

Pair = tuple[str, str, str]
DOCUMENT = Path(__file__).parents[2] / "docs" / "grading-disagreements.md"


@pytest.fixture(scope="module")
def answers() -> list[str]:
    if not (shared_data() / "math").is_dir():
        pytest.skip("the data files of MATH are not here")
    return math_answers(shared_data()) + gsm8k_answers(shared_data())


def test_every_gold_answer_equals_itself(answers: list[str]) -> None:
    assert len(answers) > 2000
    for answer in answers:
        assert xfer.math_equal(answer, answer)
        completion = f"Thus we get $\\boxed{{{answer}}}$."
        verdict = xfer.grade("math", completion, answer=answer)
        assert verdict.score == verdict.strict_score == 1.0, answer


def test_it_is_symmetric(answers: list[str]) -> None:
    for gold, changed, _ in perturbed_pairs(answers):
        assert xfer.math_equal(gold, changed) == xfer.math_equal(changed, gold), (gold, changed)


@pytest.mark.timeout(1200)
def test_it_agrees_with_math_verify(answers: list[str]) -> None:
    math_verify = pytest.importorskip("math_verify")
    logging.disable(logging.CRITICAL)
    identical = [(answer, answer, "identity") for answer in dict.fromkeys(answers)]
    pairs = identical + perturbed_pairs(answers)
    assert len(pairs) - len(identical) >= 2000

    def theirs(gold: str, changed: str) -> bool:
        parse = math_verify.parse
        return bool(math_verify.verify(parse(f"${gold}$"), parse(f"${changed}$")))

    differing = [p for p in pairs if theirs(p[0], p[1]) != xfer.math_equal(p[0], p[1])]
    assert len(differing) <= 0.01 * len(pairs), differing
    known = DOCUMENT.read_text(encoding="utf-8")
    unlisted = [p for p in differing if f"`{p[0]}` | `{p[1]}`" not in known]
    assert not unlisted, "who is right? " + repr(unlisted)
