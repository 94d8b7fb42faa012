# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xfer

PROMPT = [72, 101, 108, 108, 111]
DATA = [xfer.Datum([1, 2, 3], target_tokens=[2, 3, 4])]


def test_calls_are_awaitable_and_agree_with_the_blocking_ones(model: xfer.Model) -> None:
    sampler = model.sampler()

    async def work() -> list[list[int]]:
        several = (sampler.sample_async(PROMPT, max_tokens=5, seed=s) for s in range(4))
        return [list(c[0].tokens) for c in await asyncio.gather(*several)]

    expected = [list(sampler.sample(PROMPT, max_tokens=5, seed=s)[0].tokens) for s in range(4)]
    assert asyncio.run(work()) == expected


def test_blocking_calls_work_inside_a_running_loop(model: xfer.Model) -> None:
    async def work() -> int:
        return len(model.sampler().sample(PROMPT, max_tokens=3, stop_tokens=[])[0].tokens)

    assert asyncio.run(work()) == 3


def test_training_calls_run_in_the_order_they_were_made(model: xfer.Model) -> None:
    def losses_blocking() -> list[float]:
        trainer = xfer.Trainer(model, rank=4)
        losses = []
        for _ in range(3):
            losses.append(trainer.forward_backward(DATA).metrics["loss:sum"])
            trainer.optim_step(1e-2)
        return losses

    async def losses_async() -> list[float]:
        trainer = xfer.Trainer(model, rank=4)
        passes, steps = [], []
        for _ in range(3):
            passes.append(trainer.forward_backward_async(DATA))
            steps.append(trainer.optim_step_async(1e-2))
        await asyncio.gather(*steps)
        return [(await p).metrics["loss:sum"] for p in passes]

    assert asyncio.run(losses_async()) == losses_blocking()


def test_the_loop_goes_on_while_the_engine_works(model: xfer.Model) -> None:
    async def work() -> int:
        call = model.sampler().sample_async(
            PROMPT, num_samples=16, max_tokens=200, stop_tokens=[], seed=1
        )
        turns = 0
        while not call.done():
            await asyncio.sleep(0.001)
            turns += 1
        await call
        return turns

    assert asyncio.run(work()) > 1


def test_failures_arrive_as_exceptions(model: xfer.Model) -> None:
    async def work() -> None:
        with pytest.raises(xfer.Error, match="max_tokens"):
            await model.sampler().sample_async(PROMPT, max_tokens=0)
        with pytest.raises(xfer.Error, match="no data"):
            await xfer.Trainer(model, rank=4).forward_async([])

    asyncio.run(work())


def test_a_cancelled_call_leaves_the_sampler_usable(model: xfer.Model) -> None:
    sampler = model.sampler()

    async def work() -> float:
        call = sampler.sample_async(
            PROMPT, num_samples=64, max_tokens=400, stop_tokens=[], temperature=1.0
        )
        await asyncio.sleep(0.01)
        started = time.monotonic()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await sampler.sample_async(PROMPT, max_tokens=1)
        return time.monotonic() - started

    assert asyncio.run(work()) < 2.0


def test_without_a_loop_there_is_nothing_to_await(model: xfer.Model) -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        model.sampler().score_async(PROMPT, 1)


def test_scores_async(model: xfer.Model) -> None:
    async def work() -> np.ndarray:
        return await model.sampler().score_async(PROMPT, 1)

    np.testing.assert_array_equal(asyncio.run(work()), model.sampler().score(PROMPT, 1))


def test_python_ends_soon_while_a_study_runs(spec: xfer.StudySpec, tmp_path: Path) -> None:
    spec.steps, spec.validation_items = 100_000, 0
    (tmp_path / "study.toml").write_text(spec.to_toml())
    code = """
import asyncio
from xfer import StudySpec, _native

async def main():
    study = _native.run_study_async(StudySpec.from_toml_file("study.toml"), "run", None)
    await asyncio.sleep(1)
    assert not study.done()

asyncio.run(main())
"""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, timeout=60)
    assert time.monotonic() - started < 10
