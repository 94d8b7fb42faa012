# SPDX-License-Identifier: Apache-2.0
"""What a study found, for notebooks and scripts."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xfer import _native

if TYPE_CHECKING:
    import pandas as pd

    from xfer.similarity import Similarity


class Result:
    """A study's findings. In a notebook it shows itself as a table with charts.

    `cells` has one entry for each (source, target, method) with its conditions, metrics and
    reading; `effects` compares the methods of each pair; `study` has every answer of every test
    item. Nothing in it can change, so a copy is the result itself. A pickle is the path of its run
    folder, which must be there when it is read.
    """

    def __init__(
        self,
        native: _native.Report,
        run_folder: str | os.PathLike[str] | None = None,
        *,
        first_grading: bool = False,
    ) -> None:
        self._native = native
        self._folder = None if run_folder is None else Path(run_folder).absolute()
        self._first_grading = first_grading

    def __reduce__(self) -> tuple[Any, ...]:
        if self._folder is None:
            raise TypeError(
                "this Result belongs to no run folder, so it cannot be pickled; pickle what it was "
                "made from, or result.report"
            )
        return _load, (str(self._folder), self._first_grading)

    def __copy__(self) -> Result:
        return self

    def __deepcopy__(self, _memory: dict[int, Any]) -> Result:
        return self

    @property
    def cells(self) -> list[_native.CellReport]:
        return self._native.cells

    @property
    def effects(self) -> list[_native.MethodEffect]:
        """What a method did beyond supervised learning, where both were run on a pair."""
        return self._native.effects

    @property
    def headline(self) -> str:
        """One line over all pairs."""
        return self._native.headline

    @property
    def matrices(self) -> list[_native.MatrixReport]:
        """The transfer matrix under each method, with verdicts that hold together."""
        return self._native.matrices

    @property
    def hypotheses(self) -> list[_native.HypothesisAnswer]:
        """H1 to H4: the rule that was fixed before the study ran, and the answer."""
        return self._native.hypotheses

    @property
    def findings(self) -> list[_native.FindingParagraph]:
        """The results section, paragraph by paragraph."""
        return self._native.findings

    @property
    def recommendations(self) -> list[_native.Recommendation]:
        return self._native.recommendations

    @property
    def study(self) -> _native.StudyResult:
        return self._native.result

    @property
    def spec(self) -> _native.StudySpec:
        return self._native.result.spec

    @property
    def report(self) -> dict[str, Any]:
        """The whole report as a dictionary; its form is described in docs/report-schema.md."""
        return dict(json.loads(self.to_json()))

    def cell(self, source: str, target: str, method: str | None = None) -> _native.CellReport:
        """The findings of one pair, under the study's first method unless one is named; raises
        KeyError naming the cells there are."""
        for cell in self.cells:
            if (cell.source, cell.target) == (source, target) and method in (None, cell.method):
                return cell
        known = ", ".join(f"{c.source} -> {c.target} ({c.method})" for c in self.cells)
        wanted = f"{source} -> {target}" + (f" ({method})" if method else "")
        raise KeyError(f"no cell {wanted} (there are: {known})")

    def table(self, width: int = 100) -> str:
        """The table as plain text of at most `width` columns."""
        return self._native.to_text(width)

    @property
    def reading(self) -> str:
        """What the numbers say, in plain words, one paragraph a cell."""
        return "\n\n".join(cell.reading for cell in self.cells)

    def to_json(self) -> str:
        return self._native.to_json()

    def to_markdown(self) -> str:
        return self._native.to_markdown()

    def to_html(self) -> str:
        """One self-contained page."""
        return self._native.to_html()

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes report.json, report.md and report.html; returns the folder."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        self._native.write(path)
        return path

    def to_latex(self) -> str:
        """An article with the results, tables and method; figures come from `save_paper`."""
        return self._native.to_latex()

    def save_tables(self, folder: str | os.PathLike[str]) -> Path:
        """Writes every table as NAME.csv (docs/report-tables.md); returns the folder."""
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        self._native.write_tables(path)
        return path

    def save_paper(self, folder: str | os.PathLike[str], *, figures: bool = True) -> Path:
        """Writes report.tex, tables/ and, with matplotlib, figures/; returns the folder."""
        path = Path(folder)
        self.save_tables(path / "tables")
        (path / "report.tex").write_text(self.to_latex(), encoding="utf-8")
        if figures:
            from xfer import figures as drawing

            drawing.save_all(self, path / "figures")
        return path

    def table_csv(self, table: str) -> str:
        """One table of the report as CSV, as `save_tables` writes it."""
        return self._native.table_csv(table)

    def frames(self) -> dict[str, pd.DataFrame]:
        """Every table of the report as a pandas DataFrame, by name (docs/report-tables.md)."""
        pd = _pandas("frames")
        return {
            name: pd.DataFrame(rows, columns=columns)
            for name, (columns, rows) in self._native.tables().items()
        }

    def frame_rows(self, table: str) -> list[dict[str, Any]]:
        """One table of the report as dictionaries; undefined numbers are None."""
        columns, rows = self._native.tables()[table]
        return [dict(zip(columns, row, strict=True)) for row in rows]

    def with_similarity(self, similarity: Similarity) -> Result:
        """The same results beside similarities of their domains: answers H2."""
        return Result(self._native.with_similarity(similarity.table))

    def similarity_rows(self) -> dict[tuple[str, str], float]:
        """The declared similarity of each (source, target), where it is known."""
        return self._native.declared_similarity()

    def to_frame(self) -> pd.DataFrame:
        """Every answer of every test item as a pandas DataFrame (needs pandas)."""
        pd = _pandas("to_frame")
        rows = [
            {
                "source": cell.source,
                "target": cell.target,
                "method": cell.method,
                "condition": evaluation.condition,
                "seed": evaluation.seed,
                "item": item.item_id,
                "kind": item.kind,
                "score": item.score,
                "extracted": item.extracted,
                "strict_score": item.strict_score,
                "strict_extracted": item.strict_extracted,
                "truncated": item.truncated,
                "stopped_by_text": item.stopped_by_text,
                "chosen": item.chosen,
                "samples": len(item.samples),
                "samples_passed": sum(score >= 1.0 for _, score, _ in item.samples),
                "reference_bits": item.reference_bits,
                "reference_bytes": item.reference_bytes,
                "question": item.question,
                "reference": item.reference,
                "gold": item.gold,
                "completion": item.completion,
                "answer": item.answer,
                "failure": item.failure,
            }
            for cell in self.study.cells
            for evaluation in cell.evaluations
            for item in evaluation.items
        ]
        return pd.DataFrame(rows)

    def __repr__(self) -> str:
        pairs = ", ".join(f"{source} -> {target}" for source, target in self.spec.pairs)
        return f"<xfer.Result of {self.spec.name}: {pairs}>"

    def __str__(self) -> str:
        return self.table()

    def _repr_html_(self) -> str:
        from xfer import _html

        return _html.result(self)


def load_result(run_folder: str | os.PathLike[str], *, first_grading: bool = False) -> Result:
    """The result of a run folder, finished or not; only complete evaluations are in it.

    A run that was graded again (`xfer.regrade`) shows its latest grades, or with `first_grading`
    those of the run itself.
    """
    return _load(run_folder, first_grading)


def _load(run_folder: str | os.PathLike[str], first_grading: bool) -> Result:
    native = _native.load_result(Path(run_folder), first_grading)
    return Result(native, run_folder, first_grading=first_grading)


def _pandas(function: str) -> Any:
    try:
        import pandas as pd
    except ImportError as missing:
        raise ImportError(
            f"Result.{function} needs pandas: pip install 'xfer[pandas]'"
        ) from missing
    return pd
