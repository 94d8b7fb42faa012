# SPDX-License-Identifier: Apache-2.0
"""The page and the article as readers get them: in a browser, under a screen reader, on paper."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import xfer
from xfer import importers
from xfer.overview import Overview

DOMAINS = ("biology", "chemistry", "contract law")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PDFLATEX = shutil.which("pdflatex")
WORDINGS = ("", "2: Question: … Answer:", "3: Please answer this question: … Your answer is:")


def write_everything(path: Path) -> Path:
    """Scores with which every part of the report is filled that an import can fill."""
    columns = ["trained_on", "tested_on", "seed", "item", "score", "condition", "method", "kind",
               "prompt", "held_out", "question", "reference", "completion", "reference_bits",
               "reference_bytes"]  # fmt: skip
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)

        def write(trained: str, tested: str, seed: int, right: int, **more: Any) -> None:
            for i in range(60):
                row = {
                    "trained_on": trained, "tested_on": tested, "seed": seed,
                    "item": f"{tested}-{i:03}", "score": int(i < right),
                    "method": "sl", "kind": "odd" if i % 2 else "a kind with a long name",
                    "question": f"What is {i}_{i} & {i}% of x^{i}? <b>{'word ' * 40}</b>",
                    "reference": f"#{i} ~ \\frac{{1}}{{{i}}} {'unbroken' * 20}",
                    "completion": f"{'é→∑' * 30} {i}", "reference_bits": 40 + i % 7 - right / 10,
                    "reference_bytes": 40, **more,
                }  # fmt: skip
                writer.writerow([row.get(column, "") for column in columns])

        for tested in DOMAINS:
            for prompt in WORDINGS:
                write("", tested, 0, 20 + len(prompt) % 3, prompt=prompt)
            write("", tested, 0, 15, held_out=1)
            for source in DOMAINS:
                for method in ("sl", "rl"):
                    for seed in (0, 1):
                        right = 44 if source == tested else 30 - 4 * DOMAINS.index(source) + seed
                        for prompt in WORDINGS if source != tested else ("",):
                            write(source, tested, seed, right, method=method, prompt=prompt)
                        if source == tested:
                            continue
                        write(source, tested, seed, right - 8, method=method, held_out=1)
                        control = "format_control" if method == "sl" else "format_reward"
                        for condition, found in (("sequential", 46), ("joint", 41), (control, 22)):
                            write(source, tested, seed, found + seed, method=method,
                                  condition=condition)  # fmt: skip
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> xfer.Result:
    return importers.from_csv(write_everything(tmp_path_factory.mktemp("pages") / "items.csv"))


def test_the_scores_fill_the_report(result: xfer.Result) -> None:
    cell = result.cell("biology", "chemistry")
    assert cell.robustness is not None and len(cell.robustness.names) == 3
    assert cell.accuracy.held_out_gain.defined and cell.accuracy.forgetting.defined
    page = result.to_html()
    for words in ("Transfer Gain over the wordings", "Transfer Gain on held-out items",
                  "Forgetting", "Asymmetry", "Cost and gain", "Hypotheses"):  # fmt: skip
        assert (words in page) == (words != "Cost and gain"), words


class Page(HTMLParser):
    """What a screen reader makes of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.headings: list[int] = []
        self.tables: list[dict[str, Any]] = []
        self.charts: list[dict[str, Any]] = []
        self.regions: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.stack: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in {"meta", "circle", "line", "path", "rect", "polyline", "polygon", "br"}:
            self.stack.append(tag)
        if "id" in given:
            self.ids.append(given["id"] or "")
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        elif tag == "table":
            self.tables.append({"role": given.get("role"), "caption": "", "scopes": 0, "heads": 0})
        elif tag == "th":
            self.tables[-1]["heads"] += 1
            self.tables[-1]["scopes"] += given.get("scope") in {"row", "col"}
        elif tag == "svg":
            self.charts.append({"role": given.get("role"), **given, "text": ""})
        elif tag == "a":
            self.links.append(given.get("href") or "")
        if given.get("role") == "region" or tag in {"section", "nav"}:
            self.regions.append(given)

    def handle_endtag(self, tag: str) -> None:
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        inside = self.stack[-1] if self.stack else ""
        if "caption" in self.stack:
            self.tables[-1]["caption"] += data
        if inside in {"title", "desc"} and "svg" in self.stack:
            self.charts[-1]["text"] += data


def overview(result: xfer.Result) -> Overview:
    return Overview("two <parts>", [("first & only", result), ("second", result)])


def test_the_parts_are_side_by_side(result: xfer.Result) -> None:
    both = overview(result)
    gains = both.gains()
    assert len(gains) == 2 * len(both.rows()) > 2
    one = next(cell for cell in result.matrices[0].accuracy if cell.verdict == "gain")
    assert one.gain is not None
    shown = f"+{100 * one.gain.value:.1f}"
    for text in (both.to_html(), both.to_markdown(), both.to_text()):
        assert shown in text and "▲" in text and both.headline() in text
    page = both.to_html()
    assert "two &lt;parts&gt;" in page and "first &amp; only/report.html" in page
    for answer in result.hypotheses:
        assert f"{answer.id}. " in page
    assert "gains" in both.headline() and "in accuracy" in both.headline()


def test_the_page_of_parts_is_sound_for_a_screen_reader(result: xfer.Result) -> None:
    page = Page(overview(result).to_html())
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    for table in page.tables:
        assert table["caption"].strip() and table["role"] == "table", table
        assert table["heads"] == table["scopes"] > 0, table
    assert all(region.get("aria-label") for region in page.regions)


def test_the_page_is_sound_for_a_screen_reader(result: xfer.Result) -> None:
    page = Page(result.to_html())
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    for before, after in zip(page.headings, page.headings[1:], strict=False):
        assert after <= before + 1, f"a heading of level {after} follows one of level {before}"
    assert len(page.tables) > 10
    for table in page.tables:
        assert table["caption"].strip() and table["role"] == "table", table
        assert table["heads"] == table["scopes"] > 0, table
    assert len(page.charts) > 5
    for chart in page.charts:
        assert chart["role"] == "img" and len(chart["text"]) > 20, chart
    assert all(region.get("aria-label") for region in page.regions)
    assert len(page.ids) == len(set(page.ids)), "an id is there twice"
    assert all(link.startswith("#") and link[1:] in page.ids for link in page.links)


MEASURE = """
<script>
const wide = [];
for (const e of document.querySelectorAll("main *, header *, footer *")) {
  const box = e.getBoundingClientRect();
  const scrolls = e.closest(".table") || e.parentElement.closest("figure");
  if (box.right > innerWidth + 1 && !scrolls) wide.push(e.tagName + ": " +
      (e.textContent || "").slice(0, 60));
}
const small = [];
for (const e of document.querySelectorAll("svg text")) {
  const box = e.getBoundingClientRect();
  if (box.height > 0 && box.height < 8) small.push(e.textContent);
  const chart = e.ownerSVGElement.getBoundingClientRect();
  if (box.left < chart.left - 1 || box.right > chart.right + 1) wide.push("cut: " + e.textContent);
}
document.title = JSON.stringify({
  scroll: document.documentElement.scrollWidth, inner: innerWidth, wide, small});
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="needs chromium")
@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("of", ["one study", "parts"])
def test_nothing_sticks_out_of_the_page(
    result: xfer.Result, tmp_path: Path, of: str, width: int
) -> None:
    assert CHROMIUM is not None
    text = result.to_html() if of == "one study" else overview(result).to_html()
    page = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    framed = tmp_path / "page.html"
    framed.write_text(page.replace("</body>", MEASURE + "</body>"), encoding="utf-8")
    dumped = subprocess.run(
        [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--hide-scrollbars", f"--user-data-dir={tmp_path / 'profile'}",
         f"--window-size={width},900", "--dump-dom", framed.as_uri()],
        capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )  # fmt: skip
    title = re.search(r"<title>(\{.*?\})</title>", dumped.stdout, re.DOTALL)
    assert title, dumped.stderr[-2000:]
    seen = json.loads(
        title.group(1).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")
    )
    assert seen["inner"] <= max(width, 500)
    assert seen["scroll"] <= seen["inner"], seen["wide"][:10]
    assert not seen["wide"], seen["wide"][:10]
    assert not seen["small"], seen["small"][:10]


@pytest.mark.skipif(PDFLATEX is None, reason="needs pdflatex")
def test_the_article_compiles(result: xfer.Result, tmp_path: Path) -> None:
    assert PDFLATEX is not None
    folder = result.save_paper(tmp_path / "paper", figures=False)
    for _ in range(2):  # the second time for the references
        run = subprocess.run(
            [PDFLATEX, "-interaction=nonstopmode", "-halt-on-error", "report.tex"],
            cwd=folder, capture_output=True, text=True, errors="replace", timeout=120, check=False,
        )  # fmt: skip
        assert run.returncode == 0, run.stdout[-3000:]
    assert "undefined references" not in run.stdout
    assert (folder / "report.pdf").stat().st_size > 20_000
