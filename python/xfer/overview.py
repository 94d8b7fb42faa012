# SPDX-License-Identifier: Apache-2.0
"""The parts of one study, each a study of its own, on one page."""

from __future__ import annotations

import json
from collections import Counter
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfer import _native
from xfer._native import Metric

if TYPE_CHECKING:
    from xfer.result import Result

#: As the parts' own reports mark them.
_MARKS = {"gain": "▲", "loss": "▼", "equivalent": "≈", "inconclusive": "?", "refused": "×"}
_METHODS = {"sl": "SL", "rl": "RL", "sl_rl": "SL then RL"}
_SHADES = ("l3", "l2", "l1", "0", "g1", "g2", "g3")
_NOTE = (
    "▲ gain, ▼ loss, ≈ within the margin on both sides of 0, ? inconclusive, × refused. The "
    "intervals of one part and method hold together: the chance that any of those verdicts is "
    "false is at most 5%. They are not corrected for the number of parts and methods. “Answer "
    "habit” is a gain that the control of the answers' form has too, or that is gone after the "
    "answer's first token."
)


class Overview:
    """The parts side by side; their own reports have the rest."""

    def __init__(self, name: str, parts: list[tuple[str, Result]]) -> None:
        self.name = name
        self.parts = parts

    def rows(self) -> list[tuple[str, str]]:
        """Pair and method of each row, in the order of the parts."""
        found: dict[tuple[str, str], None] = {}
        for _, result in self.parts:
            for cell in result.cells:
                found[_pair(cell), cell.method] = None
        return list(found)

    def gains(self) -> dict[tuple[str, str, str], _Gain]:
        """By part, pair and method."""
        found = {}
        for name, result in self.parts:
            habits = {(c.source, c.target, c.method): c.finding for c in result.cells}
            for matrix in result.matrices:
                for cell in matrix.accuracy:
                    finding = habits.get((cell.source, cell.target, matrix.method))
                    key = (name, _pair(cell), matrix.method)
                    found[key] = _Gain(cell, finding == "answer_habit")
        return found

    def about(self) -> str:
        models = list(dict.fromkeys(result.study.model_name for _, result in self.parts))
        pairs = len({pair for pair, _ in self.rows()})
        methods = list(dict.fromkeys(_METHODS.get(m, m) for _, m in self.rows()))
        return (
            f"{len(self.parts)} parts, each a study of its own; {_counted(pairs, 'pair')} of "
            f"domains; {', '.join(methods)}; {_counted(len(models), 'model')} "
            f"({', '.join(models)}); xfer {self.parts[0][1].study.xfer_version}"
        )

    def headline(self) -> str:
        counts = Counter(gain.verdict for gain in self.gains().values())
        several = {"gain": "gains", "loss": "losses"}
        said = ", ".join(
            f"{counts[v]:,} {v if counts[v] == 1 else several.get(v, v)}"
            for v in _MARKS
            if counts[v]
        )
        return f"{_counted(sum(counts.values()), 'transfer')} tested: {said} in accuracy."

    def to_text(self) -> str:
        gains = self.gains()
        table = [["Pair", "Method", *(name for name, _ in self.parts)]]
        for pair, method in self.rows():
            cells = (gains.get((name, pair, method)) for name, _ in self.parts)
            table.append([pair, method, *("-" if c is None else c.text() for c in cells)])
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in table]
        return "\n".join([self.headline(), "", *(line.rstrip() for line in lines)])

    def to_markdown(self) -> str:
        gains = self.gains()
        names = [name for name, _ in self.parts]
        lines = [f"# {self.name}", "", self.about(), "", f"**{self.headline()}**", ""]
        lines += ["**Transfer Gain in accuracy (points), with simultaneous 95% intervals**", ""]
        lines += _markdown_row(["Pair", "Method", *(f"[{n}]({n}/report.md)" for n in names)])
        lines += _markdown_row([":--"] * (2 + len(names)))
        for pair, method in self.rows():
            cells = (gains.get((name, pair, method)) for name in names)
            texts = ["–" if cell is None else cell.text() for cell in cells]
            lines += _markdown_row([pair, _METHODS.get(method, method), *texts])
        lines += ["", _NOTE, "", "**Hypotheses, by the rules fixed before the parts ran**", ""]
        lines += _markdown_row(["Hypothesis", *names]) + _markdown_row([":--"] * (1 + len(names)))
        for question, answers in self._hypotheses():
            lines += _markdown_row([question, *answers])
        for name, result in self.parts:
            lines += ["", f"## {name}", "", f"{result.headline} [Report]({name}/report.md)"]
            lines += [f"- {text}" for text in _recommended(result)]
        return "\n".join([*lines, ""])

    def to_html(self) -> str:
        title = escape(self.name)
        parts = "".join(
            f'<h3><a href="{escape(name, True)}/report.html">{escape(name)}</a></h3>'
            f"<p>{escape(result.headline)}</p>"
            + "".join(f"<p>{escape(text)}</p>" for text in _recommended(result))
            for name, result in self.parts
        )
        return (
            f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<style>{_native.page_css()}</style></head><body><header><h1>{title}</h1>"
            f'<p class="about">{escape(self.about())}</p></header><main><h2>Results</h2>'
            f'<p class="headline">{escape(self.headline())}</p>{self._heat_map()}'
            f'<ul class="notes"><li>{escape(_NOTE)}</li></ul>'
            f"<h2>Hypotheses</h2>{self._hypotheses_html()}<h2>The parts</h2>{parts}"
            "</main></body></html>\n"
        )

    def _heat_map(self) -> str:
        gains = self.gains()
        largest = max((abs(g.value) for g in gains.values() if g.value is not None), default=0.0)
        rows = ""
        for pair, method in self.rows():
            cells = (gains.get((name, pair, method)) for name, _ in self.parts)
            head = f'<th scope="row">{escape(pair)}, {escape(_METHODS.get(method, method))}</th>'
            rows += f"<tr>{head}{''.join(_heat_cell(cell, largest) for cell in cells)}</tr>"
        return _table(
            "Transfer Gain in accuracy (points), with simultaneous 95% intervals",
            "matrix",
            ["Pair and method", *(name for name, _ in self.parts)],
            rows,
        )

    def _hypotheses(self) -> list[tuple[str, list[str]]]:
        found: dict[str, tuple[str, dict[str, str]]] = {}
        for name, result in self.parts:
            for answer in result.hypotheses:
                _, answers = found.setdefault(answer.id, (answer.question, {}))
                answers[name] = answer.verdict.replace("_", " ")
        return [
            (f"{id_}. {question}", [answers.get(name, "–") for name, _ in self.parts])
            for id_, (question, answers) in found.items()
        ]

    def _hypotheses_html(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(question)}</th>'
            + "".join(f"<td>{escape(text)}</td>" for text in answers)
            + "</tr>"
            for question, answers in self._hypotheses()
        )
        head = ["Hypothesis", *(name for name, _ in self.parts)]
        return _table("By the rules fixed before the parts ran", "words", head, rows)

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


class _Gain:
    """A cell of the table: the gain in points, its simultaneous interval, and the verdict."""

    def __init__(self, cell: _native.MatrixVerdict, habit: bool) -> None:
        self.verdict = cell.verdict
        self.value = cell.gain.value if cell.gain else None
        self.word = "answer habit" if habit and cell.verdict == "gain" else cell.verdict
        self.reason = cell.reason
        self.mark = _MARKS[cell.verdict]
        self.number = _number(cell.gain.value, "+") if cell.gain else ""
        self.interval = (
            f"[{_number(cell.gain.lower)}, {_number(cell.gain.upper)}]" if cell.gain else ""
        )

    def text(self) -> str:
        word = " (answer habit)" if self.word == "answer habit" else ""
        return f"{self.mark} {self.number} {self.interval}{word}" if self.number else self.mark


def _pair(cell: _native.CellReport | _native.MatrixVerdict) -> str:
    return f"{cell.source} → {cell.target}"


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _number(share: float, sign: str = "") -> str:
    text = f"{100 * share:{sign}.1f}"
    return "0.0" if float(text) == 0 else text.replace("-", "−")


def _recommended(result: Result) -> list[str]:
    return [recommendation.text for recommendation in result.recommendations]


def _markdown_row(cells: list[str]) -> list[str]:
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"]


def _heat_cell(gain: _Gain | None, largest: float) -> str:
    if gain is None:
        return '<td class="heat heat-none">–</td>'
    if gain.value is None:
        return (
            f'<td class="heat heat-none"><span class="verdict">{gain.mark} {gain.word}</span>'
            f'<span class="why">{escape(gain.reason)}</span></td>'
        )
    step = round(3 * gain.value / largest) if largest > 0 else 0
    return (
        f'<td class="heat heat-{_SHADES[step + 3]}"><strong>{gain.number}</strong>'
        f'<span class="range">{gain.interval}</span>'
        f'<span class="verdict">{gain.mark} {escape(gain.word)}</span></td>'
    )


def _table(caption: str, kind: str, head: list[str], rows: str) -> str:
    columns = "".join(f'<th scope="col">{escape(text)}</th>' for text in head)
    return (
        f'<div class="table" role="region" tabindex="0" aria-label="{escape(caption, True)}">'
        f'<table role="table" class="{kind}"><caption><span>{escape(caption)}</span></caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _value(metric: Metric) -> dict[str, Any]:
    if metric.value is None:
        return {"undefined": metric.reason}
    return {"value": metric.value, "lower": metric.lower, "upper": metric.upper}
