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


def alike(one: Any, other: Any) -> bool:
    """Whether two values are of one class and all that Python sees of them is the same."""
    if type(one) is not type(other):
        return False
    if type(one).__module__ != "xfer._native":
        if isinstance(one, (list, tuple)):
            return len(one) == len(other) and all(map(alike, one, other))
        return bool(one == other) or repr(one) == repr(other) == "nan"
    names = [n for n in dir(one) if isinstance(getattr(type(one), n), property)]
    assert names
    return all(alike(getattr(one, name), getattr(other, name)) for name in names)


def records(result: xfer.Result, folder: Path) -> dict[str, Any]:
    """One of each record, by its class; those of a study as rich as the study makes them."""
    spec = result.spec
    cell, raw = result.cells[0], result._native.result.cells[0]
    plan, forecast = xfer.plan_study(spec)
    domain = xfer.domain("math")
    example = domain.example("test", 3)
    x, y = [0.1, 0.4, 0.3, 0.9], [0.2, 0.1, 0.5, 0.3]
    stats = xfer.stats
    found: list[Any] = [
        example,
        domain.grade(example, "#" + example.answer),
        domain.prompts[1],
        stats.wilson(3, 9),
        stats.spearman(x, y),
        stats.spearman([1.0, 1.0], [1.0, 2.0]),
        cell.accuracy.gain,
        cell.accuracy.efficiency,
        cell.accuracy,
        stats.fieller(1.0, 2.0, 0.1, 0.1),
        stats.mcnemar_chi_square(3, 9),
        stats.paired_t(x, y),
        stats.tost(x, y, margin=0.5),
        stats.sign_flip(x, y),
        stats.simultaneous_bands([0.1], [x * 25])[0],
        stats.mann_whitney(x, y),
        cell,
        cell.conditions[0],
        raw,
        raw.evaluations[0],
        raw.evaluations[0].items[0],
        raw.curves[0],
        raw.curves[0].points[0],
        result._native.result.legs[0],
        plan,
        plan.legs[-1],
        plan.evaluations[-1],
        forecast,
        forecast.training,
        forecast.gain,
        _native.read_status(folder),
    ]
    return {type(value).__name__ + str(k): value for k, value in enumerate(found)}


def test_records_pickle_whole(result: xfer.Result, tmp_path: Path) -> None:
    for name, value in records(result, tmp_path / "run").items():
        again = pickle.loads(pickle.dumps(value))
        assert alike(again, value), name
        # And what Python does not see: the same bytes when pickled again.
        assert pickle.dumps(again) == pickle.dumps(value), name
    cell = result.cells[0]
    for metric in (cell.accuracy.asymmetry, cell.accuracy.gain_per_dollar):
        assert not metric.defined
        assert pickle.loads(pickle.dumps(metric)).reason == metric.reason != ""
    plan = pickle.loads(pickle.dumps(xfer.plan_study(result.spec)))
    assert isinstance(plan, xfer.StudyPlan)
    assert str(plan) == str(xfer.plan_study(result.spec))
    assert str(copy.copy(plan)) == str(plan)


def test_alike_sees_a_difference(result: xfer.Result) -> None:
    assert not alike(xfer.stats.wilson(3, 9), xfer.stats.wilson(4, 9))
    assert not alike(result.cells[0].accuracy.gain, result.cells[0].accuracy.asymmetry)
    one, other = (xfer.domain("math").example("test", k) for k in (0, 1))
    assert not alike(one, other)


def test_pickles_of_another_version_are_refused() -> None:
    value = xfer.stats.wilson(3, 9)
    version, members = value.__getstate__()
    assert version == xfer.__version__
    for state in (("0.0.9", members), (version, members[:-1]), (version,), ()):
        with pytest.raises(xfer.Error, match="pickle"):
            type(value).__new__(type(value)).__setstate__(state)


def test_domains_pickle_by_name_where_the_name_says_all() -> None:
    domain = pickle.loads(pickle.dumps(xfer.domain("law")))
    assert domain.name == "law"
    assert alike(domain.example("test", 5), xfer.domain("law").example("test", 5))
    for other in (
        xfer.domain("law", 7),
        xfer.mix("both", [xfer.domain("law"), xfer.domain("math")]),
    ):
        with pytest.raises(TypeError, match="make it in each process"):
            pickle.dumps(other)


def test_what_cannot_be_pickled_says_so(model: xfer.Model) -> None:
    sampler = model.sampler()
    for value in (model, sampler, model.tokenizer, xfer.Trainer(model, rank=2)):
        with pytest.raises(TypeError, match=r"cannot pickle a \w+: "):
            pickle.dumps(value)
    for value in (model, sampler):
        with pytest.raises(TypeError, match="cannot pickle"):
            copy.copy(value)
    assert copy.copy(model.tokenizer) is model.tokenizer


def test_every_class_pickles_or_says_why_not() -> None:
    """A new class of the extension module must be one or the other."""
    for name, kind in vars(_native).items():
        if isinstance(kind, type) and kind.__module__ == "xfer._native":
            own = {"__setstate__", "__reduce__"} & set(vars(kind))
            assert own, f"{name}: see xfer._copying and bindings/pickling.cpp"


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
