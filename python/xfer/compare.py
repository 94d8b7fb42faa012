# SPDX-License-Identifier: Apache-2.0
"""Two conditions, or two runs, item by item: what was fixed and what was broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from xfer import _native
from xfer.errors import Error
from xfer.result import Result


@dataclass(frozen=True)
class ItemChange:
    """One item that came out differently."""

    source: str
    target: str
    method: str
    condition: str
    seed: int
    item: str
    kind: str
    change: str  #: "fixed" or "broken"
    question: str
    reference: str
    before: str
    after: str
    failure: str  #: of the wrong one of the two

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


_Key = tuple[str, str, str, str, int]


def compare_conditions(result: Result, condition: str = "transfer") -> list[ItemChange]:
    """What a condition fixed and broke against the baseline, in every cell and seed of a run.

    Example::

        for change in compare_conditions(xfer.load_result("runs/pilot")):
            print(change.change, change.item, change.after)
    """
    changes = []
    for cell in result.study.cells:
        base = [e for e in cell.evaluations if e.condition == "baseline"]
        for evaluation in cell.evaluations:
            if evaluation.condition == condition and base:
                key = (cell.source, cell.target, cell.method, condition, evaluation.seed)
                changes += _changes(key, base[0].items, evaluation.items)
    return changes


def compare_runs(before: Result, after: Result) -> list[ItemChange]:
    """What differs between the evaluations that two runs have in common. Raises `run_mismatch`
    where they were made under different protocols or on different items."""
    old = _evaluations(before)
    changes = []
    common = 0
    for key, evaluation in _evaluations(after).items():
        if key not in old:
            continue
        common += 1
        if old[key].protocol_hash != evaluation.protocol_hash:
            raise Error(
                f"compare: {_name(key)} was tested under different protocols "
                f"({old[key].protocol_hash[:12]} and {evaluation.protocol_hash[:12]})",
                "run_mismatch",
            )
        if {i.item_id for i in old[key].items} != {i.item_id for i in evaluation.items}:
            raise Error(f"compare: {_name(key)} was tested on different items", "run_mismatch")
        changes += _changes(key, old[key].items, evaluation.items)
    if not common:
        raise Error("compare: the runs have no evaluation in common", "run_mismatch")
    return changes


def change_counts(
    changes: Iterable[ItemChange], group: Callable[[ItemChange], str]
) -> dict[str, tuple[int, int]]:
    """How many were fixed and broken in each group, most changes first."""
    counts: dict[str, list[int]] = {}
    for change in changes:
        counts.setdefault(group(change), [0, 0])[change.change == "broken"] += 1
    ordered = sorted(counts.items(), key=lambda entry: (-sum(entry[1]), entry[0]))
    return {name: (fixed, broken) for name, (fixed, broken) in ordered}


def failure_kind(item: _native.ItemResult) -> str:
    """Why an answer that is not right is not."""
    if item.truncated:
        return "cut off"
    return "wrong answer" if item.extracted else "no answer found"


def _evaluations(result: Result) -> dict[_Key, _native.EvaluationResult]:
    return {
        (cell.source, cell.target, cell.method, e.condition, e.seed): e
        for cell in result.study.cells
        for e in cell.evaluations
    }


def _name(key: _Key) -> str:
    source, target, method, condition, seed = key
    return f"{source} -> {target} ({method}), {condition}, seed {seed}"


def _changes(
    key: _Key, before: list[_native.ItemResult], after: list[_native.ItemResult]
) -> list[ItemChange]:
    old = {item.item_id: item for item in before}
    changes = []
    for new in sorted(after, key=lambda item: item.item_id):
        was = old.get(new.item_id)
        if was is None or (was.score >= 1.0) == (new.score >= 1.0):
            continue
        fixed = new.score >= 1.0
        changes.append(
            ItemChange(
                *key,
                item=new.item_id,
                kind=new.kind,
                change="fixed" if fixed else "broken",
                question=new.question,
                reference=new.reference,
                before=was.completion,
                after=new.completion,
                failure=failure_kind(was if fixed else new),
            )
        )
    return changes
