# SPDX-License-Identifier: Apache-2.0
"""Similarity of domains from Python and from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xfer
from conftest import Cli
from xfer.similarity import Similarity

CHEAP = ["vocabulary_jaccard", "vocabulary_coverage", "jensen_shannon", "reasoning_types"]


@pytest.fixture(scope="module")
def found() -> Similarity:
    return xfer.similarity("math", "code", "law", measures=CHEAP, text_examples=64)


def test_every_pair_has_every_measure(found: Similarity) -> None:
    assert found.domains == ["math", "code", "law"]
    assert len(found.to_dict()["rows"]) == len(CHEAP) * 9
    assert found.primary == "jensen_shannon"  # gradients were not asked for
    assert found.value("math", "math") == 0.0
    assert found.value("math", "math", "vocabulary_coverage") == 1.0
    assert found.value("math", "code") == found.value("code", "math")
    assert found.value("math", "code", "vocabulary_coverage") != found.value(
        "code", "math", "vocabulary_coverage"
    )
    with pytest.raises(KeyError, match="no leep"):
        found.value("math", "code", "leep")


def test_sources_are_ranked_for_each_target(found: Similarity) -> None:
    predicted = found.predicted()
    assert set(predicted) == {"math", "code", "law"}
    best, worst = predicted["math"]
    near, far = found.value(best, "math"), found.value(worst, "math")
    assert near is not None and far is not None and near <= far


def test_it_shows_itself(found: Similarity) -> None:
    text = str(found)
    assert "vocabulary coverage" in text
    assert "Predicted sources by jensen_shannon" in text
    page = found._repr_html_()
    assert page.count("<table>") == len(CHEAP)
    assert "math &lt;- " in page


def test_frame(found: Similarity) -> None:
    pytest.importorskip("pandas")
    frame = found.frame()
    assert len(frame) == len(CHEAP) * 9
    assert frame.loc[frame.primary, "measure"].unique().tolist() == ["jensen_shannon"]


def test_models_are_read_when_a_measure_asks(model: xfer.Model) -> None:
    news: list[tuple[str, int, int]] = []
    found = xfer.similarity(
        "math",
        "law",
        model=model,
        measures=["gradient_cosine", "centroid_cosine", "task_vector_cosine"],
        model_examples=6,
        tokens_max=200,
        on_progress=lambda *what: news.append(what),
    )
    assert found.primary == "gradient_cosine"
    assert found.value("math", "math") == pytest.approx(1.0)
    assert found.value("math", "law", "task_vector_cosine") is None
    assert "finished run" in found.to_dict()["rows"][-1]["undefined"]
    assert news and all(0 <= done <= total for _, done, total in news[1:])


def test_own_domains_and_files(tmp_path: Path) -> None:
    rows = [
        {"question": f"Is {i} even?", "answer": "yes" if i % 2 == 0 else "no"} for i in range(40)
    ]
    own = xfer.Domain("parity", train=rows, grader="label")
    found = xfer.similarity(own, "math", measures=["jensen_shannon", "problem_structure"])
    assert found.value("parity", "math", "jensen_shannon") is not None
    assert found.value("parity", "math", "problem_structure") is None
    with pytest.raises(xfer.Error, match="at least two"):
        xfer.similarity("math", measures=["jensen_shannon"])
    with pytest.raises(xfer.Error, match="jensen_shannon"):
        xfer.similarity("math", "law", measures=["cosine"])


def test_command(cli: Cli) -> None:
    options = ["similarity", "math", "law", "--measure", "jensen_shannon"]
    shown = cli(*options)
    assert shown.returncode == 0, shown.stderr
    assert "math <- law" in shown.stdout
    content = json.loads(cli(*options, "--json").stdout)
    assert content["predicted"]["jensen_shannon"] == {"math": ["law"], "law": ["math"]}
    refused = cli("similarity", "maths", "law")
    assert refused.returncode == 2
    assert "maths" in refused.stderr
