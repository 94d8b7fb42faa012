# SPDX-License-Identifier: Apache-2.0
"""Domains of one's own from every source, and dataset files that only Python can open."""

from __future__ import annotations

import importlib.util
import json
import os
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import xfer

SHARED = Path(os.environ.get("XFER_SHARED", Path(__file__).resolve().parents[3] / "shared"))


def rows(count: int = 60, first: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "question": f"Signal number {i}: is its mean above zero?",
            "choices": ["yes", "no"],
            "answer": "yes" if i % 3 else "no",
        }
        for i in range(first, first + count)
    ]


def total(domain: xfer.Domain) -> int:
    return sum(domain.size(s) for s in ("train", "validation", "test"))


def write_jsonl(path: Path, content: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in content))
    return path


def test_own_domain_in_ten_lines(tmp_path: Path) -> None:
    domain = xfer.Domain(
        "biosignals",
        train=write_jsonl(tmp_path / "a.jsonl", rows()),
        test=write_jsonl(tmp_path / "b.jsonl", rows(20, 100)),
        grader="choice",
    )
    assert isinstance(domain, xfer.Domain)
    assert domain.name == "biosignals"
    assert domain.size("test") == 20
    assert domain.size("train") + domain.size("validation") == 60
    assert domain.size("validation") > 0
    example = domain.example("test", 0)
    assert example.answer == "A" and example.choices == ["yes", "no"]
    assert domain.grade(example, example.solution).score == 1.0
    assert domain.grade(example, "B").score == 0.0


def test_the_same_rows_from_every_source_are_the_same_examples(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pyarrow = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    content = rows()
    pq.write_table(pyarrow.Table.from_pylist(content), tmp_path / "a.parquet")

    def generate() -> Iterator[dict[str, Any]]:
        yield from content

    sources = {
        "jsonl": write_jsonl(tmp_path / "a.jsonl", content),
        "parquet": tmp_path / "a.parquet",
        "frame": pandas.DataFrame(content),
        "rows": content,
        "function": generate,
        "files": [str(write_jsonl(tmp_path / f"{k}.jsonl", content[k::2])) for k in (0, 1)],
    }
    if importlib.util.find_spec("datasets") is not None:
        import datasets

        sources["hub dataset"] = datasets.Dataset.from_list(content)
    seen = {}
    for name, source in sources.items():
        domain = xfer.Domain("own", train=source, grader="choice")
        assert total(domain) == 60, name
        seen[name] = {
            (s, domain.example(s, i).question, domain.example(s, i).answer)
            for s in ("train", "validation", "test")
            for i in range(domain.size(s))
        }
    assert all(examples == seen["jsonl"] for examples in seen.values())


def test_csv_with_other_names_and_labels(tmp_path: Path) -> None:
    lines = [f'"Clause {i}, in short",{"ok" if i % 2 else "bad"}' for i in range(40)]
    (tmp_path / "a.csv").write_text("\n".join(["text,verdict", *lines]))
    domain = xfer.Domain(
        "clauses", train=tmp_path / "a.csv", question="text", answer="verdict", grader="label"
    )
    assert json.loads(domain.example("train", 0).extra["labels"]) == ["bad", "ok"]


def test_missing_values_of_a_frame_are_missing() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"question": ["a?", "b?"], "answer": [1.5, None]})
    with pytest.raises(xfer.Error, match=r"own\.train: row 1: field \"answer\" is null"):
        xfer.Domain("own", train=frame, grader="number")
    kept = xfer.Domain("own", train=frame, grader="number", skip_bad=True)
    assert total(kept) == 1
    assert "1 bad rows skipped" in kept.title


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": []}, "no rows"),
        ({}, "needs examples"),
        ({"train": [{"question": "x", "choices": ["a", "b"], "answer": "c"}]}, "options"),
        ({"train": [3]}, "a dict is expected"),
        ({"train": 3}, "cannot take rows from a int"),
        ({"train": "nowhere.jsonl"}, "nowhere.jsonl"),
        ({"train": [{"question": "x", "answer": "a"}], "grader": "none"}, "no grader named"),
        (
            {"train": [{"id": 1, "question": f"{i}", "choices": "ab", "answer": 0} for i in "ab"]},
            "array of strings",
        ),
        (
            {"train": [{"id": 1, "question": q, "choices": ["a", "b"], "answer": 0} for q in "xy"]},
            "there twice",
        ),
    ],
)
def test_bad_input_is_refused_clearly(options: dict[str, Any], message: str) -> None:
    with pytest.raises(xfer.Error, match=message):
        xfer.Domain("own", **{"grader": "choice", **options})


def test_a_grader_in_python(tmp_path: Path) -> None:
    def judge(completion: str, example: xfer.Example) -> tuple[float, str | None]:
        found = completion.strip() or None
        return float(found == example.answer), found

    content = [{"question": f"Say {i}", "answer": str(i)} for i in range(30)]
    domain = xfer.Domain("echo", train=content, grader=judge)
    example = domain.example("train", 0)
    assert domain.grade(example, f" {example.answer} ").score == 1.0
    assert domain.grade(example, b"\xff").score == 0.0
    verdict = domain.grade(example, "")
    assert not verdict.extracted and verdict.failure == "no answer"
    assert domain.grader_name.startswith("python:")


@pytest.mark.parametrize("result", [2.0, "right", (1.0,), None])
def test_a_grader_in_python_that_gives_nonsense_is_an_error(result: Any) -> None:
    domain = xfer.Domain(
        "echo", train=[{"question": "a", "answer": "b"}], grader=lambda text, example: result
    )
    with pytest.raises(xfer.Error, match="must return a bool"):
        domain.grade(domain.example(_filled(domain), 0), "b")


def test_a_grader_in_python_that_raises_is_not_a_wrong_answer() -> None:
    def judge(completion: str, example: xfer.Example) -> bool:
        raise ValueError("broken")

    domain = xfer.Domain("echo", train=[{"question": "a", "answer": "b"}], grader=judge)
    with pytest.raises(xfer.Error, match="broken"):
        domain.grade(domain.example(_filled(domain), 0), "b")


def _filled(domain: xfer.Domain) -> str:
    return next(s for s in ("train", "validation", "test") if domain.size(s))


def test_reasoning_gym_is_asked_for_by_name() -> None:
    try:
        import reasoning_gym  # noqa: F401
    except ImportError:
        with pytest.raises(xfer.Error, match="pip install reasoning-gym"):
            xfer.Domain("legs", train="reasoning-gym:leg_counting", grader="number")
        return
    domain = xfer.Domain("legs", train="reasoning-gym:leg_counting", size=50, grader="number")
    assert total(domain) == 50


PARQUET = {
    "aqua/hf_parquet/raw": ("aqua", "test"),
    "arc_challenge/hf_parquet/ARC-Challenge": ("arc_challenge", "test"),
    "gsm8k/hf_parquet/main": ("gsm8k", "test"),
    "humaneval/hf_parquet/openai_humaneval": ("humaneval", "test"),
    "logiqa/hf_parquet/logiqa": ("logiqa", "test"),
    "math/hf_parquet/algebra": ("math", "test"),
    "mbpp/hf_parquet/full": ("mbpp", "test"),
    "mbpp/hf_parquet/sanitized": ("mbpp", "test"),
    "pubmedqa/hf_parquet/pqa_labeled": ("pubmedqa", "train"),
    "sciq/hf_parquet/data": ("sciq", "test"),
    "legalbench/hf_parquet/abercrombie": ("legalbench", "train"),
    "legalbench/hf_parquet/proa": ("legalbench", "train"),
}


@pytest.mark.parametrize("folder", PARQUET)
def test_exports_in_parquet(folder: str) -> None:
    pytest.importorskip("pyarrow")
    path = SHARED / "data" / folder
    if not path.is_dir():
        pytest.skip(f"no datasets in {SHARED / 'data'} (XFER_SHARED names another folder)")
    dataset, split = PARQUET[folder]
    report = xfer.check_data(path)
    assert report["dataset"] == dataset
    assert report["bad_rows"] == 0
    assert report["examples"][split] > 0
    assert report["files"][0]["sha256"] and report["files"][0]["path"].endswith(".parquet")
    opened = xfer.domain_from_file(next(path.glob("*.parquet")))
    example = opened.example(split, 0)
    assert example.question and example.answer


def test_overlap_of_own_domains() -> None:
    words = [c * 3 for c in "abcdefghijklmnop"]
    texts = [" ".join(words[(i * k) % 16] for k in range(1, 16)) + f" case {i}" for i in range(40)]
    mine = [{"question": t, "choices": ["yes", "no"], "answer": "A"} for t in texts]
    a = xfer.Domain("a", train=mine, grader="choice")
    b = xfer.Domain("b", test=mine[:5], train=mine[5:], grader="choice")
    cells = {(c["train"], c["test"]): c for c in xfer.find_overlap([a, b], [a, b])}
    assert len(cells) == 4
    found = cells["a", "b"]
    assert found["test_items"] == 5
    assert set(found["flagged"]) == {"exact", "normalised", "gram", "near"}
    left = xfer.without_items(b, found["flagged_ids"])
    assert left.size("test") == 5 - len(found["flagged_ids"])


EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "own_domains"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda p: p.stem)
def test_examples_of_own_domains(path: Path) -> None:
    domain = runpy.run_path(str(path))["domain"]
    assert all(domain.size(split) > 0 for split in ("train", "validation", "test"))
    assert len(domain.prompts) >= 5
    for index in range(3):
        example = domain.example("test", index)
        assert domain.grade(example, example.solution).score == 1.0
        assert domain.grade(example, "I do not know.").score == 0.0
