# SPDX-License-Identifier: Apache-2.0
"""The checks of a domain find what is wrong, and nothing where nothing is."""

from __future__ import annotations

import random
from typing import Any

import pytest
import xfer
import xfer.testing


def rows(count: int, first: int = 0) -> list[dict[str, str]]:
    return [
        {
            "id": f"{first + i}",
            "question": f"What is {first + i} plus 1?",
            "answer": f"{first + i + 1}",
            "solution": f"One more makes {first + i + 1}.",
        }
        for i in range(count)
    ]


def grader(completion: str, example: xfer.Example) -> float:
    return float(example.answer in completion.replace(".", " ").split())


def own(**options: Any) -> xfer.Domain:
    given = {"train": rows(20), "test": rows(10, 100), "grader": grader} | options
    return xfer.Domain("adding", **given)


@pytest.mark.parametrize("name", xfer.domains())
def test_the_procedural_domains_conform(name: str) -> None:
    xfer.testing.check_domain(xfer.domain(name)).raise_if_failed()


def test_a_domain_of_ones_own_conforms() -> None:
    xfer.testing.check_domain(own()).raise_if_failed()


def failed(domain: xfer.Domain) -> set[str]:
    return {check.name for check in xfer.testing.check_domain(domain).checks if not check.passed}


def test_each_fault_is_found() -> None:
    assert "tests are not trained on" in failed(
        own(test=[r | {"id": "t" + r["id"]} for r in rows(5)])
    )
    lazy = failed(own(grader=lambda completion, example: 1.0))
    assert "no answer is not right" in lazy
    strict = failed(own(grader=lambda completion, example: 0.0))
    assert "the worked answer is right" in strict

    def breaks(completion: str, example: xfer.Example) -> float:
        if "\N{SNOWMAN}" in completion:
            raise ValueError("what is this?")
        return grader(completion, example)

    assert "any text is graded" in failed(own(grader=breaks))
    coin = random.Random(0)
    assert "grades repeat" in failed(own(grader=lambda completion, example: coin.random()))
