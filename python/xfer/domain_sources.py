# SPDX-License-Identifier: Apache-2.0
"""Domains from what people have: files, frames, datasets, generators, functions."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from xfer import _native
from xfer._native import Domain
from xfer.errors import Error

Path_ = str | PathLike[str]
Row = Mapping[str, Any]
# A file, several files, a pandas frame, a Hugging Face dataset, "reasoning-gym:<task>", rows, or a
# function that gives rows.
Source = Any
# (lines, origin, sha256, bytes), as the extension module takes it.
Rows = tuple[Path, Path, str, int]

SPLITS = ("train", "validation", "test")
REASONING_GYM = "reasoning-gym:"


def build(
    name: str,
    *,
    train: Source = None,
    validation: Source = None,
    test: Source = None,
    grader: str | Callable[[str, Any], Any],
    question: str = "question",
    answer: str = "answer",
    solution: str = "solution",
    choices: str = "choices",
    id: str = "id",
    kind: str = "kind",
    cluster: str = "cluster",
    labels: Sequence[str] = (),
    prompts: Sequence[tuple[str, str]] = (),
    few_shot: int = 0,
    max_answer_tokens: int = 128,
    stop_strings: Sequence[str] = ("\n\n",),
    title: str = "",
    skip_bad: bool = False,
    size: int = 1000,
    seed: int = 0,
) -> Domain:
    """What `xfer.Domain(name, ...)` does.

    `train`, `validation` and `test` are each a file (JSONL, JSON, CSV, TSV or Parquet, plain or
    packed) or several, a pandas frame, a Hugging Face `datasets` object, an iterable of dicts, a
    function that returns one, or "reasoning-gym:<task>" (`size` items from `seed`). A split that is
    left out is made from `train`, by a hash of the question.

    `grader` is the name of one ("choice", "label", "number", "math", ...) or a function of the
    completion and the example that returns a bool, a score from 0 to 1, or (score, answer). The
    next seven options say which fields hold what. `labels` are those allowed with "label"; else
    those that occur. `prompts` are (before, after) pairs, the first being the standard one.
    """
    given = {s: v for s, v in zip(SPLITS, (train, validation, test), strict=True) if v is not None}
    files: dict[str, list[Path]] = {}
    rows: dict[str, list[Rows]] = {}
    with contextlib.ExitStack() as stack:
        spool = Spool(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xfer-rows-"))))
        for split, source in given.items():
            salt = seed + SPLITS.index(split)
            for part in _parts(source):
                path = _as_file(part)
                if path is not None and not _is_parquet(path):
                    files.setdefault(split, []).append(path)
                else:
                    origin = path or Path(f"{name}.{split}")
                    content = _parquet_rows(path) if path else _rows(part, size, salt)
                    rows.setdefault(split, []).append(spool.add(content, origin))
        return _native.make_own_domain(
            name,
            title=title,
            files=files,
            rows=rows,
            fields={
                "question": question,
                "answer": answer,
                "solution": solution,
                "choices": choices,
                "id": id,
                "kind": kind,
                "cluster": cluster,
            },
            grader=grader,
            labels=list(labels),
            prompts=[(before, after) for before, after in prompts],
            few_shot=few_shot,
            max_answer_tokens=max_answer_tokens,
            stop_strings=list(stop_strings),
            skip_bad=skip_bad,
        )


def domain_from_file(
    path: Path_, *, skip_bad: bool = False, task: str = "", seed: int = 0
) -> Domain:
    """A domain from a dataset file or folder, recognised by its content: docs/datasets.md has the
    datasets and their forms. Parquet files need pyarrow.

    `skip_bad` passes over bad rows and says so in the title. `task` picks one task of a dataset
    that has several. `seed` orders the options of SciQ.
    """
    files = _parquet_family(Path(path))
    if not files:
        return _native.domain_from_file(path, skip_bad=skip_bad, task=task, seed=seed)
    with tempfile.TemporaryDirectory(prefix="xfer-rows-") as folder:
        rows = _spooled(files, Path(folder))
        return _native.domain_from_rows(rows, skip_bad=skip_bad, task=task, seed=seed)


def check_data(path: Path_, *, task: str = "", seed: int = 0) -> dict[str, Any]:
    """What a dataset file holds: the dataset, its files and their hashes, examples per split, bad
    rows (the first 100 named), duplicates, counts of labels."""
    files = _parquet_family(Path(path))
    if not files:
        return _native.check_data(path, task=task, seed=seed)
    with tempfile.TemporaryDirectory(prefix="xfer-rows-") as folder:
        return _native.check_rows(_spooled(files, Path(folder)), task=task, seed=seed)


def mix(name: str, parts: Sequence[Domain], weights: Sequence[float] | None = None) -> Domain:
    """Several domains as one: every split holds its parts in the proportion of their weights, which
    are those of the domain cards unless given (1 for what no card names)."""
    if weights is None:
        cards = _native.domain_cards()
        known = {d["name"]: d["weight"] for card in cards for d in card["datasets"]}
        weights = [known.get(part.name, 1.0) for part in parts]
    return _native.mixed_domain(name, list(parts), list(weights))


class Spool:
    """Rows written to files of JSON Lines, which the C++ side maps: rows never are in memory all
    at once, and the files may go as soon as they are open."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0

    def add(self, rows: Iterable[Row], origin: Path, sha256: str = "", size: int = 0) -> Rows:
        path = self._folder / str(self._count)
        self._count += 1
        digest = hashlib.sha256()
        with path.open("wb") as file:
            for number, row in enumerate(rows):
                if not isinstance(row, Mapping):
                    raise Error(
                        f"{origin}: row {number}: a dict is expected (got {type(row).__name__})",
                        "bad_data",
                    )
                line = json.dumps(_plain(row), ensure_ascii=False, allow_nan=False).encode() + b"\n"
                digest.update(line)
                file.write(line)
        return path, origin, sha256 or digest.hexdigest(), size or path.stat().st_size


def _plain(value: Any) -> Any:
    """As JSON has it: NumPy's numbers and arrays as Python's, what is missing as null."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if type(value).__name__ in {"NAType", "NaTType"}:  # pandas' own for what is missing
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items() if not isinstance(v, bytes)}
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, Iterable):
        return [_plain(v) for v in value]
    return str(value)


def _parts(source: Source) -> list[Source]:
    """Several files are a list of paths; everything else is one source."""
    if isinstance(source, list | tuple) and source and isinstance(source[0], str | PathLike):
        return list(source)
    return [source]


def _as_file(source: Source) -> Path | None:
    if isinstance(source, PathLike):
        return Path(source)
    if isinstance(source, str) and not source.startswith(REASONING_GYM):
        return Path(source)
    return None


def _rows(source: Source, size: int, seed: int) -> Iterable[Row]:
    if isinstance(source, str):
        return _gym_rows(source.removeprefix(REASONING_GYM), size, seed)
    if hasattr(source, "itertuples") and hasattr(source, "columns"):  # a pandas frame
        names = [str(c) for c in source.columns]
        return (dict(zip(names, r, strict=True)) for r in source.itertuples(index=False, name=None))
    if callable(source):
        source = source()
    if not isinstance(source, Iterable):
        raise Error(
            f"domain: cannot take rows from a {type(source).__name__} (allowed: files, a pandas "
            "frame, a Hugging Face dataset, dicts, a function that gives dicts, "
            f"{REASONING_GYM}<task>)",
            "invalid_argument",
        )
    return source


def _gym_rows(task: str, size: int, seed: int) -> Iterator[Row]:
    try:
        import reasoning_gym
    except ImportError as error:
        raise Error(
            f"reasoning-gym:{task} needs the package reasoning-gym (pip install reasoning-gym)",
            "not_available",
        ) from error
    for number, item in enumerate(reasoning_gym.create_dataset(task, size=size, seed=seed)):
        yield {
            "id": f"{task}-{seed}-{number}",
            "question": item["question"],
            "answer": item["answer"],
            "kind": task,
            "metadata": item["metadata"],
        }


def is_parquet(path: Path) -> bool:
    """Whether a dataset file, or the dataset in a folder, is in Parquet's format."""
    return bool(_parquet_family(path))


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PAR1"
    except OSError:
        return False  # the C++ side says what is wrong with it


def _parquet_family(path: Path) -> list[Path]:
    """The shards and splits that belong together; empty when the path is not Parquet."""
    if path.is_dir():
        found = sorted(p for p in path.glob("*.parquet") if _is_parquet(p))
        if not found:
            found = sorted(p for p in path.glob("data/*.parquet") if _is_parquet(p))
        return found
    if not _is_parquet(path):
        return []
    return sorted({path, *(p for p in path.parent.glob("*.parquet") if _is_parquet(p))})


def _spooled(files: list[Path], folder: Path) -> list[Rows]:
    spool = Spool(folder)
    rows = []
    for file in files:
        digest = hashlib.sha256()
        with file.open("rb") as raw:
            while block := raw.read(1 << 20):
                digest.update(block)
        rows.append(spool.add(_parquet_rows(file), file, digest.hexdigest(), file.stat().st_size))
    return rows


def _parquet_rows(path: Path) -> Iterator[Row]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise Error(
            f"{path}: Parquet files need the package pyarrow (pip install pyarrow)", "not_available"
        ) from error
    try:
        with pq.ParquetFile(path) as file:
            # Pictures are of no use to a model of text.
            wanted = [f.name for f in file.schema_arrow if not _is_binary(f.type, pa)]
            for batch in file.iter_batches(batch_size=1000, columns=wanted):
                yield from batch.to_pylist()
    except pa.ArrowException as error:
        raise Error(f"{path}: {error}", "bad_data") from error


def _is_binary(kind: Any, pa: Any) -> bool:
    if pa.types.is_struct(kind):
        return any(_is_binary(kind.field(i).type, pa) for i in range(kind.num_fields))
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))
