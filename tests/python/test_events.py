# SPDX-License-Identifier: Apache-2.0
"""A study as a stream of events, and the methods of a study."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
import xfer


def comparable(result: xfer.Result) -> dict[str, object]:
    return {k: v for k, v in json.loads(result.to_json()).items() if k != "timing"}


def test_a_study_is_iterated_over(spec: xfer.StudySpec, tmp_path: Path) -> None:
    stream = spec.events(tmp_path / "run")
    with pytest.raises(RuntimeError):
        _ = stream.result
    kinds = [event.kind for event in stream]
    assert kinds[0] == "started" and kinds[-1] == "finished"
    assert kinds.count("leg_finished") == len(stream.result.study.legs)
    again = spec.run(tmp_path / "run", progress=False)
    assert comparable(again) == comparable(stream.result)


def test_leaving_the_loop_stops_the_study_and_it_goes_on_later(
    spec: xfer.StudySpec, tmp_path: Path
) -> None:
    for event in xfer.StudyEvents(spec, tmp_path / "run"):
        if event.kind == "leg_finished":
            break
    assert 0 < len(xfer.load_result(tmp_path / "run").study.legs) < 10
    resumed = spec.run(tmp_path / "run", progress=False)
    assert comparable(resumed) == comparable(spec.run(tmp_path / "whole", progress=False))


def test_a_study_is_iterated_over_in_a_loop_of_its_own(
    spec: xfer.StudySpec, tmp_path: Path
) -> None:
    async def collect() -> list[str]:
        stream = xfer.StudyEvents(spec, tmp_path / "run")
        kinds = [event.kind async for event in stream]
        assert stream.result.cells
        return kinds

    assert asyncio.run(collect())[-1] == "finished"


def test_cancelling_the_task_stops_the_study(spec: xfer.StudySpec, tmp_path: Path) -> None:
    async def begin() -> None:
        seen = asyncio.Event()

        async def work() -> None:
            async for event in xfer.StudyEvents(spec, tmp_path / "run"):
                if event.kind == "step":
                    seen.set()

        task = asyncio.ensure_future(work())
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(begin())
    # Nothing holds the folder any more.
    assert spec.run(tmp_path / "run", progress=False).cells


def test_a_failure_of_the_study_is_raised(spec: xfer.StudySpec, tmp_path: Path) -> None:
    spec.run(tmp_path / "run", progress=False)
    spec.steps += 1
    with pytest.raises(xfer.Error) as failure:
        list(spec.events(tmp_path / "run"))
    assert failure.value.code == "run_mismatch"


def test_a_study_plans_itself(spec: xfer.StudySpec) -> None:
    plan, forecast = spec.plan()
    assert len(plan.legs) == 10
    assert forecast.hours[1] > 0
