# SPDX-License-Identifier: Apache-2.0
"""Running studies from Python."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from xfer import _native
from xfer._native import Domain, StudySpec
from xfer.custom import CustomBackend
from xfer.domain_sources import domain_from_file, is_parquet
from xfer.plan import StudyPlan
from xfer.result import Result

PathLike = str | os.PathLike[str]
Listener = Any  # called with an Event; the display modules are imported only when shown


def run_study(
    study: StudySpec | PathLike,
    run_folder: PathLike | None = None,
    *,
    backend: CustomBackend | None = None,
    domains: Mapping[str, Domain] | None = None,
    record: PathLike | None = None,
    progress: bool = True,
) -> Result:
    """Runs a study, or takes it up where it stopped, and writes its report into `run_folder`.

    `study` is a StudySpec or the path of a study file; `run_folder` is runs/<study name> unless
    given. `backend` trains and samples in place of the embedded engine; the study's `model` then
    only names it. `domains` are own ones by the names that the study's pairs call them. With
    `backend = "tinker"` in the study every exchange with the service is written to the file
    `record`, without secrets. Safe to call again after an interrupt: finished steps are not
    repeated. Raises `xfer.Error` ("run_mismatch") when the folder holds another study.

    Example::

        result = xfer.run_study(xfer.StudySpec(pairs=[("physics", "math")], seeds=[0, 1, 2]))
        print(result.table())
    """
    spec = as_spec(study)
    folder = default_run_folder(spec) if run_folder is None else Path(run_folder)
    with _display(spec, folder, progress) as listener:
        return Result(
            _native.run_study(spec, folder, listener, backend, own_domains(spec, domains), record),
            folder,
        )


async def run_study_async(
    study: StudySpec | PathLike,
    run_folder: PathLike | None = None,
    *,
    backend: CustomBackend | None = None,
    domains: Mapping[str, Domain] | None = None,
    record: PathLike | None = None,
    progress: bool = True,
) -> Result:
    """`run_study` without blocking the running event loop. Cancelling stops it at a safe point.

    Example::

        result = await xfer.run_study_async("study.toml", progress=False)
    """
    spec = as_spec(study)
    folder = default_run_folder(spec) if run_folder is None else Path(run_folder)
    with _display(spec, folder, progress) as listener:
        return Result(
            await _native.run_study_async(
                spec, folder, listener, backend, own_domains(spec, domains), record
            ),
            folder,
        )


def plan_study(
    study: StudySpec | PathLike, *, domains: Mapping[str, Domain] | None = None
) -> StudyPlan:
    """What a study will train and test, what it will cost and what it can show; nothing is run.

    Tokens and dollars are ranges of low, expected and high, hours those of this machine.

    Example::

        plan, forecast = xfer.plan_study("study.toml")
        print(forecast.training_dollars, forecast.gain.effect)
    """
    spec = as_spec(study)
    return StudyPlan(spec, *_native.forecast_study(spec, own_domains(spec, domains)))


def regrade(
    run_folder: PathLike, *, domains: Mapping[str, Domain] | None = None
) -> list[dict[str, Any]]:
    """Grades the stored answers of a run again, with the graders as they are now, without sampling.

    The grades are kept beside the first ones, and `load_result` shows them from then on
    (`first_grading=True` still shows the first). One dict for each domain: domain, grader, version,
    items, changed, before, after, and the first 100 `changes`. `domains` as for `run_study`.
    """
    folder = Path(run_folder)
    spec = _native.load_result(folder, True).result.spec
    return _native.regrade(folder, own_domains(spec, domains))


def own_domains(spec: StudySpec, given: Mapping[str, Domain] | None = None) -> dict[str, Domain]:
    """The domains given, and those of the study's Parquet files, which Python reads."""
    own = dict(given or {})
    used = {name for pair in spec.pairs for name in pair}
    for name, path in spec.domain_files.items():
        if name in used and name not in own and is_parquet(Path(path)):
            own[name] = domain_from_file(path, skip_bad=spec.skip_bad)
    return own


def run_transfer_experiment(
    source: str = "math",
    target: str = "code",
    *,
    method: str | None = None,
    model: str | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
    items: int | None = None,
    run_folder: PathLike | None = None,
    progress: bool = True,
    **more: Any,
) -> Result:
    """How much training on `source` improves `target`: baseline, transfer, direct, sequential,
    joint and the format's control.

    `method` is "sl" (supervised, the default), "rl" (reinforcement learning) or "sl_rl" (the one
    after the other); the option `methods` takes a list of them instead. Options left out have the
    pilot's values (`xfer.StudySpec()`); `more` takes any other option of a StudySpec. The same call
    with the same options resumes or just reports its earlier run.

    Example::

        result = xfer.run_transfer_experiment("biology", "physics", seeds=[0, 1, 2], items=200)
        print(result.cell("biology", "physics").reading)
    """
    chosen = _chosen(method, model=model, seeds=seeds, steps=steps, items=items, **more)
    spec = transfer_spec(source, target, chosen)
    return run_study(spec, run_folder, progress=progress)


async def run_transfer_experiment_async(
    source: str = "math",
    target: str = "code",
    *,
    method: str | None = None,
    model: str | None = None,
    seeds: Sequence[int] | None = None,
    steps: int | None = None,
    items: int | None = None,
    run_folder: PathLike | None = None,
    progress: bool = True,
    **more: Any,
) -> Result:
    """`run_transfer_experiment` without blocking the running event loop."""
    chosen = _chosen(method, model=model, seeds=seeds, steps=steps, items=items, **more)
    spec = transfer_spec(source, target, chosen)
    return await run_study_async(spec, run_folder, progress=progress)


def _chosen(method: str | None, **options: Any) -> dict[str, Any]:
    if method is not None and options.get("methods") is not None:
        raise TypeError("give either method or methods")
    return options if method is None else {**options, "methods": [method]}


def transfer_spec(source: str, target: str, options: dict[str, Any]) -> StudySpec:
    """The study of one pair. Unless named, it is called after the pair and what is unusual in it,
    so that studies that differ never meet in one run folder."""
    given = {k: v for k, v in options.items() if v is not None}
    spec = StudySpec(pairs=[(source, target)], **given)
    if "name" not in given:
        spec.name = f"{source}_to_{target}"
        usual = StudySpec(pairs=[(source, target)], name=spec.name, threads=spec.threads)
        if spec != usual:
            spec.name += "-" + hashlib.sha256(spec.to_toml().encode()).hexdigest()[:8]
    return spec


def default_run_folder(spec: StudySpec) -> Path:
    """Where a study runs unless told otherwise."""
    return Path("runs") / spec.name


def as_spec(study: StudySpec | PathLike) -> StudySpec:
    """A study as it is, or read from its file."""
    return study if isinstance(study, StudySpec) else StudySpec.from_toml_file(Path(study))


def _display(spec: StudySpec, folder: Path, progress: bool) -> AbstractContextManager[Listener]:
    if not progress:
        return nullcontext()
    from xfer.progress import best_display

    return best_display(spec, folder)
