# SPDX-License-Identifier: Apache-2.0
"""Findings of whole studies: matrices, hypotheses, tables, figures, imports, comparisons."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path

import pytest
import xfer
from xfer import importers, stats
from xfer.compare import change_counts, compare_conditions, compare_runs

DOMAINS = ("bio", "chem", "law")
AFTER = {("chem", "bio"): 70, ("law", "bio"): 10}


def write_items(path: Path, shift: int = 0) -> Path:
    """Three domains, 100 items each; chem helps bio, law harms it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["trained_on", "tested_on", "seed", "item", "score", "kind", "completion"])

        def write(trained: str, tested: str, seed: int, right: int) -> None:
            for i in range(100):
                kind = "odd" if i % 2 else "even"
                row = [trained, tested, seed, f"{tested}-{i:03}", int(i < right), kind, "\x1b[2J"]
                writer.writerow(row)

        for tested in DOMAINS:
            write("", tested, 0, 40)
            for trained in DOMAINS:
                right = 80 if trained == tested else AFTER.get((trained, tested), 41) + shift
                for seed in (0, 1):
                    write(trained, tested, seed, right + seed)
    return path


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> xfer.Result:
    return importers.from_csv(write_items(tmp_path_factory.mktemp("scores") / "items.csv"))


def test_a_csv_of_items_gives_the_matrix_with_verdicts(result: xfer.Result) -> None:
    (matrix,) = result.matrices
    verdicts = {(c.source, c.target): c.verdict for c in matrix.accuracy}
    assert len(verdicts) == 6
    assert verdicts["chem", "bio"] == "gain"
    assert verdicts["law", "bio"] == "loss"
    assert matrix.own["bio"][0].value == pytest.approx(0.405)
    cell = result.cell("chem", "bio")
    assert cell.accuracy.gain.value == pytest.approx(0.305)
    assert cell.accuracy.headroom_gain.value == pytest.approx(0.305 / 0.6)
    assert cell.accuracy.asymmetry.defined
    assert not cell.accuracy.held_out_gain.defined
    texts = [r.text for r in result.recommendations]
    assert sum("For bio, train on chem first" in text for text in texts) == 1, texts


def test_hypotheses_have_rules_and_answers(result: xfer.Result) -> None:
    assert [h.id for h in result.hypotheses] == ["H1", "H2", "H3", "H4"]
    assert all(h.rule and h.verdict for h in result.hypotheses)
    assert all(h.reason for h in result.hypotheses if h.verdict == "untested")


def test_a_notebook_shows_matrix_and_hypotheses(result: xfer.Result) -> None:
    page = result._repr_html_()
    assert "trained on" in page and "H4" in page and "gain +30.5" in page


def test_every_table_is_a_frame(result: xfer.Result, tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas")
    frames = result.frames()
    folder = result.save_tables(tmp_path)
    assert {p.stem for p in folder.iterdir()} == set(frames)
    verdicts = frames["verdicts"]
    gains = verdicts[(verdicts.score == "accuracy") & (verdicts.verdict == "gain")]
    assert list(gains.source) == ["chem"]
    read = pd.read_csv(folder / "verdicts.csv", keep_default_na=False, na_values=[""])
    assert len(read) == len(verdicts)
    assert result.table_csv("metrics").startswith("source,target,method,score,metric,value")
    with pytest.raises(xfer.Error, match="no table"):
        result.table_csv("nothing")


def test_a_paper_has_tables_and_an_article(result: xfer.Result, tmp_path: Path) -> None:
    folder = result.save_paper(tmp_path / "paper", figures=False)
    tex = (folder / "report.tex").read_text(encoding="utf-8")
    assert tex.startswith("\\documentclass") and tex.endswith("\\end{document}\n")
    assert (folder / "tables" / "metrics.csv").is_file()


def test_figures_are_drawn(result: xfer.Result, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from xfer import figures

    files = figures.save_all(result, tmp_path, formats=("pdf", "png"))
    names = {f.stem for f in files}
    assert {"matrix", "asymmetry", "forgetting", "conditions-1"} <= names
    assert all(f.stat().st_size > 1000 for f in files)
    assert figures.robustness(result) is None


def test_items_that_changed_are_listed(result: xfer.Result) -> None:
    changes = compare_conditions(result)
    fixed = [c for c in changes if (c.source, c.target) == ("chem", "bio")]
    assert {c.change for c in fixed} == {"fixed"} and len(fixed) == 30 + 31
    counts = change_counts(fixed, lambda c: c.kind)
    assert counts == {"even": (31, 0), "odd": (30, 0)}


def test_runs_are_compared_item_by_item(result: xfer.Result, tmp_path: Path) -> None:
    better = importers.from_csv(write_items(tmp_path / "better.csv", shift=3))
    changes = compare_runs(result, better)
    assert {c.change for c in changes} == {"fixed"}
    assert len(changes) == 6 * 2 * 3
    path = write_items(tmp_path / "renamed.csv")
    path.write_text(path.read_text().replace("bio", "geo").replace("law", "art"))
    with pytest.raises(xfer.Error, match="no evaluation in common"):
        compare_runs(importers.from_csv(path), result)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("trained_on,tested_on,seed,item\n", "lacks score"),
        ("trained_on,tested_on,seed,item,score,colour\n", "unknown columns colour"),
        ("trained_on,tested_on,seed,item,score\na,b,0,1,nan\n", ":2: score must be a number"),
        ("trained_on,tested_on,seed,item,score\na,b,-1,1,1\n", ":2: seed must be a whole number"),
        ("trained_on,tested_on,seed,item,score\na,b,0,1\n", ":2: has 4 fields"),
        ("trained_on,tested_on,seed,item,score\n,b,0,1,1\n", "no model was trained"),
        ('trained_on,tested_on,seed,item,score\n"a', "not a CSV file"),
    ],
)
def test_bad_csv_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(xfer.Error, match=message):
        importers.from_csv(path)


# --- others' tables

# Kim et al. 2023 (TaskWeb, arXiv 2305.13256): RTE under T5-small, right of 277 answers, 8 seeds.
RTE_BASE = (163, 164, 165, 170, 161, 165, 167, 172)


def test_mean_scores_are_judged_by_their_runs(tmp_path: Path) -> None:
    rows = ["trained_on,tested_on,seed,score,items"]
    for seed, right in enumerate(RTE_BASE):
        rows.append(f",rte,{seed},{right / 277},277")
        rows.append(f"better,rte,{seed},{(right + 12) / 277},277")
        rows.append(f"same,rte,{seed},{(right + (1 if seed % 2 else -1)) / 277},277")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    verdicts = {v.source: v for v in importers.scores_from_csv(path)}
    better = verdicts["better"]
    assert better.gain.value == pytest.approx(12 / 277)
    assert better.verdict == "gain" and better.share_above.value == 1.0
    change = sum(12 / right for right in RTE_BASE) / 8
    assert better.relative_change.value == pytest.approx(change)
    assert verdicts["same"].share_above.value == 0.5
    assert verdicts["same"].verdict in ("inconclusive", "equivalent")
    path.write_text("trained_on,tested_on,seed,score\nx,rte,0,0.5\n")
    with pytest.raises(xfer.Error, match="no scores of the base model on rte"):
        importers.scores_from_csv(path)


# The same paper's sources of RTE. Of them the means, PC (mean relative change), PM (share of seeds
# above) and t of the gains are known; the counts are such as give all of these at once, so that
# every formula has to be theirs. Welch's p hangs on digits that the stored scores do not have.
RTE_SEEDS = (0.5884, 0.5921, 0.5957, 0.6137, 0.5812, 0.5957, 0.6029, 0.6209)
RTE_SOURCES = {
    "ANLI-r3": (
        (183, 177, 172, 176, 179, 175, 177, 186),
        (0.6431, 0.0442, 0.074174, 1.0, 6.956, 0.0002, 0.0),
    ),
    "QNLI": (
        (180, 188, 179, 179, 177, 179, 172, 177),
        (0.6457, 0.0469, 0.078947, 1.0, 5.694, 0.0007, 0.0),
    ),
    "SNLI": (
        (178, 167, 176, 172, 164, 174, 174, 165),
        (0.6182, 0.0194, 0.032928, 0.875, 2.266, 0.0578, 0.0341),
    ),
    "MRPC": (
        (174, 168, 163, 171, 166, 161, 175, 164),
        (0.6056, 0.0068, 0.011741, 0.625, 0.834, 0.4316, 0.4175),
    ),
    "IMDB": (
        (158, 161, 158, 155, 146, 163, 146, 169),
        (0.5668, -0.0320, -0.053510, 0.0, -3.519, 0.0097, 0.0171),
    ),
}


def test_the_taskweb_table_comes_out(tmp_path: Path) -> None:
    rows = ["trained_on,tested_on,seed,score,items"]
    for seed, score in enumerate(RTE_SEEDS):
        rows.append(f",RTE,{seed},{score},277")
        for source, (counts, _) in RTE_SOURCES.items():
            rows.append(f"{source},RTE,{seed},{counts[seed] / 277:.4f},277")
    path = tmp_path / "taskweb.csv"
    path.write_text("\n".join(rows) + "\n")
    verdicts = {v.source: v for v in importers.scores_from_csv(path)}
    for source, (_, printed) in RTE_SOURCES.items():
        mean, gain, change, above, t, p, welch = printed
        found = verdicts[source]
        assert found.mean == pytest.approx(mean, abs=6e-5), source
        assert found.gain.value == pytest.approx(gain, abs=1e-4), source
        assert found.relative_change.value == pytest.approx(change, abs=6e-7), source
        assert found.share_above.value == above, source
        assert found.paired_t.value == pytest.approx(t, abs=6e-4), source
        assert found.paired_p.value == pytest.approx(p, abs=2e-4), source
        assert found.p == pytest.approx(welch, abs=3e-4), source
    # A negative transfer is one after correction alone: IMDB has p = .017 among five cells.
    assert [verdicts[s].verdict for s in ("ANLI-r3", "QNLI")] == ["gain", "gain"]
    assert verdicts["IMDB"].verdict == "inconclusive"
    assert verdicts["MRPC"].verdict == "inconclusive"


# Cheng et al. 2025 (Guru, arXiv 2506.14965), Table 2: Qwen2.5-7B after 200 steps of reinforcement
# learning on unfiltered against hard-filtered mathematics, with the items of each test.
GURU = {
    "MATH500": (75.8, 78.6, 500), "AMC": (52.1, 58.4, None), "AIME24": (15.8, 21.7, None),
    "HumanEval": (82.3, 73.1, 164), "LCB": (11.1, 10.7, None), "HiTab": (56.5, 53.5, None),
    "MultiHiertt": (32.0, 35.5, None),
}  # fmt: skip


def test_the_guru_table_comes_out(tmp_path: Path) -> None:
    rows = ["trained_on,tested_on,seed,score,items"]
    for test, (before, after, items) in GURU.items():
        rows.append(f",{test},0,{before / 100},{items or ''}")
        rows.append(f"filtered math,{test},0,{after / 100},{items or ''}")
    path = tmp_path / "guru.csv"
    path.write_text("\n".join(rows) + "\n")
    verdicts = {v.target: v for v in importers.scores_from_csv(path)}
    assert set(verdicts) == set(GURU)
    for test, (before, after, items) in GURU.items():
        found = verdicts[test]
        assert found.mean == pytest.approx(after / 100)
        if items is None:
            assert found.verdict == "refused" and "one run each" in found.reason
            continue
        assert found.gain.value == pytest.approx((after - before) / 100)
        # 9.2 points of HumanEval are 15 of 164 answers: the verdict is not the sign.
        assert found.verdict == "inconclusive"
    assert verdicts["HumanEval"].gain.value == pytest.approx(-0.092)
    assert verdicts["HumanEval"].gain.upper > 0


# Huan et al. 2025 (arXiv 2507.00432v2), Table 1: Qwen3-14B-Base and three models tuned from it.
BASE = (13.0, 9.3, 60.4, 27.9, 42.6, 29.7, 10.7, 37.6, 10.0, 67.7, 69.2, 35.7)
TUNED = {
    "SFT think": (52.0, 37.0, 85.0, 25.0, 55.9, 21.9, 68.6, 34.8, 1.7, 38.2, 42.3, 2.3),
    "SFT no-think": (16.0, 13.0, 77.2, 22.7, 48.7, 23.5, 69.3, 35.0, 5.3, 66.1, 41.4, 3.3),
    "RL": (55.7, 38.0, 87.8, 33.8, 57.7, 40.6, 65.4, 40.2, 28.2, 74.0, 70.0, 40.7),
}
GROUPS = {"math": slice(0, 4), "other": slice(4, 8), "non": slice(8, 12)}


@pytest.mark.parametrize(
    ("model", "gains", "index"),
    [
        ("SFT think", (22.10, 15.15, -24.525), (52.26, -104.10)),
        ("SFT no-think", (4.575, 13.975, -16.625), (165.48, -279.01)),
        ("RL", (26.175, 20.825, 7.575), (82.32, 52.23)),
    ],
)
def test_the_transferability_table_comes_out(
    tmp_path: Path, model: str, gains: tuple[float, ...], index: tuple[float, float]
) -> None:
    rows = ["trained_on,tested_on,seed,score"]
    for name, where in GROUPS.items():
        for trained, scores in (("", BASE), ("math RL", TUNED[model])):
            mean = sum(scores[where]) / 400
            rows.append(f"{trained},{name},0,{mean}")
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    verdicts = importers.scores_from_csv(path)
    for verdict, gain in zip(verdicts, gains, strict=True):
        base = sum(BASE[GROUPS[verdict.target]]) / 400
        assert 100 * (verdict.mean - base) == pytest.approx(gain, abs=1e-9)
        assert verdict.verdict == "refused" and "one run each" in verdict.reason
    efficiency = (verdicts[1].mean - sum(BASE[GROUPS["other"]]) / 400) / (
        verdicts[0].mean - sum(BASE[GROUPS["math"]]) / 400
    )
    expected = {"SFT think": 0.6855, "SFT no-think": 3.0546, "RL": 0.7956}[model]
    assert efficiency == pytest.approx(expected, abs=5e-5)
    # Only the ratio of the spreads matters: those of all models that the paper compares.
    for group, sigma, value in (("other", 0.88155, index[0]), ("non", 0.78470, index[1])):
        found = stats.transferability_index(
            BASE[GROUPS["math"]], TUNED[model][GROUPS["math"]],
            BASE[GROUPS[group]], TUNED[model][GROUPS[group]],
            sigma=1.0, other_sigma=1.0 / sigma,
        )  # fmt: skip
        assert found.index.value == pytest.approx(value, abs=0.02)


# --- other harnesses


def write_lm_eval(folder: Path, task: str, right: int, *, filters: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"samples_{task}_2026-01-01T00-00-00.jsonl"
    with path.open("w") as file:
        for i in range(40):
            for name in ("strict-match", "flexible-extract") if filters else ("none",):
                sample = {
                    "doc_id": i, "doc": {"question": f"{i}?"}, "target": str(i), "filter": name,
                    "resps": [[f"the answer is {i}"]], "filtered_resps": [str(i)],
                    "doc_hash": f"{i:064x}", "exact_match": float(i < right),
                }  # fmt: skip
                file.write(json.dumps(sample) + "\n")
    return path


def test_lm_eval_samples_are_read(tmp_path: Path) -> None:
    write_lm_eval(tmp_path / "base" / "model", "gsm8k", 10, filters=True)
    write_lm_eval(tmp_path / "tuned" / "model", "gsm8k", 30, filters=True)
    runs = {("", 0): tmp_path / "base", ("code", 0): tmp_path / "tuned"}
    result = importers.from_lm_eval(runs, filter_name="strict-match")
    assert result.cell("code", "gsm8k").accuracy.gain.value == pytest.approx(0.5)
    with pytest.raises(xfer.Error, match=r"protocol|twice"):
        importers.from_lm_eval(runs)  # two filters at once are two protocols
    with pytest.raises(xfer.Error, match=r"has no score f1 .*exact_match"):
        importers.from_lm_eval(runs, metric="f1")
    with pytest.raises(xfer.Error, match="holds no samples"):
        importers.from_lm_eval({("", 0): tmp_path / "tuned" / "none"})
    (tmp_path / "base" / "model" / "samples_x_1.jsonl").write_text("{not json\n")
    with pytest.raises(xfer.Error, match=":1: not JSON"):
        importers.from_lm_eval(runs)


def write_inspect(path: Path, right: int, status: str = "success") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        header = {"version": 2, "status": status, "eval": {"task": "arc", "task_version": 0}}
        archive.writestr("header.json", json.dumps(header))
        for i in range(30):
            for epoch in (1, 2):
                sample = {
                    "id": i, "epoch": epoch, "input": f"{i}?", "target": "A",
                    "output": {"completion": "ANSWER: A"},
                    "scores": {"choice": {"value": "C" if i < right + epoch - 1 else "I"}},
                }  # fmt: skip
                archive.writestr(f"samples/{i}_epoch_{epoch}.json", json.dumps(sample))
    return path


def test_inspect_logs_are_read(tmp_path: Path) -> None:
    base = write_inspect(tmp_path / "base.eval", 9)
    tuned = write_inspect(tmp_path / "tuned.eval", 24)
    result = importers.from_inspect({("", 0): base, ("math", 0): tuned})
    assert result.cell("math", "arc").accuracy.gain.value == pytest.approx(0.5)
    item = result.study.cells[0].evaluations[0].items[0]
    assert item.completion == "ANSWER: A" and item.reference == "A"
    failed = write_inspect(tmp_path / "failed.eval", 3, status="error")
    with pytest.raises(xfer.Error, match="status is 'error'"):
        importers.from_inspect({("", 0): failed, ("math", 0): tuned})
    (tmp_path / "text.eval").write_text("not a zip")
    with pytest.raises(xfer.Error, match="not an inspect_ai log"):
        importers.from_inspect({("", 0): tmp_path / "text.eval"})
