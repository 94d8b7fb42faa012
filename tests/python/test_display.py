# SPDX-License-Identifier: Apache-2.0
"""What notebooks show of each object: complete, escaped, without scripts."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import xfer
from xfer import testing

HOSTILE = "<script>alert('&')</script>"
VOID = {"br", "hr", "img", "meta", "path", "line", "rect", "circle", "polyline", "polygon"}


class Balance(HTMLParser):
    """Fails where a tag is not closed in order, or is one that runs something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        assert tag not in ("script", "iframe", "object", "link")
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        assert tag != "script"

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


def page(thing: Any) -> str:
    text: str = thing._repr_html_()
    parser = Balance()
    parser.feed(text)
    assert parser.open == []
    return text


@pytest.fixture(scope="module")
def result(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> xfer.Result:
    from conftest import tiny_study

    spec = tiny_study(model_folder)
    return xfer.run_study(spec, tmp_path_factory.mktemp("display") / "run", progress=False)


def test_a_study_shows_what_differs_from_the_pilot() -> None:
    text = page(xfer.StudySpec(name=HOSTILE, steps=7, domain_files={HOSTILE: "x.jsonl"}))
    assert "<td style='text-align:left'>7</td>" in text
    assert "as the pilot" in text
    assert "&lt;script&gt;" in text and "domain_files" in text


def test_a_plan_shows_runs_tests_and_what_they_can_find(spec: xfer.StudySpec) -> None:
    spec.name = HOSTILE
    plan = xfer.plan_study(spec)
    text = page(plan)
    assert text.count("<td style='text-align:left'>train</td>") == len(plan.plan.legs)
    assert text.count("<td style='text-align:left'>test</td>") == len(plan.plan.evaluations)
    assert "smallest effects" in text
    assert f"{len(plan.plan.legs)} training runs" in repr(plan)
    legs, forecast = plan
    assert (legs, forecast) == (plan.plan, plan.forecast)
    assert plan.to_dict()["study"] == HOSTILE
    assert str(plan).count("\n  train  ") == len(plan.plan.legs)


def test_a_matrix_and_its_verdicts(result: xfer.Result) -> None:
    [matrix] = result.matrices
    text = page(matrix)
    [verdict] = matrix.accuracy
    assert verdict.verdict in text
    assert "trained on" in text and "math" in text and "code" in text
    assert verdict.verdict in page(verdict)
    assert "math \N{RIGHTWARDS ARROW} code" in page(verdict)


def test_verdicts_have_their_colours() -> None:
    def one(score: float) -> Any:
        items = 40
        [found] = xfer._native.matrix_verdicts(
            {"b": [[0.5 + 0.4 * (-1) ** i for i in range(items)]]},
            {("a", "b"): [[score + 0.4 * (-1) ** i for i in range(items)]] * 2},
        )
        return found

    good, bad = one(0.6), one(0.4)
    assert (good.verdict, bad.verdict) == ("gain", "loss")
    assert page(good).partition(";")[0] != page(bad).partition(";")[0]


def test_a_cell_has_its_chart_and_reading(result: xfer.Result) -> None:
    text = page(result.cells[0])
    assert "<svg" in text and "format_control" in text and "Transfer Gain" in text


def test_a_hypothesis_shows_its_rule(result: xfer.Result) -> None:
    for answer in result.hypotheses:
        text = page(answer)
        assert answer.id in text and "rule" in text and answer.verdict.split("_")[0] in text


def test_a_graded_answer_shows_both_readings() -> None:
    text = page(xfer.grade("final_answer", f"so it is # {HOSTILE}", answer="5"))
    assert "lenient" in text and "strict" in text and "&lt;script&gt;" in text
    assert "no answer found" in page(xfer.grade("final_answer", "nothing", answer="5"))


def test_similarity_shows_matrices() -> None:
    found = xfer.similarity("math", "code", measures=["vocabulary_jaccard"], text_examples=8)
    assert "larger is closer" in page(found)


def test_the_outcome_of_a_conformance_suite() -> None:
    outcome = testing.Conformance(
        [testing.Check("fine", True), testing.Check("bad", False, HOSTILE)]
    )
    text = page(outcome)
    assert "FAIL" in text and "&lt;script&gt;" in text


def test_a_result_is_balanced(result: xfer.Result) -> None:
    assert "xfer-study" in page(result)
