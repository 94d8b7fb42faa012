# SPDX-License-Identifier: Apache-2.0
"""Medical and regulatory: is a report of a side effect serious? A domain with labels, from CSV.

The reports are made up here. What makes one serious follows ICH E2A: death, danger to life, a stay
in hospital, lasting disability, or a birth defect.
"""

import csv
import itertools
import tempfile
from pathlib import Path

import xfer

DRUGS = ["drug A", "drug B", "drug C", "a vaccine"]
PEOPLE = ["A woman of 34", "A man of 71", "A child of 6", "A woman of 58", "A man of 45"]
SERIOUS = [
    "was taken to hospital overnight with",
    "was left unable to walk for months after",
    "nearly died of",
    "died of",
]
MILD = ["felt a little unwell with", "stayed at home with", "took a day off with", "noticed"]
EFFECTS = ["a rash", "a seizure", "vomiting", "swelling of the face", "a fever"]


def write_reports(path: Path) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["report", "class", "case"])
        cases = itertools.product(PEOPLE, SERIOUS + MILD, EFFECTS, DRUGS)
        for person, course, effect, drug in cases:
            label = "serious" if course in SERIOUS else "not serious"
            text = f"{person}, given {drug}, {course} {effect}."
            writer.writerow([text, label, person + course])
    return path


with tempfile.TemporaryDirectory() as folder:
    domain = xfer.Domain(
        "pharmacovigilance",
        title="Regulatory: seriousness of side-effect reports",
        train=write_reports(Path(folder) / "reports.csv"),
        question="report",
        answer="class",
        cluster="case",  # reports that differ in a detail stay on one side of the split
        grader="label",
        labels=["serious", "not serious"],
        prompts=[
            ("Report: ", "\nSerious or not serious?"),
            ("Is this report serious or not serious?\n", "\nAnswer:"),
            ("A report of a side effect.\n", "\nClass (serious, not serious):"),
            ("Judge by ICH E2A: ", "\nThe report is"),
            ("", "\nSeriousness:"),
        ],
    )

if __name__ == "__main__":
    print(domain.title)
    print({split: domain.size(split) for split in ("train", "validation", "test")})
