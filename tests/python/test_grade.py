# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
import xfer


def test_graders_have_names_and_versions() -> None:
    graders = xfer.graders()
    wanted = {"choice", "label", "math", "number", "gsm8k", "factoid", "list", "humaneval"}
    assert wanted <= set(graders)
    assert all(graders.values())


def test_a_choice_is_graded_twice() -> None:
    options = ["London", "Paris"]
    verdict = xfer.grade("choice", "B, since it is in France", answer="B", choices=options)
    assert (verdict.score, verdict.strict_score) == (1.0, 0.0)
    assert (verdict.extracted, verdict.strict_extracted) == (True, False)
    assert verdict.answer == "B"
    assert xfer.grade("choice", b"\xff A", answer="B", choices=options).score == 0.0


def test_extra_may_be_any_json() -> None:
    assert xfer.grade("label", "Yes.", answer="yes", extra={"labels": ["yes", "no"]}).score == 1.0
    assert xfer.grade("label", "Yes.", answer="yes", extra={"labels": '["yes", "no"]'}).score == 1.0
    gold = [["aspirin", "ASA"], ["ibuprofen"]]
    assert xfer.grade("list", "ASA, ibuprofen", extra={"gold": gold}).score == 1.0
    assert xfer.grade("factoid", "a\nASA", extra={"gold": gold[:1]}).score == 0.5


def test_bad_examples_are_refused() -> None:
    with pytest.raises(xfer.Error, match=r"'q7'.*labels") as caught:
        xfer.grade("label", "yes", answer="yes", id="q7")
    assert caught.value.code == "bad_data"
    with pytest.raises(xfer.Error, match="vibes"):
        xfer.grade("vibes", "yes")


def test_mathematics() -> None:
    assert xfer.math_equal(r"\frac{1}{2}", "0.5")
    assert not xfer.math_equal("x+1", "y+1")
    assert xfer.grade("math", r"so $\boxed{2(k+1)}$", answer="2k+2").strict_score == 1.0


def test_options_are_chosen_by_log_probability() -> None:
    logprobs = [-4.0, -6.0, -5.0]
    options = ["ab", "abcdefgh", "grüß"]
    assert xfer.chosen_option(logprobs) == 0
    assert xfer.chosen_option(logprobs, score="acc_norm", options=options) == 1
    alone = [-1.0, -5.5, -3.0]
    assert xfer.chosen_option(logprobs, score="acc_mutual_info", unconditional=alone) == 1
    with pytest.raises(xfer.Error, match="acc_norm"):
        xfer.chosen_option(logprobs, score="likelihood")


def test_lists_of_names() -> None:
    gold = [["aspirin", "ASA"], ["ibuprofen"]]
    assert xfer.list_scores(gold, ["ASA", "codeine"]) == (0.5, 0.5, 0.5)
    assert xfer.reciprocal_rank(gold, ["codeine", "asa"]) == 0.5


def test_code_is_run() -> None:
    extra = {
        "prompt": "def double(x):\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4",
        "entry_point": "double",
    }
    try:
        right = xfer.grade("humaneval", "    return 2 * x\n", extra=extra)
    except xfer.Error as error:
        if error.code != "not_available":
            raise
        pytest.skip(str(error))
    assert right.score == right.strict_score == 1.0
    whole = "Sure:\n```python\ndef double(x):\n    return x + x\n```\n"
    chatty = xfer.grade("humaneval", whole, extra=extra)
    assert (chatty.score, chatty.strict_score) == (1.0, 0.0)
    assert (
        xfer.grade("humaneval", "    return x\n", extra=extra).failure == "check 1: AssertionError"
    )
