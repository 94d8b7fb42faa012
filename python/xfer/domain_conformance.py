# SPDX-License-Identifier: Apache-2.0
"""Whether a domain and its grader keep what studies rely on; the door is `xfer.testing`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from xfer._native import Domain, Example
from xfer.conformance import Check, Conformance

ITEMS = 50
SPLITS = ("train", "validation", "test")
JUNK = (
    b"",
    b"\xff\xfe\x00",
    b"\x00" * 64,
    "\N{SNOWMAN}" * 500,
    "1e999999",
    "-" * 2000,
    "```\n",
    "{",
)


def _items(domain: Domain, split: str) -> Iterator[Example]:
    for index in range(min(ITEMS, domain.size(split))):
        yield domain.example(split, index)


def every_split_that_studies_need_has_items(domain: Domain) -> None:
    for split in ("train", "test"):
        assert domain.size(split) > 0, f"the {split} split is empty"


def items_repeat(domain: Domain) -> None:
    for split in SPLITS:
        for index in range(min(ITEMS, domain.size(split))):
            first, second = domain.example(split, index), domain.example(split, index)
            for field in ("id", "question", "solution", "answer", "kind", "cluster"):
                assert getattr(first, field) == getattr(second, field), (
                    f"item {index} of {split} has another {field} when it is asked for again"
                )


def items_have_names_of_their_own(domain: Domain) -> None:
    seen: dict[str, str] = {}
    for split in SPLITS:
        for index in range(min(1000, domain.size(split))):
            name = domain.example(split, index).id
            assert name, f"item {index} of {split} has no id"
            assert name not in seen, f"the id {name!r} is in {seen[name]} and again in {split}"
            seen[name] = split


def questions_and_answers_are_not_empty(domain: Domain) -> None:
    for split in SPLITS:
        for item in _items(domain, split):
            assert item.question.strip(), f"{item.id} has no question"
            assert item.solution.strip(), f"{item.id} has no worked answer to train on"


def tests_are_not_trained_on(domain: Domain) -> None:
    trained = {
        domain.example("train", index).question for index in range(min(1000, domain.size("train")))
    }
    for item in _items(domain, "test"):
        assert item.question not in trained, f"the question of {item.id} is in the train split too"


def the_worked_answer_is_right(domain: Domain) -> None:
    for split in SPLITS:
        for item in _items(domain, split):
            verdict = domain.grade(item, item.solution)
            assert verdict.score == 1.0, (
                f"{item.id}: its own worked answer scores {verdict.score:g} ({verdict.failure})"
            )
            assert verdict.extracted, f"{item.id}: no answer is found in its own worked answer"


def no_answer_is_not_right(domain: Domain) -> None:
    for item in _items(domain, "test"):
        verdict = domain.grade(item, "")
        assert verdict.score == 0.0, f"{item.id}: an empty answer scores {verdict.score:g}"
        assert not verdict.extracted, f"{item.id}: an answer is found in an empty text"


def any_text_is_graded(domain: Domain) -> None:
    """Whatever a model writes: a grader that breaks would stop the study."""
    items = list(_items(domain, "test"))[:10]
    for item in items:
        for text in JUNK:
            score = domain.grade(item, text).score
            assert 0.0 <= score <= 1.0, f"{item.id}: {text!r:.40} scores {score}"


def grades_repeat(domain: Domain) -> None:
    items = list(_items(domain, "test"))
    for item, other in pairwise(items):
        first, second = domain.grade(item, other.solution), domain.grade(item, other.solution)
        assert (first.score, first.answer) == (second.score, second.answer), (
            f"{item.id}: the same answer is graded in two ways"
        )
        assert 0.0 <= first.score <= 1.0, f"{item.id}: a score of {first.score}"


def the_prompt_holds_the_question(domain: Domain) -> None:
    assert domain.prompts, "there is no prompt"
    for item in _items(domain, "test"):
        for prompt in domain.prompts:
            assert item.question in prompt.apply(item.question), f"{item.id} is not in its prompt"


def the_data_has_a_fingerprint(domain: Domain) -> None:
    prints = [domain.manifest_hash(split) for split in ("train", "test")]
    assert all(prints), "the manifest hash is empty"
    assert prints[0] != prints[1], "train and test split have the same manifest hash"
    assert prints == [domain.manifest_hash(split) for split in ("train", "test")]


CHECKS: tuple[Callable[[Domain], None], ...] = (
    every_split_that_studies_need_has_items,
    items_repeat,
    items_have_names_of_their_own,
    questions_and_answers_are_not_empty,
    tests_are_not_trained_on,
    the_worked_answer_is_right,
    no_answer_is_not_right,
    any_text_is_graded,
    grades_repeat,
    the_prompt_holds_the_question,
    the_data_has_a_fingerprint,
)


def check_domain(domain: Domain) -> Conformance:
    """Runs every check on a domain of your own, and with it on its grader."""
    checks = []
    for check in CHECKS:
        name = check.__name__.replace("_", " ")
        try:
            check(domain)
        except AssertionError as failure:
            checks.append(Check(name, False, str(failure)))
        except Exception as failure:  # a check that cannot run has failed
            checks.append(Check(name, False, f"{type(failure).__name__}: {failure}"))
        else:
            checks.append(Check(name, True))
    return Conformance(checks)
