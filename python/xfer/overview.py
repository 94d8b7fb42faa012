# SPDX-License-Identifier: Apache-2.0
"""The parts of one study, each a study of its own, on one page."""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfer._native import Metric

if TYPE_CHECKING:
    from xfer.result import Result

HEAD = ("Part", "Model", "Training examples", "Pair", "Method", "Baseline", "Gain", "Efficiency")


class Overview:
    """One row for each pair and method of each part; the parts' own reports have the rest."""

    def __init__(self, name: str, parts: list[tuple[str, Result]]) -> None:
        self.name = name
        self.parts = parts

    def rows(self) -> list[tuple[str, ...]]:
        rows: list[tuple[str, ...]] = []
        for name, result in self.parts:
            spec = result.study.spec
            for cell in result.cells:
                base = next(
                    (c.accuracy for c in cell.conditions if c.condition == "baseline"), None
                )
                rows.append(
                    (
                        name,
                        result.study.model_name,
                        str(spec.examples) if spec.examples else "all",
                        f"{cell.source} -> {cell.target}",
                        cell.method,
                        _percent(base),
                        _points(cell.accuracy.gain),
                        _percent(cell.accuracy.efficiency),
                    )
                )
        return rows

    def to_text(self) -> str:
        table = [HEAD, *self.rows()]
        widths = [max(len(row[i]) for row in table) for i in range(len(HEAD))]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
        return "\n".join(line.rstrip() for line in lines)

    def to_markdown(self) -> str:
        rows = ["| " + " | ".join(row) + " |" for row in self.rows()]
        links = [f"- [{name}]({name}/report.md)" for name, _ in self.parts]
        head = "| " + " | ".join(HEAD) + " |\n|" + " :-- |" * len(HEAD)
        return "\n".join([f"# {self.name}", "", *links, "", head, *rows, ""])

    def to_html(self) -> str:
        def row(cells: tuple[str, ...], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        links = "".join(
            f'<li><a href="{html.escape(name, True)}/report.html">{html.escape(name)}</a></li>'
            for name, _ in self.parts
        )
        title = html.escape(self.name)
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            "<style>body{font:16px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;"
            "padding:0 1em;color-scheme:light dark}table{border-collapse:collapse}"
            "td,th{padding:.2em .8em;text-align:left;border-bottom:1px solid #8886}</style></head>"
            f"<body><h1>{title}</h1><ul>{links}</ul><table>{row(HEAD, 'th')}"
            + "".join(row(cells, "td") for cells in self.rows())
            + "</table></body></html>\n"
        )

    def to_json(self) -> str:
        parts: list[dict[str, Any]] = [
            {
                "name": name,
                "model": result.study.model_name,
                "examples": result.study.spec.examples,
                "stopped": result.study.stopped,
                "report": f"{name}/report.json",
                "cells": [
                    {
                        "source": cell.source,
                        "target": cell.target,
                        "method": cell.method,
                        "finding": cell.finding,
                        "gain": _value(cell.accuracy.gain),
                        "efficiency": _value(cell.accuracy.efficiency),
                    }
                    for cell in result.cells
                ],
            }
            for name, result in self.parts
        ]
        return json.dumps({"schema": "xfer-parts/1", "study": self.name, "parts": parts}, indent=2)

    def write(self, folder: Path) -> None:
        """report.json, report.md and report.html."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "report.json").write_text(self.to_json() + "\n", encoding="utf-8")
        (folder / "report.md").write_text(self.to_markdown(), encoding="utf-8")
        (folder / "report.html").write_text(self.to_html(), encoding="utf-8")


def _value(metric: Metric) -> dict[str, Any]:
    if metric.value is None:
        return {"undefined": metric.reason}
    return {"value": metric.value, "lower": metric.lower, "upper": metric.upper}


def _scaled(metric: Metric | None, form: str) -> str:
    if metric is None or metric.value is None:
        return "undefined" if metric is not None else "missing"
    low, high = metric.lower, metric.upper
    text = form.format(metric.value * 100)
    if low is None or high is None:
        return text
    return f"{text} ({form.format(low * 100)} to {form.format(high * 100)})"


def _percent(metric: Metric | None) -> str:
    return _scaled(metric, "{:.1f}")


def _points(metric: Metric | None) -> str:
    return _scaled(metric, "{:+.1f}")
