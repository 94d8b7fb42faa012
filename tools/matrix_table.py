# SPDX-License-Identifier: Apache-2.0
"""Prints the transfer matrix of a study's report.json as Markdown.

    python tools/matrix_table.py runs/embedded_matrix/report.json

Rows are sources, columns targets; the diagonal is training on the target itself. A cell is the
gain in points with its standard error (a quarter of the 95 % interval's width, less 2 %).
"""

import json
import sys
from pathlib import Path
from typing import Any


def with_error(metric: dict[str, Any], scale: float, digits: int) -> str:
    if "undefined" in metric:
        return "-"
    error = (metric["upper"] - metric["lower"]) / 3.92
    return f"{scale * metric['value']:+.{digits}f} ± {scale * error:.{digits}f}"


def table(report: dict[str, Any], score: str, name: str, scale: float, digits: int) -> str:
    cells = {(c["source"], c["target"]): c for c in report["cells"]}
    domains = sorted(
        {d for pair in cells for d in pair},
        key=lambda d: list(dict.fromkeys(p[0] for p in report["study"]["pairs"])).index(d),
    )
    lines = ["| trained on | " + " | ".join(domains) + " |", "|:--|" + "--:|" * len(domains)]
    for source in domains:
        row = []
        for target in domains:
            if source == target:
                any_cell = next(c for (_, t), c in cells.items() if t == target)
                metric = (
                    any_cell["metrics"][score]["ceiling"]
                    if name == "gain"
                    else {"undefined": "the control has no diagonal"}
                )
                row.append(f"**{with_error(metric, scale, digits)}**")
            else:
                row.append(with_error(cells[source, target]["metrics"][score][name], scale, digits))
        lines.append(f"| {source} | " + " | ".join(row) + " |")
    return "\n".join(lines)


def base_scores(report: dict[str, Any]) -> str:
    seen: dict[str, str] = {}
    for cell in report["cells"]:
        for condition in cell["conditions"]:
            if condition["condition"] == "baseline":
                value = condition["accuracy"]["value"]
                seen.setdefault(cell["target"], f"{cell['target']} {100 * value:.1f}")
    return "Base accuracy, %: " + ", ".join(seen.values())


def main() -> None:
    report = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    print(base_scores(report))
    for title, score, name, scale, digits in (
        ("Gain in accuracy, points", "accuracy", "gain", 100, 1),
        ("Gain above the format control, points", "accuracy", "gain_above_control", 100, 1),
        ("Gain in bits per byte (positive: fewer bits)", "bits_per_byte", "gain", 1, 3),
        ("The same without the first answer token", "bits_per_byte_after_first", "gain", 1, 3),
    ):
        print(f"\n{title}\n")
        print(table(report, score, name, scale, digits))


if __name__ == "__main__":
    main()
