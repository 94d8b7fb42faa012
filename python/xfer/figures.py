# SPDX-License-Identifier: Apache-2.0
"""Figures of a result for papers, with matplotlib: `pip install 'xfer[plots]'`.

Colours are those of Okabe and Ito (2008) and the orange-blue scale of ColorBrewer, which readers
with any common form of colour blindness tell apart; nothing is said by colour alone. Each function
draws one figure and returns it, or None where the result has nothing to draw.
"""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xfer import _native
    from xfer.result import Result

CONDITION_COLOURS = {
    "baseline": "#57606a",
    "transfer": "#0072b2",
    "direct": "#d55e00",
    "sequential": "#00825f",
    "joint": "#b4568a",
    "format_control": "#a87400",
    "zero_step": "#2f8fc4",
    "random_text": "#7d7400",
    "random_reward": "#7a4fc0",
    "format_reward": "#b83a32",
}
_DASHES: dict[str, Any] = {
    "direct": (0, (7, 3)),
    "sequential": (0, (2, 3)),
    "joint": (0, (8, 3, 2, 3)),
    "format_control": (0, (4, 3)),
    "format_reward": (0, (4, 3)),
}
_MARKS = {
    "gain": "▲",
    "loss": "▼",
    "equivalent": "≈",
    "inconclusive": "?",
    "refused": "\N{MULTIPLICATION SIGN}",
}
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # text stays text
    "svg.fonttype": "none",
    "svg.hashsalt": "xfer",
}


def matrix(result: Result, method: str | None = None) -> Figure | None:
    """The transfer matrix as a heat map: gains in points, simultaneous intervals, verdicts."""
    found = _matrix(result, method)
    if found is None:
        return None
    plt = _pyplot()
    cells = {(c.source, c.target): c for c in found.accuracy}
    own = found.own
    size = (1.9 + 1.25 * len(found.targets), 1.3 + 0.72 * len(found.sources))
    with plt.rc_context(_STYLE):
        figure: Figure
        figure, axes = plt.subplots(figsize=size, layout="constrained")
        grid = [[_points(cells.get((s, t))) for t in found.targets] for s in found.sources]
        largest = max((abs(v) for row in grid for v in row if v is not None), default=1.0) or 1.0
        colours = plt.get_cmap("PuOr_r")
        for y, source in enumerate(found.sources):
            for x, target in enumerate(found.targets):
                value = grid[y][x]
                shade = "#eeeeee" if value is None else colours(0.5 + 0.38 * value / largest)
                axes.add_patch(plt.Rectangle((x - 0.5, y - 0.5), 1, 1, color=shade, lw=0))
                text = _cell_text(cells.get((source, target)))
                if source == target and target in own:
                    text = "own\n" + _metric_text(own[target][0])
                axes.text(x, y, text, ha="center", va="center", fontsize=7.5, color="#1b1f24")
        axes.set(xlim=(-0.5, len(found.targets) - 0.5), ylim=(len(found.sources) - 0.5, -0.5))
        axes.set_xticks(range(len(found.targets)), [_safe(t) for t in found.targets])
        axes.set_yticks(range(len(found.sources)), [_safe(s) for s in found.sources])
        axes.set(xlabel="tested on", ylabel="trained on")
        axes.tick_params(length=0)
        axes.set_title("Transfer Gain in points of accuracy, simultaneous 95% intervals",
                       loc="left", fontsize=9, wrap=True)  # fmt: skip
        for spine in axes.spines.values():
            spine.set_visible(False)
        caption = "   ".join(f"{mark} {verdict}" for verdict, mark in _MARKS.items())
        figure.text(0.01, -0.03, caption, fontsize=7.5)
    return figure


def conditions(cell: _native.CellReport) -> Figure | None:
    """Scores of every condition of a cell with their intervals."""
    shown = [c for c in cell.conditions if c.accuracy.defined]
    if not shown:
        return None
    plt = _pyplot()
    with plt.rc_context(_STYLE):
        figure: Figure
        figure, axes = plt.subplots(figsize=(5.2, 0.7 + 0.42 * len(shown)), layout="constrained")
        for y, c in enumerate(shown):
            value, low, high = _percent(c.accuracy)
            colour = CONDITION_COLOURS[c.condition]
            axes.plot([low, high], [y, y], color=colour, lw=2)
            axes.plot([value], [y], "o", color=colour)
            axes.annotate(f"{value:.1f}", (value, y), (0, 6), textcoords="offset points",
                          ha="center", fontsize=7.5)  # fmt: skip
        base = next((c for c in shown if c.condition == "baseline"), None)
        if base is not None:
            axes.axvline(_percent(base.accuracy)[0], color="#57606a", lw=0.8, ls="--")
        axes.set_yticks(range(len(shown)), [c.condition.replace("_", " ") for c in shown])
        axes.set(ylim=(len(shown) - 0.4, -0.7), xlabel=f"accuracy on {_safe(cell.target)} (%)")
        axes.set_title(f"{_safe(cell.source)} → {_safe(cell.target)}", loc="left", fontsize=9)
    return figure


def curves(cell: _native.CellResult) -> Figure | None:
    """Learning curves: thin lines are seeds, thick lines their mean."""
    by_condition: dict[str, list[_native.Curve]] = {}
    for curve in cell.curves:
        if len(curve.points) > 1:
            by_condition.setdefault(curve.condition, []).append(curve)
    if not by_condition:
        return None
    plt = _pyplot()
    with plt.rc_context(_STYLE):
        figure: Figure
        figure, axes = plt.subplots(figsize=(5.2, 3.2), layout="constrained")
        for condition, seeds in by_condition.items():
            colour = CONDITION_COLOURS[condition]
            for curve in seeds:
                axes.plot([p.step for p in curve.points], [100 * p.accuracy for p in curve.points],
                          color=colour, lw=0.6, alpha=0.5)  # fmt: skip
            steps = sorted(set.intersection(*({p.step for p in c.points} for c in seeds)))
            means = [
                100 * sum(p.accuracy for c in seeds for p in c.points if p.step == s) / len(seeds)
                for s in steps
            ]
            axes.plot(steps, means, color=colour, lw=2, ls=_DASHES.get(condition, "-"),
                      label=condition.replace("_", " "))  # fmt: skip
        axes.set(xlabel="step", ylabel="accuracy on validation items (%)")
        axes.legend(frameon=False, fontsize=8)
    return figure


def asymmetry(result: Result) -> Figure | None:
    """Gain in one direction against gain in the other, one point per pair of domains."""
    method = result.spec.methods[0]
    gains = {(c.source, c.target): c.accuracy.gain for c in result.cells if c.method == method}
    points = [
        (f"{s} → {t}", _percent(gain), _percent(gains[t, s]))
        for (s, t), gain in gains.items()
        if s < t and (t, s) in gains and gain.defined and gains[t, s].defined
    ]
    return _scatter(
        points, "gain, first → second (points)", "gain, second → first (points)", diagonal=True
    )


def similarity(result: Result) -> Figure | None:
    """The declared similarity against the gain; needs a result with similarities."""
    rows = result.similarity_rows()
    found = _matrix(result, None)
    if not rows or found is None:
        return None
    points = []
    for cell in found.accuracy:
        value = rows.get((cell.source, cell.target))
        if value is not None and cell.gain is not None:
            gain = (100 * cell.gain.value, 100 * cell.gain.lower, 100 * cell.gain.upper)
            points.append((f"{cell.source} → {cell.target}", (value, value, value), gain))
    return _scatter(points, _safe(result.spec.hypotheses_similarity), "gain (points)")


def cost(result: Result) -> Figure | None:
    """Dollars (or, where none were spent, millions of tokens) against the gain."""
    rows = result.frame_rows("cells")
    dollars = any(_spent(row) > 0 for row in rows)
    points = []
    for row, cell in zip(rows, result.cells, strict=True):
        if row["tokens"] is None or not cell.accuracy.gain.defined:
            continue
        spent = _spent(row) if dollars else row["tokens"] / 1e6
        name = _title(result, cell)
        points.append((name, (spent, spent, spent), _percent(cell.accuracy.gain)))
    unit = "US dollars at list prices" if dollars else "million tokens"
    return _scatter(points, f"spent on the transfer condition ({unit})", "gain (points)")


def forgetting(result: Result) -> Figure | None:
    """The change on the study's other domains, one line per cell; and "source again", the change on
    the source by the second stage of sequential training."""
    lines = []
    for cell in result.cells:
        name = _title(result, cell)
        if cell.accuracy.forgetting.defined:
            lines.append((name, _percent(cell.accuracy.forgetting)))
        if cell.accuracy.sequential_forgetting.defined:
            lines.append((f"{name}, source again", _percent(cell.accuracy.sequential_forgetting)))
    return _intervals(lines, "change (points)")


def robustness(result: Result) -> Figure | None:
    """The gain over the wordings of the prompt, one line per cell: a ring for each wording, the
    disc is their median."""
    lines = []
    rings = []
    for cell in result.cells:
        if cell.robustness is None:
            continue
        median = cell.robustness.median
        middle = (100 * median.value, 100 * median.lower, 100 * median.upper)
        lines.append((_title(result, cell), middle))
        rings.append([100 * gain.value for gain in cell.robustness.gains])
    return _intervals(lines, "gain (points)", rings)


def held_out(result: Result) -> Figure | None:
    """The gain on held-out items, one line per cell; the ring is the gain on the test items."""
    lines = []
    rings = []
    for cell in result.cells:
        if cell.accuracy.held_out_gain.defined and cell.accuracy.gain.defined:
            lines.append((_title(result, cell), _percent(cell.accuracy.held_out_gain)))
            rings.append([_percent(cell.accuracy.gain)[0]])
    return _intervals(lines, "gain (points)", rings)


def save_all(
    result: Result, folder: str | os.PathLike[str], formats: Sequence[str] = ("pdf",)
) -> list[Path]:
    """Writes every figure that the result has something for; returns the files."""
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    drawings: dict[str, Callable[[], Figure | None]] = {
        "matrix": lambda: matrix(result),
        "asymmetry": lambda: asymmetry(result),
        "similarity": lambda: similarity(result),
        "cost": lambda: cost(result),
        "forgetting": lambda: forgetting(result),
        "robustness": lambda: robustness(result),
        "held_out": lambda: held_out(result),
    }
    for number, (cell, found) in enumerate(
        zip(result.cells, result.study.cells, strict=True), start=1
    ):
        drawings[f"conditions-{number}"] = lambda cell=cell: conditions(cell)  # type: ignore[misc]
        drawings[f"curves-{number}"] = lambda found=found: curves(found)  # type: ignore[misc]
    files = []
    plt = _pyplot()
    for name, draw in drawings.items():
        figure = draw()
        if figure is None:
            continue
        for form in formats:
            file = path / f"{name}.{form}"
            # Without a date: equal results give equal files.
            dated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(form)
            figure.savefig(file, bbox_inches="tight", metadata=dated, dpi=200)
            files.append(file)
        plt.close(figure)
    return files


# --- shared parts

_Interval = tuple[float, float, float]


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError as missing:
        raise ImportError("figures need matplotlib: pip install 'xfer[plots]'") from missing
    if not os.environ.get("DISPLAY") and not os.environ.get("MPLBACKEND"):
        matplotlib.use("Agg", force=False)
    import matplotlib.pyplot as plt

    return plt


def _matrix(result: Result, method: str | None) -> _native.MatrixReport | None:
    return next((m for m in result.matrices if method in (None, m.method)), None)


def _points(cell: _native.MatrixVerdict | None) -> float | None:
    return None if cell is None or cell.gain is None else 100 * cell.gain.value


def _cell_text(cell: _native.MatrixVerdict | None) -> str:
    if cell is None:
        return "\N{EN DASH}"
    if cell.gain is None:
        return _MARKS["refused"]
    low, high = 100 * cell.gain.lower, 100 * cell.gain.upper
    return f"{_MARKS[cell.verdict]} {100 * cell.gain.value:+.1f}\n[{low:.1f}, {high:.1f}]"


def _metric_text(metric: _native.Metric) -> str:
    if not metric.defined:
        return "undefined"
    value, low, high = _percent(metric)
    return f"{value:+.1f}\n[{low:.1f}, {high:.1f}]"


def _title(result: Result, cell: _native.CellReport) -> str:
    """As the report names a cell: with its method where the study has several."""
    method = f", {cell.method}" if len(result.spec.methods) > 1 else ""
    return f"{cell.source} → {cell.target}{method}"


def _percent(metric: _native.Metric) -> _Interval:
    value, lower, upper = metric.value, metric.lower, metric.upper
    assert value is not None and lower is not None and upper is not None
    return 100 * value, 100 * lower, 100 * upper


def _spent(row: dict[str, Any]) -> float:
    parts = (row["train_usd"], row["sample_usd"], row["evaluation_usd"])
    return sum(part or 0.0 for part in parts)


def _safe(text: str) -> str:
    """As matplotlib shows it: no mathematics, one short line."""
    return textwrap.shorten(text.replace("$", r"\$"), 40, placeholder="…") or "?"


def _scatter(
    points: list[tuple[str, _Interval, _Interval]], x_label: str, y_label: str, *,
    diagonal: bool = False,
) -> Figure | None:  # fmt: skip
    if not points:
        return None
    plt = _pyplot()
    with plt.rc_context(_STYLE):
        figure: Figure
        figure, axes = plt.subplots(figsize=(5.2, 4.2), layout="constrained")
        axes.axhline(0, color="#6e7781", lw=0.8)
        for _, (x, x_low, x_high), (y, y_low, y_high) in points:
            axes.plot([x_low, x_high], [y, y], color="#6e7781", lw=0.8)
            axes.plot([x, x], [y_low, y_high], color="#6e7781", lw=0.8)
            axes.plot([x], [y], "o", color=CONDITION_COLOURS["transfer"])
        if diagonal:
            axes.axvline(0, color="#6e7781", lw=0.8)
            _draw_diagonal(axes)
        axes.set(xlabel=x_label, ylabel=y_label)
        if len(points) <= 12:
            _name_points(figure, axes, [(name, x[0], y[0]) for name, x, y in points])
    return figure


def _name_points(figure: Figure, axes: Axes, points: list[tuple[str, float, float]]) -> None:
    """Names beside their points where they cover no point and no other name, as in the report."""
    from matplotlib.transforms import Bbox

    figure.canvas.draw()  # gives everything its place
    figure.set_layout_engine("none")  # and keeps it
    area = axes.get_window_extent()
    radius = 4 * figure.dpi / 72
    taken = []
    for _, x, y in points:
        at = axes.transData.transform((x, y))
        taken.append(Bbox([at - radius, at + radius]))
    for name, x, y in points:
        for up in (4, -10, -3, 14, -20):
            for side, align in ((5, "left"), (-5, "right")):
                text = axes.annotate(
                    _safe(name), (x, y), (side, up), textcoords="offset points",
                    fontsize=7, ha=align,
                )  # fmt: skip
                box = text.get_window_extent()
                inside = area.contains(box.x0, box.y0) and area.contains(box.x1, box.y1)
                if inside and not any(box.overlaps(other) for other in taken):
                    taken.append(box)
                    break
                text.remove()
            else:
                continue
            break


def _draw_diagonal(axes: Axes) -> None:
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([low, high], [low, high], color="#6e7781", lw=0.8, ls="--", zorder=0)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set_aspect("equal")


def _intervals(
    lines: list[tuple[str, _Interval]], label: str, rings: list[list[float]] | None = None
) -> Figure | None:
    if not lines:
        return None
    plt = _pyplot()
    with plt.rc_context(_STYLE):
        figure: Figure
        figure, axes = plt.subplots(figsize=(5.6, 0.8 + 0.24 * len(lines)), layout="constrained")
        axes.axvline(0, color="#6e7781", lw=0.8)
        for y, (_, (value, low, high)) in enumerate(lines):
            axes.plot([low, high], [y, y], color="#6e7781", lw=1)
            axes.plot([value], [y], "o", color=CONDITION_COLOURS["transfer"], ms=4)
            for ring in rings[y] if rings else ():
                axes.plot([ring], [y], "o", mfc="none", mec="#1b1f24", mew=0.8, ms=4)
        axes.set_yticks(range(len(lines)), [_safe(name) for name, _ in lines], fontsize=7.5)
        axes.set(ylim=(len(lines) - 0.4, -0.6), xlabel=label)
    return figure
