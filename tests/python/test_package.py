# SPDX-License-Identifier: Apache-2.0
"""What people do with a package: copy, pickle, fork, thread; and what it says when broken."""

from __future__ import annotations

import concurrent.futures
import copy
import importlib.metadata
import importlib.resources
import multiprocessing
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xfer
from xfer import _native
from xfer._missing import explanation

SOURCE = Path(__file__).resolve().parents[2] / "python" / "xfer"


@pytest.fixture
def result(spec: xfer.StudySpec, tmp_path: Path) -> xfer.Result:
    return xfer.run_study(spec, tmp_path / "run", progress=False)


def test_studies_pickle_and_copy(spec: xfer.StudySpec) -> None:
    for other in (pickle.loads(pickle.dumps(spec)), copy.copy(spec), copy.deepcopy(spec)):
        assert other == spec
        other.steps += 1
        assert other != spec


def test_results_pickle_by_their_run_folder(result: xfer.Result) -> None:
    again = pickle.loads(pickle.dumps(result))
    assert again.to_json() == result.to_json()
    assert copy.copy(result) is result
    assert copy.deepcopy(result) is result
    with pytest.raises(TypeError, match="no run folder"):
        pickle.dumps(xfer.Result(result._native))


def test_metrics_copy(result: xfer.Result) -> None:
    cell = result.cells[0]
    for value in (cell, cell.accuracy, cell.accuracy.gain, result.study, xfer.stats.wilson(3, 9)):
        assert copy.copy(value) is value
        assert copy.deepcopy({"value": value})["value"] is value


def test_what_a_trainer_is_given_and_gives_pickles() -> None:
    datum = xfer.Datum([1, 2], target_tokens=[2, 3], weights=[0.0, 1.0])
    again = pickle.loads(pickle.dumps(datum))
    np.testing.assert_array_equal(again.tokens, datum.tokens)
    np.testing.assert_array_equal(again.loss_fn_inputs["weights"], [0.0, 1.0])
    lora = pickle.loads(pickle.dumps(xfer.LoraConfig(rank=3, seed=2**63, train_mlp=False)))
    assert (lora.rank, lora.seed, lora.train_mlp, lora.train_attn) == (3, 2**63, False, True)
    answer = pickle.loads(pickle.dumps(xfer.Completion([5, 6], [-0.5, -1.0], "stop")))
    assert (list(answer.tokens), answer.stop_reason) == ([5, 6], "stop")
    info = pickle.loads(pickle.dumps(xfer.TrainerInfo("m", 8, 1000, 3)))
    assert (info.base_model, info.optimizer_steps) == ("m", 3)
    row = _native.ScoreRow()
    row.item, row.score = "a", 0.5
    again_row = pickle.loads(pickle.dumps(row))
    assert (again_row.item, again_row.score) == ("a", 0.5)


def test_what_cannot_be_pickled_says_so(model: xfer.Model) -> None:
    with pytest.raises(TypeError, match="pickle"):
        pickle.dumps(model)


def test_errors_pickle() -> None:
    error = pickle.loads(pickle.dumps(xfer.ServiceError("slow down", "rate_limited", 429, "r1")))
    assert (error.code, error.http_status, error.request_id) == ("rate_limited", 429, "r1")


def test_one_model_serves_many_threads(model: xfer.Model) -> None:
    sampler = model.sampler()
    prompt = [int(t) for t in model.tokenizer.encode("hello")]

    def answer(seed: int) -> list[int]:
        [one] = sampler.sample(prompt, max_tokens=6, seed=seed, stop_tokens=[])
        return [int(t) for t in one.tokens]

    alone = [answer(seed) for seed in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(answer, range(8))) == alone


def test_studies_run_in_threads_other_than_the_main_one(
    spec: xfer.StudySpec, tmp_path: Path, result: xfer.Result
) -> None:
    found: list[str] = []
    work = threading.Thread(
        target=lambda: found.append(
            xfer.run_study(spec, tmp_path / "thread", progress=False).reading
        )
    )
    work.start()
    work.join(120)
    assert found == [result.reading]


def _in_a_process(spec: xfer.StudySpec, folder: str) -> Any:
    return xfer.run_study(spec, folder, progress=False)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_processes_run_studies(
    method: str, spec: xfer.StudySpec, tmp_path: Path, result: xfer.Result
) -> None:
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as pool:
        found = pool.submit(_in_a_process, spec, str(tmp_path / method)).result(timeout=120)
    assert found.reading == result.reading


FORK = """
import os, sys, xfer
if {used}:
    xfer.Model.load(sys.argv[1], threads=1).sampler().sample([1, 2], max_tokens=1)
child = os.fork()
if child == 0:
    code = 3
    try:
        one = xfer.domain("math").example("test", 0)      # no threads: always allowed
        xfer.Model.load(sys.argv[1], threads=1).sampler().sample([1, 2], max_tokens=1)
        code = 0
    except xfer.Error as error:
        print(error.code, error)
        code = 7
    sys.stdout.flush()
    os._exit(code)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.parametrize("used", [False, True])
def test_a_fork_works_before_the_first_call_and_is_refused_after_it(
    used: bool, model_folder: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK.format(used=used), str(model_folder)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == (7 if used else 0), done.stdout + done.stderr
    if used:
        assert "not_available" in done.stdout and "spawn" in done.stdout


def test_the_package_is_typed_and_has_its_models() -> None:
    files = importlib.resources.files("xfer")
    for name in ("py.typed", "_native.pyi", "models/small/model.safetensors", "cards/math.toml"):
        assert files.joinpath(name).is_file(), name


@pytest.mark.skipif(shutil.which("nm") is None, reason="reads the module with nm")
def test_the_extension_exports_its_initialisation_alone() -> None:
    command = ["nm", "-D", "--defined-only", str(_native.__file__)]
    table = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.split()[-1] for line in table.splitlines()] == ["PyInit__native"]


def test_the_extras_are_there() -> None:
    try:
        extras = importlib.metadata.metadata("xfer").get_all("Provides-Extra") or []
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("xfer is run from its source folder")
    assert {"plots", "pandas", "data", "all"} <= set(extras)


def test_a_missing_system_library_is_named(tmp_path: Path) -> None:
    lost = ImportError("libpcre2-8.so.0: cannot open shared object file: No such file or directory")
    text = explanation(lost, tmp_path)
    assert "system library libpcre2-8.so.0" in text
    assert "apt-get install libpcre2-8-0" in text
    old = ImportError("/lib/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by ...)")
    assert "newer system libraries" in explanation(old, tmp_path)


def test_a_missing_extension_is_explained(tmp_path: Path) -> None:
    shutil.copytree(SOURCE, tmp_path / "xfer", ignore=shutil.ignore_patterns("*.so", "models"))

    def message() -> str:
        code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import xfer"
        done = subprocess.run(
            [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        return done.stderr.splitlines()[-1]

    assert "pip install ." in message()
    (tmp_path / "xfer" / "_native.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    assert "another Python (_native.cpython-39" in message()
