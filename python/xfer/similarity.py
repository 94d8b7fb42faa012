# SPDX-License-Identifier: Apache-2.0
"""How alike domains are, before anything is trained."""

from __future__ import annotations

import html
import math
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfer import _native
from xfer._native import Domain, Model
from xfer.domain_sources import domain_from_file

if TYPE_CHECKING:
    import pandas as pd

PathLike = str | os.PathLike[str]
# Called with what is being done, how far it is, and the whole.
OnProgress = Callable[[str, int, int], None]


class Similarity:
    """Every measure for every ordered pair of domains. In a notebook it shows itself.

    The value from a source to a target says how close the source is to the target; `measures` says
    for each whether larger is closer and what its direction means.
    """

    def __init__(self, native: _native.SimilarityTable) -> None:
        self._native = native

    @property
    def domains(self) -> list[str]:
        return self._native.domains

    @property
    def primary(self) -> str:
        """The measure that was declared in advance; the others are exploratory."""
        return self._native.primary

    @property
    def measures(self) -> list[dict[str, Any]]:
        return self._native.measures

    @property
    def table(self) -> _native.SimilarityTable:
        """As reports take it."""
        return self._native

    def value(self, source: str, target: str, measure: str | None = None) -> float | None:
        """One value of a measure (the primary one unless named); None where it is undefined.

        Raises KeyError for a pair or measure that is not in the table."""
        wanted = (source, target, measure or self.primary)
        for *key, value, _ in self._native.rows:
            if tuple(key) == wanted:
                return value
        raise KeyError(f"no {wanted[2]} from {source} to {target}")

    def predicted(self, measure: str | None = None) -> dict[str, list[str]]:
        """For each target the sources, the most promising first."""
        return {t: self._native.predicted_sources(t, measure or "") for t in self.domains}

    def frame(self) -> pd.DataFrame:
        """One row per pair and measure; NaN where undefined, with the reason (needs pandas)."""
        try:
            import pandas as pd
        except ImportError as missing:
            raise ImportError(
                "Similarity.frame needs pandas: pip install 'xfer[pandas]'"
            ) from missing
        about = {m["name"]: m for m in self.measures}
        rows = [
            {
                "source": source,
                "target": target,
                "measure": measure,
                "value": math.nan if value is None else value,
                "reason": reason,
                "larger_is_closer": about[measure]["larger_is_closer"],
                "directed": about[measure]["directed"],
                "primary": measure == self.primary,
            }
            for source, target, measure, value, reason in self._native.rows
        ]
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return {
            "domains": self.domains,
            "primary": self.primary,
            "measures": self.measures,
            "rows": [
                {"source": s, "target": t, "measure": m, "value": value}
                | ({"undefined": reason} if reason else {})
                for s, t, m, value, reason in self._native.rows
            ],
            "predicted": {m["name"]: self.predicted(m["name"]) for m in self.measures},
        }

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __repr__(self) -> str:
        return f"<xfer.Similarity of {', '.join(self.domains)}>"

    def _repr_html_(self) -> str:
        parts = []
        for m, matrix in self._matrices():
            head = "".join(f"<th>{html.escape(d)}</th>" for d in self.domains)
            body = "".join(
                f"<tr><th>{html.escape(name)}</th>"
                + "".join(f"<td>{_number(value)}</td>" for value in row)
                + "</tr>"
                for name, row in zip(self.domains, matrix, strict=True)
            )
            parts.append(
                f"<h4>{html.escape(self._title(m))}</h4><table><thead><tr><th>source \\ target</th>"
                f"{head}</tr></thead><tbody>{body}</tbody></table>"
            )
        ranks = "".join(f"<li>{html.escape(line)}</li>" for line in self._ranking())
        return (
            f"<div class='xfer-similarity'>{''.join(parts)}<p>Predicted sources by "
            f"{html.escape(self.primary)}:</p><ul>{ranks}</ul></div>"
        )

    def _title(self, m: dict[str, Any]) -> str:
        primary = " (primary)" if m["name"] == self.primary else ""
        closer = "larger is closer" if m["larger_is_closer"] else "smaller is closer"
        note = f"; {m['direction_note']}" if m["directed"] else ""
        return f"{m['title']}{primary}: {closer}{note}"

    def _matrices(self) -> Iterable[tuple[dict[str, Any], list[list[float | None]]]]:
        values = {(s, t, m): v for s, t, m, v, _ in self._native.rows}
        for m in self.measures:
            yield (
                m,
                [[values[s, t, m["name"]] for t in self.domains] for s in self.domains],
            )

    def _lines(self) -> Iterable[str]:
        width = max(8, *(len(d) for d in self.domains)) + 1
        reasons = {m: r for _, _, m, v, r in self._native.rows if v is None}
        for m, matrix in self._matrices():
            yield self._title(m)
            if all(value is None for row in matrix for value in row):
                yield f"  undefined: {reasons[m['name']]}"
                continue
            yield "  " + "".join(f"{name:>{width}}" for name in ("", *self.domains))
            for name, row in zip(self.domains, matrix, strict=True):
                yield "  " + f"{name:>{width}}" + "".join(f"{_number(v):>{width}}" for v in row)
        yield ""
        yield f"rows: source, columns: target. Predicted sources by {self.primary}, best first:"
        for line in self._ranking():
            yield f"  {line}"

    def _ranking(self) -> Iterable[str]:
        for target, sources in self.predicted().items():
            yield f"{target} <- {', '.join(sources) or 'nothing can be said'}"


def similarity(
    *domains: str | Domain | PathLike,
    model: str | Model = "embedded:small",
    measures: Iterable[str] = (),
    run: PathLike | None = None,
    renderer: str = "auto",
    text_examples: int = 512,
    model_examples: int = 64,
    rank: int = 8,
    tokens_max: int = 512,
    seed: int = 0,
    threads: int = 0,
    on_progress: OnProgress | None = None,
) -> Similarity:
    """How alike domains are: names of built-in ones, `xfer.Domain`s or dataset files; all built-in
    ones when none is named.

    `measures` are all unless named (`xfer.similarity_measures()` tells them); those that need a
    trained model are undefined without `run`, the folder of a finished run. The model is loaded
    only when a measure reads it; `threads` never changes a result.

    Example::

        found = xfer.similarity("math", "code", "law", measures=["vocabulary_coverage"])
        print(found.value("math", "code", "vocabulary_coverage"), found.predicted())
    """
    chosen = [_as_domain(d) for d in domains] or [_native.domain(n) for n in _native.domains()]
    wanted = list(measures)
    names = {d.name for d in chosen}
    adapters = {
        name: folder
        for name, folder in (_native.trained_adapters(Path(run)) if run else {}).items()
        if name in names
    }
    loaded: Model | None = None
    if _native.similarity_needs_model(wanted, bool(adapters)):
        if on_progress is not None:
            on_progress("loading the model", 0, 1)
        loaded = model if isinstance(model, Model) else Model.load(model, threads=threads)
    return Similarity(
        _native.measure_similarity(
            chosen,
            loaded,
            renderer=renderer,
            measures=wanted,
            text_examples=text_examples,
            model_examples=model_examples,
            rank=rank,
            tokens_max=tokens_max,
            seed=seed,
            adapters=adapters,
            on_progress=on_progress,
        )
    )


def _as_domain(given: str | Domain | PathLike) -> Domain:
    if isinstance(given, Domain):
        return given
    if isinstance(given, str) and given in _native.domains():
        return _native.domain(given)
    if isinstance(given, str) and not Path(given).exists() and os.sep not in given:
        return _native.domain(given)  # which says what there is
    return domain_from_file(given)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
