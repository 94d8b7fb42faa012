# SPDX-License-Identifier: Apache-2.0
"""Sampling calls per second: xfer's own Tinker client beside the official SDK, in one run.

    cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DXFER_BUILD_BENCH=ON
    cmake --build build --target bench_tinker
    python bench/bench_tinker.py --program build/bench/bench_tinker

Both drive the same trivial server (`bench_tinker serve`), which answers at once, with 1 and 256
samples at a time; one sample is two exchanges over HTTP. Then 2,000 at a time against a server that
holds each answer for 200 ms: what do connections, memory and open files come to? Each measurement
runs in a process of its own, the sides take turns, and figures are medians over the rounds. CPU
time is that of the whole process. The peer is the package `tinker` (0.38.0).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Result = dict[str, float]

PROMPT_TOKENS = 64
ANSWER_TOKENS = 32


# --- one side -------------------------------------------------------------------------------------


async def run_callers(client: Any, calls: int, seconds: float) -> tuple[list[float], int]:
    import tinker

    prompt = tinker.ModelInput.from_ints([7] * PROMPT_TOKENS)
    params = tinker.SamplingParams(max_tokens=ANSWER_TOKENS)
    end = time.perf_counter() + seconds
    took: list[float] = []
    files = 0

    async def caller() -> None:
        while (start := time.perf_counter()) < end:
            await client.sample_async(prompt=prompt, num_samples=1, sampling_params=params)
            took.append((time.perf_counter() - start) * 1e3)

    async def watch() -> None:
        nonlocal files
        while time.perf_counter() < end:
            files = max(files, sum(1 for _ in Path("/proc/self/fd").iterdir()))
            await asyncio.sleep(0.1)

    await asyncio.gather(watch(), *(caller() for _ in range(calls)))
    return took, files


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measure_sdk(url: str, calls: int, seconds: float) -> Result:
    import tinker

    service = tinker.ServiceClient(base_url=url, api_key="tml-bench")
    client = await service.create_sampling_client_async(base_model="m")
    await run_callers(client, calls, 1.0)
    before, start = cpu_seconds(), time.perf_counter()
    took, files = await run_callers(client, calls, seconds)
    cpu, wall = cpu_seconds() - before, time.perf_counter() - start
    took.sort()
    return {
        "calls_per_second": len(took) / wall,
        "cpu_ms_per_call": cpu * 1e3 / len(took),
        "p50_ms": took[len(took) // 2],
        "p99_ms": took[int(0.99 * (len(took) - 1))],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "files": files,
    }


# --- both sides -----------------------------------------------------------------------------------


@contextmanager
def server(program: Path, hold_ms: int) -> Iterator[str]:
    process = subprocess.Popen([program, "serve", str(hold_ms)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.wait()


def run_side(side: str, program: Path, url: str, calls: int, seconds: float) -> Result:
    command = (
        [str(program), "sample", url, str(calls), str(seconds)]
        if side == "xfer"
        else [sys.executable, __file__, "--sdk", url, str(calls), str(seconds)]
    )
    done = subprocess.run(
        command,
        env=os.environ | {"TINKER_TELEMETRY": "0"},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.exit(f"{side} failed at {calls} calls")
    found: Result = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def median(results: list[Result]) -> Result:
    return {key: statistics.median(r[key] for r in results) for key in results[0]}


def show(calls: int, side: str, r: Result) -> None:
    print(
        f"{calls:5} {side:5} {r['calls_per_second']:10,.0f} calls/s "
        f"{r['cpu_ms_per_call']:8.3f} ms CPU  p50 {r['p50_ms']:8.2f} ms  p99 {r['p99_ms']:8.2f} ms "
        f"{r['peak_mb']:6.0f} MB {r['files']:5.0f} files",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sdk", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--program", type=Path, default=Path("build/bench/bench_tinker"))
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 256, 2000])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", nargs="+", default=["sdk", "xfer"], choices=["sdk", "xfer"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.sdk:
        url, calls, seconds = options.sdk
        print(json.dumps(asyncio.run(measure_sdk(url, int(calls), float(seconds)))))
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(16384, hard) if hard > 0 else 16384, hard))
    everything = []
    for calls in options.calls:
        found: dict[str, list[Result]] = {side: [] for side in options.sides}
        for _ in range(options.rounds):
            for side in options.sides:
                with server(options.program, 200 if calls >= 2000 else 0) as url:
                    found[side].append(run_side(side, options.program, url, calls, options.seconds))
        best = {side: median(results) for side, results in found.items()}
        for side, result in best.items():
            show(calls, side, result)
            everything.append({"calls": calls, "side": side, **result})
        if len(best) == 2:
            sdk, xfer = best["sdk"], best["xfer"]
            print(
                f"{calls:5} ratio: "
                f"{xfer['calls_per_second'] / sdk['calls_per_second']:.1f} x calls/s, "
                f"1/{sdk['cpu_ms_per_call'] / xfer['cpu_ms_per_call']:.0f} of the CPU time, "
                f"{xfer['p50_ms'] / sdk['p50_ms']:.3f} of the latency"
            )
    if options.json:
        options.json.write_text(json.dumps(everything, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
