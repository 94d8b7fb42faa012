# SPDX-License-Identifier: Apache-2.0
"""How things show themselves in notebooks.

Objects of the extension module get their `_repr_html_` here, by `attach`; the pages are made only
when a notebook asks for one. All text is escaped: questions and answers come from outside. Colours
are half transparent, so that they do on light and on dark pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from xfer import _native

if TYPE_CHECKING:
    from xfer.result import Result

GOOD, BAD, SAME = "#2a9d4a55", "#d1495b55", "#3a7ca555"

_SHADES = {
    "gain": GOOD,
    "supported": GOOD,
    "loss": BAD,
    "contradicted": BAD,
    "equivalent": SAME,
}


def attach() -> None:
    """Gives the classes of the extension module what notebooks look for."""
    pages = {
        "StudySpec": spec,
        "CellReport": cell,
        "MatrixReport": matrix,
        "MatrixVerdict": matrix_verdict,
        "HypothesisAnswer": hypothesis,
        "Verdict": verdict,
    }
    for name, page in pages.items():
        getattr(_native, name)._repr_html_ = page


def table(head: Sequence[str], rows: Sequence[Sequence[str]], shades: Sequence[str] = ()) -> str:
    """A table of plain texts; `shades` colours the rows."""

    def line(tag: str, cells: Sequence[str], shade: str = "") -> str:
        style = f" style='background:{shade}'" if shade else ""
        texts = "".join(f"<{tag} style='text-align:left'>{escape(c)}</{tag}>" for c in cells)
        return f"<tr{style}>{texts}</tr>"

    colours = shades or [""] * len(rows)
    body = "".join(line("td", row, shade) for row, shade in zip(rows, colours, strict=True))
    top = f"<thead>{line('th', head)}</thead>" if head else ""
    return f"<table>{top}<tbody>{body}</tbody></table>"


def spec(study: _native.StudySpec) -> str:
    """What the study asks, and the keys in which it differs from the pilot."""
    usual = _native.StudySpec()
    kind = type(study)
    keys = [k for k in dir(kind) if isinstance(getattr(kind, k), property)]
    changed = [k for k in keys if getattr(study, k) != getattr(usual, k)]
    first = ("pairs", "model", "methods", "conditions", "seeds", "steps", "items")
    rows = [
        (key, _value(key, getattr(study, key)), "" if key in changed else "as the pilot")
        for key in (*first, *(k for k in changed if k not in first and k != "name"))
    ]
    return (
        f"<div class='xfer-spec'><strong>Study {escape(study.name)}</strong>"
        f"{table(['key', 'value', ''], rows)}</div>"
    )


def _value(key: str, value: Any) -> str:
    if key == "pairs":
        return ", ".join(f"{source} \N{RIGHTWARDS ARROW} {target}" for source, target in value)
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name}: {each}" for name, each in value.items())
    return str(value)


def result(found: Result) -> str:
    """Headline, matrices and hypotheses, and then each cell with its charts."""
    matrices = "".join(matrix(each) for each in found.matrices)
    answers = [[h.id, h.question, _words(h.verdict)] for h in found.hypotheses]
    shades = [_SHADES.get(h.verdict, "") for h in found.hypotheses]
    cells = "".join(
        cell(report, measured)
        for report, measured in zip(found.cells, found.study.cells, strict=True)
    )
    return (
        f"<div class='xfer-study'><p><strong>{escape(found.headline)}</strong></p>{matrices}"
        f"{table(['', 'hypothesis', 'verdict'], answers, shades)}</div>{cells}"
    )


def matrix(found: _native.MatrixReport) -> str:
    """Sources down, targets across, each cell with its verdict, gain in points and interval."""
    cells = {(c.source, c.target): c for c in found.accuracy}
    style = "text-align:left"
    head = "".join(f"<th style='{style}'>{escape(target)}</th>" for target in found.targets)
    rows = []
    for source in found.sources:
        row = f"<th style='{style}'>{escape(source)}</th>"
        for target in found.targets:
            one = cells.get((source, target))
            shade = "" if one is None else _SHADES.get(one.verdict, "")
            text = escape(_verdict_text(one))
            row += f"<td style='{style};background:{shade or 'none'}'>{text}</td>"
        rows.append(f"<tr>{row}</tr>")
    method = "" if found.method == "sl" else f" ({escape(_words(found.method))})"
    return (
        f"<div class='xfer-matrix'>Gains in accuracy, points{method}<table><thead><tr>"
        f"<th style='{style}'>trained on \\ tested on</th>{head}</tr></thead>"
        f"<tbody>{''.join(rows)}</tbody></table></div>"
    )


def matrix_verdict(found: _native.MatrixVerdict) -> str:
    """One cell of the matrix."""
    pair = f"{found.source} \N{RIGHTWARDS ARROW} {found.target}"
    text = escape(f"{pair}: {_verdict_text(found)}")
    return f"<span style='background:{_SHADES.get(found.verdict, 'none')}'>{text}</span>"


def _verdict_text(found: _native.MatrixVerdict | None) -> str:
    if found is None:
        return "\N{EN DASH}"
    if found.gain is None:
        return f"refused: {found.reason}"
    low, high = 100 * found.gain.lower, 100 * found.gain.upper
    return f"{found.verdict} {100 * found.gain.value:+.1f} [{low:.1f}, {high:.1f}]"


def hypothesis(found: _native.HypothesisAnswer) -> str:
    """The question, the rule that was fixed, and what came out."""
    rows = [
        ("rule", found.rule),
        ("verdict", _words(found.verdict) + (f": {found.reason}" if found.reason else "")),
        ("estimate", metric_text(found.estimate, 1, 3)),
        ("test", found.test),
        ("it would take", found.needed),
    ]
    kept = [row for row in rows if row[1]]
    shades = [_SHADES.get(found.verdict, "") if row[0] == "verdict" else "" for row in kept]
    return (
        f"<div class='xfer-hypothesis'><strong>{escape(found.id)}: "
        f"{escape(found.question)}</strong>{table([], kept, shades)}</div>"
    )


def verdict(found: _native.Verdict) -> str:
    """A graded answer, read leniently and strictly."""
    rows = [
        ("lenient", f"{found.score:g}" if found.extracted else "no answer found"),
        ("strict", f"{found.strict_score:g}" if found.strict_extracted else "no answer found"),
        ("answer", found.answer),
        ("failure", found.failure),
    ]
    return f"<div class='xfer-verdict'>{table([], [row for row in rows if row[1]])}</div>"


def cell(found: _native.CellReport, measured: _native.CellResult | None = None) -> str:
    """Conditions, metrics, the reading and the charts of one pair; learning curves are drawn where
    they are given."""
    conditions = [
        [c.condition, metric_text(c.accuracy, 100, 1), metric_text(c.bits_per_byte, 1, 3)]
        for c in found.conditions
    ]
    metrics = [
        _metrics_row("accuracy, points", found.accuracy, 100),
        _metrics_row("bits per byte saved", found.bits_per_byte, 1),
    ]
    warnings = "".join(f"<li>{escape(w)}</li>" for w in found.warnings)
    method = "" if found.method == "sl" else f", {_words(found.method)}"
    head = ["score", "Transfer Gain", "Efficiency", "Relative Transfer", "above control"]
    return (
        f"<div class='xfer-cell'><h4>{escape(found.source)} &rarr; "
        f"{escape(found.target)}{escape(method)}</h4>"
        + table(["condition", "accuracy, %", "bits per byte"], conditions)
        + table(head, metrics)
        + f"<p>{escape(found.reading)}</p>"
        + (f"<ul>{warnings}</ul>" if warnings else "")
        + found.condition_chart_svg()
        + ("" if measured is None else _curves(measured))
        + "</div>"
    )


def _curves(measured: _native.CellResult) -> str:
    rewarded = any(c.rewards for c in measured.curves)
    return measured.learning_curve_svg() + (measured.reward_curve_svg() if rewarded else "")


def metric_text(metric: _native.Metric, scale: float, digits: int) -> str:
    """A number with its interval, or why there is none."""
    parts = (metric.value, metric.lower, metric.upper)
    if not metric.defined:
        return f"undefined: {metric.reason}"
    value, lower, upper = (f"{x * scale:.{digits}f}" for x in parts if x is not None)
    return f"{value} [{lower}, {upper}]"


def _metrics_row(name: str, metrics: _native.TransferMetrics, scale: float) -> list[str]:
    digits = 1 if scale > 1 else 3
    return [
        name,
        metric_text(metrics.gain, scale, digits),
        metric_text(metrics.efficiency, 1, 2),
        metric_text(metrics.relative_transfer, 1, 2),
        metric_text(metrics.gain_above_control, scale, digits),
    ]


def _words(name: str) -> str:
    """A method or a verdict as people write it."""
    if name in ("sl", "rl", "sl_rl"):
        return name.replace("_", " + ").upper()
    return name.replace("_", " ")
