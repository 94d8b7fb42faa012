# SPDX-License-Identifier: Apache-2.0
"""Gold answers of every file in the shared data folder, read here by other code than xfer's.

Each case opens the file and its family (the other splits beside it), reads the raw rows with
Python's own `json` and `csv`, and expects the same questions with the same gold answers."""

from __future__ import annotations

import ast
import csv
import gzip
import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xfer

SHARED = (
    Path(os.environ.get("XFER_SHARED", Path(__file__).resolve().parents[3] / "shared")) / "data"
)
Row = dict[str, Any]


def content(name: str) -> str:
    raw = (SHARED / name).read_bytes()
    return (gzip.decompress(raw) if name.endswith(".gz") else raw).decode()


def lines(name: str) -> list[Row]:
    return [json.loads(line) for line in content(name).split("\n") if line.strip()]


def array(name: str) -> list[Row]:
    rows: list[Row] = json.loads(content(name))
    return rows


def table(name: str) -> list[Row]:
    delimiter = "\t" if name.endswith(".tsv") else ","
    return list(csv.DictReader(io.StringIO(content(name), newline=""), delimiter=delimiter))


def keyed(name: str) -> list[Row]:
    return [{"key": key, **row} for key, row in json.loads(content(name)).items()]


def logiqa(name: str) -> list[Row]:
    rows = content(name).split("\n")
    return [
        {"letter": r[1].strip(), "question": r[3], "options": r[4:8]}
        for r in (rows[i : i + 8] for i in range(0, len(rows) - 7, 8))
    ]


def last_box(solution: str) -> str:
    start = solution.rindex("\\boxed") + len("\\boxed")
    depth = 0
    for at in range(start, len(solution)):
        depth += {"{": 1, "}": -1}.get(solution[at], 0)
        if depth == 0 and solution[at] == "}":
            return solution[start + 1 : at]
    return solution[start:].split("$", maxsplit=1)[0].strip()


def option(text: str) -> str:
    """Without its mark: "A)4", "(A)4", "A.4"."""
    return re.sub(r"^\(?[A-Ea-e][).]", "", text).strip()


def chosen(example: xfer.Example) -> str:
    return example.choices[ord(example.answer) - ord("A")].strip()


def arc(row: Row) -> str:
    return str(
        next(c["text"] for c in row["question"]["choices"] if c["label"] == row["answerKey"])
    ).strip()


def of_letter(row: Row, letter: str) -> str:
    return option(row["options"][ord(letter.upper()) - ord("A")])


Gold = Callable[[Row], tuple[str, str]]
Given = Callable[[xfer.Example], str]


def answer(example: xfer.Example) -> str:
    return example.answer


# File: rows of it and its family, their files, (part of the question, gold) of a row, gold of an
# example.
CASES: dict[str, tuple[int, list[str], Callable[[str], list[Row]], Gold, Given]] = {
    "gsm8k/test.jsonl": (
        1819,
        ["gsm8k/test.jsonl", "gsm8k/train.jsonl"],
        lines,
        lambda r: (r["question"], r["answer"].rpartition("####")[2].strip().replace(",", "")),
        answer,
    ),
    "gsm8k/test_socratic.jsonl": (
        200,
        ["gsm8k/test_socratic.jsonl"],
        lines,
        lambda r: (r["question"], r["answer"].rpartition("####")[2].strip().replace(",", "")),
        answer,
    ),
    "gsm8k/example_model_solutions.jsonl": (
        150,
        ["gsm8k/example_model_solutions.jsonl"],
        lines,
        lambda r: (r["question"], r["ground_truth"].rpartition("A:")[2].strip().replace(",", "")),
        answer,
    ),
    "math/prm800k_math_splits_test.jsonl": (
        500,
        ["math/prm800k_math_splits_test.jsonl"],
        lines,
        lambda r: (r["problem"], r["answer"]),
        answer,
    ),
    "math/hendrycks_rows.jsonl": (
        152,
        ["math/hendrycks_rows.jsonl"],
        lines,
        lambda r: (r["problem"], last_box(r["solution"]).strip()),
        answer,
    ),
    "math/agieval_math.jsonl": (
        100,
        ["math/agieval_math.jsonl"],
        lines,
        lambda r: (r["question"], r["answer"]),
        answer,
    ),
    "aqua/test.json": (
        254,
        ["aqua/test.json"],
        lines,
        lambda r: (r["question"], of_letter(r, r["correct"])),
        chosen,
    ),
    "aqua/test.tok.json": (
        40,
        ["aqua/test.tok.json"],
        lines,
        lambda r: (r["question"], r["options"][ord(r["correct"]) - 65][2:].lstrip(")").strip()),
        chosen,
    ),
    "aqua/agieval_aqua-rat.jsonl": (
        60,
        ["aqua/agieval_aqua-rat.jsonl"],
        lines,
        lambda r: (r["question"], of_letter(r, r["label"])),
        chosen,
    ),
    "humaneval/HumanEval.jsonl.gz": (
        164,
        ["humaneval/HumanEval.jsonl.gz"],
        lines,
        lambda r: (r["prompt"], r["prompt"] + r["canonical_solution"]),
        lambda e: e.extra["prompt"] + e.solution.removeprefix(e.extra["prompt"]),
    ),
    "mbpp/mbpp.jsonl": (
        964,  # without the ten of the prompt
        ["mbpp/mbpp.jsonl"],
        lambda name: [r for r in lines(name) if r["task_id"] > 10],
        lambda r: (
            r["test_list"][0].replace("\r\n", "\n"),
            r["code"].replace("\r\n", "\n").strip(),
        ),
        lambda e: e.answer.strip(),
    ),
    "sciq/test.json": (
        1000,
        ["sciq/test.json"],
        array,
        lambda r: (r["question"].strip(), r["correct_answer"].strip()),
        chosen,
    ),
    "sciq/test_with_support_only.csv": (
        884,
        ["sciq/test_with_support_only.csv"],
        table,
        lambda r: (r["question"].strip(), r["correct_answer"].strip()),
        chosen,
    ),
    "arc_challenge/ARC-Challenge-Test.jsonl": (
        1232,
        ["arc_challenge/ARC-Challenge-Test.jsonl", "arc_challenge/ARC-Challenge-Dev.jsonl"],
        lines,
        lambda r: (r["question"]["stem"].strip(), arc(r)),
        chosen,
    ),
    "arc_challenge/hf_test.jsonl": (
        1172,
        ["arc_challenge/hf_test.jsonl"],
        lines,
        lambda r: (
            r["question"].strip(),
            r["choices"]["text"][r["choices"]["label"].index(r["answerKey"])].strip(),
        ),
        chosen,
    ),
    "logiqa/Test.txt": (
        651,
        ["logiqa/Test.txt"],
        logiqa,
        lambda r: (r["question"].strip(), r["letter"].upper()),
        answer,
    ),
    "logiqa/agieval_logiqa-en.jsonl": (
        100,
        ["logiqa/agieval_logiqa-en.jsonl"],
        lines,
        lambda r: (r["question"].strip(), r["label"]),
        answer,
    ),
    "logiqa/logiqa2_test.txt": (
        300,
        ["logiqa/logiqa2_test.txt"],
        lines,
        lambda r: (r["question"].strip(), r["options"][r["answer"]].strip()),
        chosen,
    ),
    "pubmedqa/ori_pqal.json": (
        800,
        ["pubmedqa/ori_pqal.json"],
        keyed,
        lambda r: (r["QUESTION"].strip(), r["final_decision"]),
        answer,
    ),
}


def family(name: str) -> xfer.Domain:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not in {SHARED} (XFER_SHARED names another folder)")
    return xfer.domain_from_file(path)


def examples(domain: xfer.Domain) -> list[xfer.Example]:
    return [
        domain.example(split, i)
        for split in ("train", "validation", "test")
        for i in range(domain.size(split))
    ]


@pytest.mark.parametrize("name", CASES)
def test_questions_and_gold_answers_are_those_of_the_file(name: str) -> None:
    count, files, read, gold, given = CASES[name]
    domain = family(name)
    rows = [gold(row) for file in files for row in read(file)]
    found = examples(domain)
    assert len(rows) == len(found) == count
    assert Counter(g for _, g in rows) == Counter(given(e) for e in found)
    by_gold: dict[str, list[str]] = {}
    for question, answer_text in rows:
        by_gold.setdefault(answer_text, []).append(question)
    for example in found:
        assert any(q in example.question for q in by_gold[given(example)]), example.id


LABELS = {
    "bbbp.csv": {"p_np"},
    "bace.csv": {"Class"},
    "HIV.csv": {"HIV_active"},
    "clintox.csv.gz": {"FDA_APPROVED", "CT_TOX"},
    "delaney-processed.csv": {"measured log solubility in mols per litre"},
    "SAMPL.csv": {"expt"},
    "Lipophilicity.csv": {"exp"},
    "sider.csv.gz": set(),
    "tox21.csv.gz": set(),
}


@pytest.mark.parametrize("name", LABELS)
def test_labels_of_molecules_are_those_of_the_file(name: str) -> None:
    domain = family(f"moleculenet/{name}")
    rows = table(f"moleculenet/{name}")
    smiles = "mol" if name == "bace.csv" else "smiles"
    columns = LABELS[name] or {c for c in rows[0] if c not in {smiles, "mol_id"}}
    yes_no = not columns & {"expt", "exp", "measured log solubility in mols per litre"}

    def gold(text: str) -> Any:
        return {"0": "No", "1": "Yes"}[text.removesuffix(".0")] if yes_no else float(text)

    expected = Counter(
        (row[smiles].strip(), column, gold(row[column].strip()))
        for row in rows
        for column in columns
        if row[column].strip()  # a blank label is missing
    )
    assert expected == Counter(
        (e.extra["smiles"], e.kind, e.answer if yes_no else float(e.answer))
        for e in examples(domain)
    )


def legal(answer_text: str) -> str:
    """Lists of parties are written as Python has them."""
    if answer_text.startswith("["):
        return ", ".join(ast.literal_eval(answer_text))
    return answer_text.strip()


def test_answers_of_every_legal_task_are_those_of_its_file() -> None:
    tasks = SHARED / "legalbench" / "tasks"
    if not tasks.is_dir():
        pytest.skip(f"no LegalBench in {SHARED}")
    seen = 0
    for folder in sorted(tasks.iterdir()):
        rows = table(f"legalbench/tasks/{folder.name}/train.tsv")
        if not rows or folder.name == "rule_qa":
            continue
        found = examples(xfer.domain_from_file(folder))
        assert len(found) == len(rows), folder.name
        assert Counter(legal(r["answer"]) for r in rows) == Counter(
            e.answer.strip() for e in found
        ), folder.name
        seen += 1
    assert seen == 33
