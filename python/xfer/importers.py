# SPDX-License-Identifier: Apache-2.0
"""Results that others measured, as the same matrix that xfer's own studies give.

Three kinds of files are read: a plain CSV of scores, the samples that lm-evaluation-harness writes
with `--log_samples`, and the `.eval` logs of inspect_ai. Nothing in them is trusted: files are read
row by row with limits, and an error names file and row.
"""

from __future__ import annotations

import csv
import json
import math
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from xfer import _native
from xfer.errors import Error
from xfer.result import Result

#: Columns of a CSV of items' scores; the first five must be there.
ITEM_COLUMNS = (
    "trained_on", "tested_on", "seed", "item", "score",
    "condition", "method", "kind", "cluster", "protocol", "prompt", "held_out",
    "question", "reference", "completion", "answer", "failure", "extracted", "truncated",
    "reference_bits", "reference_bytes",
)  # fmt: skip
#: Columns of a CSV of whole runs' mean scores; the first four must be there.
RUN_COLUMNS = ("trained_on", "tested_on", "seed", "score", "items")

_BASE_NAMES = {"", "base", "baseline"}
_MEMBER_BYTES_MAX = 256 << 20
_ROWS_MAX = 20_000_000
_TRUE = {"1", "true", "yes"}
_FALSE = {"", "0", "false", "no"}


def from_csv(
    path: str | os.PathLike[str], *, name: str = "imported", model: str = "not named"
) -> Result:
    """The result of a CSV with one row for each answer.

    Columns: `trained_on` (empty or "base" for the base model), `tested_on`, `seed`, `item` and
    `score` from 0 to 1; further ones are those of `ITEM_COLUMNS`. A model trained on the domain it
    is tested on is the direct condition, on another the transfer condition, unless `condition`
    names one.
    """
    rows = list(_item_rows(Path(path)))
    return Result(_native.report_of_scores(rows, name, model))


def scores_from_csv(
    path: str | os.PathLike[str], *, level: float = 0.95, margin: float = 0.02
) -> list[_native.ScoreVerdict]:
    """Verdicts of a CSV with the mean score of each whole run, as papers print them.

    Columns: `trained_on`, `tested_on`, `seed`, `score` from 0 to 1, and `items`, how many test
    items are behind a score. Without items there is no pairing: where they are to be had, use
    `from_csv`. Runs are paired by seed for the relative change alone.
    """
    file = Path(path)
    runs: dict[tuple[str, str], dict[int, float]] = {}
    items: dict[str, int] = {}
    for place, row in _csv_rows(file, RUN_COLUMNS, RUN_COLUMNS[:4]):
        trained, tested = _trained_on(row["trained_on"]), row["tested_on"].strip()
        seed, score = _whole(row["seed"] or "0", place, "seed"), _share(row["score"], place)
        if seed in runs.setdefault((trained, tested), {}):
            _refuse(place, f"seed {seed} of {trained or 'base'} on {tested} is there twice")
        runs[trained, tested][seed] = score
        if row.get("items"):
            items[tested] = _whole(row["items"], place, "items")
    cells = []
    for (trained, tested), scores in runs.items():
        if not trained:
            continue
        base = runs.get(("", tested))
        if base is None:
            raise Error(f"{file}: no scores of the base model on {tested}", "bad_data")
        cells.append((
            trained, tested,
            [base[s] for s in sorted(base)], [scores[s] for s in sorted(scores)],
            items.get(tested, 0),
        ))  # fmt: skip
    return _native.score_verdicts(cells, level=level, margin=margin)


def from_lm_eval(
    runs: Mapping[tuple[str, int], str | os.PathLike[str]],
    *,
    metric: str = "",
    filter_name: str = "",
    name: str = "imported from lm-evaluation-harness",
    model: str = "not named",
) -> Result:
    """The result of lm-evaluation-harness runs made with `--log_samples`.

    `runs` names each model by what it was trained on ("" for the base model) and its seed, and
    gives its output folder; `samples_TASK_TIME.jsonl` below it are read, the newest of each task.
    Task names are the domains. `metric` is the score's name in a sample; left out, exact_match, acc
    or acc_norm is taken. `filter_name` picks one of several filters, e.g. "strict-match".
    """
    rows = []
    for (trained, seed), folder in runs.items():
        for task, file in _lm_eval_files(Path(folder)).items():
            for place, sample in _json_lines(file):
                if filter_name and sample.get("filter", "") != filter_name:
                    continue
                rows.append(_lm_eval_row(sample, trained, seed, task, metric, place))
    if not rows:
        raise Error("lm-eval: no samples found (was it run with --log_samples?)", "bad_data")
    return Result(_native.report_of_scores(rows, name, model))


def from_inspect(
    logs: Mapping[tuple[str, int], str | os.PathLike[str] | list[str | os.PathLike[str]]],
    *,
    scorer: str = "",
    name: str = "imported from inspect_ai",
    model: str = "not named",
) -> Result:
    """The result of inspect_ai `.eval` logs.

    `logs` names each model by what it was trained on ("" for the base model) and its seed, and
    gives its log or logs. Task names are the domains; several epochs of a sample are averaged.
    `scorer` names the score where samples have several.
    """
    rows = []
    for (trained, seed), paths in logs.items():
        for path in paths if isinstance(paths, list) else [paths]:
            rows += _inspect_rows(Path(path), trained, seed, scorer)
    if not rows:
        raise Error("inspect: the logs hold no scored samples", "bad_data")
    return Result(_native.report_of_scores(rows, name, model))


# --- CSV


def _csv_rows(
    path: Path, known: Iterable[str], needed: Iterable[str]
) -> Iterator[tuple[str, dict[str, str]]]:
    """Each row with words for its place."""
    csv.field_size_limit(1 << 24)
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, strict=True)
        try:
            head = [column.strip() for column in next(reader, [])]
            missing = [c for c in needed if c not in head]
            unknown = [c for c in head if c not in known]
            if missing or unknown or len(set(head)) != len(head):
                problem = (
                    f"lacks {', '.join(missing)}" if missing
                    else f"has unknown columns {', '.join(unknown)}" if unknown
                    else "names a column twice"
                )  # fmt: skip
                raise Error(f"{path}:1: {problem} (allowed: {', '.join(known)})", "bad_data")
            for count, values in enumerate(reader):
                place = f"{path}:{reader.line_num}"
                if count >= _ROWS_MAX:
                    _refuse(place, f"more than {_ROWS_MAX} rows")
                if not values:
                    continue
                if len(values) != len(head):
                    _refuse(place, f"has {len(values)} fields, the head has {len(head)}")
                yield place, dict(zip(head, values, strict=True))
        except (csv.Error, UnicodeDecodeError) as error:
            raise Error(f"{path}: not a CSV file in UTF-8: {error}", "bad_data") from error


def _item_rows(path: Path) -> Iterator[_native.ScoreRow]:
    for place, row in _csv_rows(path, ITEM_COLUMNS, ITEM_COLUMNS[:5]):
        made = _native.ScoreRow()
        made.trained_on = _trained_on(row["trained_on"])
        made.tested_on = row["tested_on"].strip()
        made.seed = _whole(row["seed"] or "0", place, "seed")
        made.item = row["item"]
        made.score = _share(row["score"], place)
        made.method = row.get("method") or "sl"
        made.condition = row.get("condition", "")
        for text in ("kind", "cluster", "protocol", "prompt", "question", "reference",
                     "completion", "answer", "failure"):  # fmt: skip
            setattr(made, text, row.get(text, ""))
        made.held_out = _flag(row.get("held_out", ""), place, "held_out")
        made.extracted = _flag(row.get("extracted") or "1", place, "extracted")
        made.truncated = _flag(row.get("truncated", ""), place, "truncated")
        made.reference_bits = _number(row.get("reference_bits") or "0", place, "reference_bits")
        made.reference_bytes = _whole(row.get("reference_bytes") or "0", place, "reference_bytes")
        yield made


# --- lm-evaluation-harness


def _lm_eval_files(folder: Path) -> dict[str, Path]:
    """The newest samples file of each task, by the time in its name."""
    found: dict[str, Path] = {}
    paths = [folder] if folder.is_file() else sorted(folder.rglob("samples_*.jsonl"))
    for path in sorted(paths, key=lambda p: p.name):
        task = path.stem.removeprefix("samples_").rsplit("_", 1)[0]
        found[task] = path
    if not found:
        raise Error(f"{folder}: holds no samples_TASK_TIME.jsonl", "bad_data")
    return found


def _json_lines(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                sample = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise Error(f"{path}:{number}: not JSON: {error}", "bad_data") from error
            if not isinstance(sample, dict):
                _refuse(f"{path}:{number}", "must be an object")
            yield f"{path}:{number}", sample


def _lm_eval_row(
    sample: Mapping[str, Any], trained: str, seed: int, task: str, metric: str, place: str
) -> _native.ScoreRow:
    names = [metric] if metric else ["exact_match", "acc", "acc_norm"]
    score = next((sample[n] for n in names if _is_number(sample.get(n))), None)
    if score is None:
        known = sorted(k for k, v in sample.items() if _is_number(v) and k != "doc_id")
        _refuse(place, f"has no score {' or '.join(names)} (there are: {', '.join(known)})")
    if "doc_id" not in sample:
        _refuse(place, "has no doc_id")
    row = _native.ScoreRow()
    row.trained_on, row.tested_on, row.seed = _trained_on(trained), task, seed
    # A document hash tells apart items that only share their number.
    row.item = f"{sample['doc_id']} {str(sample.get('doc_hash', ''))[:16]}".strip()
    row.score = _share(score, place)
    # What it scored and how the answer was taken from the text: unlike ones cannot be compared.
    row.protocol = f"{task} {metric or names[0]} {sample.get('filter', '')}".strip()
    row.reference = _text(sample.get("target", ""))
    row.completion = _text(sample.get("resps", ""))
    row.answer = _text(sample.get("filtered_resps", ""))
    row.extracted = "[invalid]" not in row.answer
    return row


# --- inspect_ai


def _inspect_rows(path: Path, trained: str, seed: int, scorer: str) -> list[_native.ScoreRow]:
    try:
        with zipfile.ZipFile(path) as archive:
            header = _member(archive, path, "header.json")
            names = [n for n in archive.namelist() if n.startswith("samples/")]
            samples = [(f"{path}!{n}", _member(archive, path, n)) for n in sorted(names)]
    except zipfile.BadZipFile as error:
        raise Error(f"{path}: not an inspect_ai log (.eval): {error}", "bad_data") from error
    status = header.get("status")
    if status != "success":
        raise Error(f"{path}: the log's status is {status!r}, not 'success'", "bad_data")
    details = header.get("eval", {})
    task = str(details.get("task", "")) or path.stem
    protocol = json.dumps(
        {k: details.get(k) for k in ("task_version", "task_args", "model_generate_config")},
        sort_keys=True,
    )
    by_id: dict[str, list[tuple[float, dict[str, Any]]]] = {}
    for place, sample in samples:
        score = _inspect_score(sample, scorer, place)
        by_id.setdefault(str(sample.get("id")), []).append((score, sample))
    rows = []
    for item, epochs in by_id.items():
        row = _native.ScoreRow()
        row.trained_on, row.tested_on, row.seed = _trained_on(trained), task, seed
        row.item, row.protocol = item, protocol
        row.score = sum(score for score, _ in epochs) / len(epochs)
        sample = epochs[0][1]
        row.question = _text(sample.get("input", ""))
        row.reference = _text(sample.get("target", ""))
        row.completion = _text((sample.get("output") or {}).get("completion", ""))
        rows.append(row)
    return rows


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> dict[str, Any]:
    try:
        if archive.getinfo(name).file_size > _MEMBER_BYTES_MAX:
            _refuse(f"{path}!{name}", f"is larger than {_MEMBER_BYTES_MAX} bytes")
        with archive.open(name) as file:
            data = file.read(_MEMBER_BYTES_MAX + 1)
        value = json.loads(data)
    except KeyError:
        raise Error(f"{path}: not an inspect_ai log (no {name})", "bad_data") from None
    except (ValueError, RecursionError, zipfile.BadZipFile, NotImplementedError) as error:
        raise Error(f"{path}!{name}: {error}", "bad_data") from error
    if not isinstance(value, dict):
        _refuse(f"{path}!{name}", "must be an object")
    return dict(value)


def _inspect_score(sample: Mapping[str, Any], scorer: str, place: str) -> float:
    if sample.get("error"):
        _refuse(place, "the sample ended in an error; it is not a wrong answer")
    scores = sample.get("scores")
    if not isinstance(scores, dict) or not scores:
        _refuse(place, "has no scores")
    if not scorer and len(scores) > 1:
        _refuse(place, f"has several scores; name one as scorer: {', '.join(sorted(scores))}")
    name = scorer or next(iter(scores))
    if name not in scores:
        _refuse(place, f"has no score {name} (there are: {', '.join(sorted(scores))})")
    entry = scores[name]
    value = entry.get("value") if isinstance(entry, dict) else None
    # The letters of inspect_ai: correct, incorrect, partial, no answer.
    letters = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
    if isinstance(value, str) and value in letters:
        return letters[value]
    return _share(value, place)


# --- values


def _refuse(place: str, what: str) -> NoReturn:
    raise Error(f"{place}: {what}", "bad_data")


def _trained_on(text: str) -> str:
    name = text.strip()
    return "" if name.lower() in _BASE_NAMES else name


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _number(text: object, place: str, column: str) -> float:
    try:
        value = float(text)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        _refuse(place, f"{column} must be a number (got {text!r})")
    return value


def _share(text: object, place: str) -> float:
    value = _number(text, place, "score")
    if not 0.0 <= value <= 1.0:
        _refuse(place, f"score must be from 0 to 1 (got {text!r})")
    return value


def _whole(text: str, place: str, column: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 63:
        _refuse(place, f"{column} must be a whole number from 0 (got {text!r})")
    return value


def _flag(text: str, place: str, column: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        _refuse(place, f"{column} must be 1 or 0 (got {text!r})")
    return word in _TRUE


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    while isinstance(value, list) and len(value) == 1:
        value = value[0]
    return value if isinstance(value, str) else json.dumps(value)
