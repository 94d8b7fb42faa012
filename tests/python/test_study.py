# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import copy
import json
import pickle
from pathlib import Path

import pytest
import xfer
from xfer import _native
from xfer.study import transfer_spec


@pytest.fixture(scope="module")
def finished(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> xfer.Result:
    from conftest import tiny_study

    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return xfer.run_study(tiny_study(model_folder), folder, progress=False)


def without_timing(result: xfer.Result) -> dict[str, object]:
    return {k: v for k, v in result.report.items() if k != "timing"}


def test_a_result_has_table_reading_cells_and_metrics(finished: xfer.Result) -> None:
    assert "transfer" in finished.table()
    assert all(len(line) <= 80 for line in finished.table(80).splitlines())
    assert finished.reading
    cell = finished.cell("math", "code")
    assert [c.condition for c in cell.conditions][:2] == ["baseline", "transfer"]
    assert {c.items for c in cell.conditions} == {4}
    for metric in (cell.accuracy.gain, cell.accuracy.efficiency, cell.bits_per_byte.gain):
        assert metric.defined == (metric.value is not None) == (not metric.reason)
    gain = cell.bits_per_byte.gain
    assert gain.lower <= gain.value <= gain.upper
    with pytest.raises(KeyError, match="math -> code"):
        finished.cell("law", "code")


def test_a_result_holds_every_answer(finished: xfer.Result) -> None:
    evaluations = finished.study.cells[0].evaluations
    assert {(e.condition, e.seed) for e in evaluations} >= {("baseline", 0), ("transfer", 1)}
    item = evaluations[0].items[0]
    assert item.reference_bits > 0
    assert item.reference_bytes > 0
    pandas = pytest.importorskip("pandas")
    frame = finished.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    assert len(frame) == 4 * len(evaluations)
    assert set(frame["condition"]) == {e.condition for e in evaluations}


def test_a_notebook_shows_table_and_charts(finished: xfer.Result) -> None:
    page = finished._repr_html_()
    assert page.count("<table") == 4
    assert page.count("<svg") == page.count("</svg>") >= 1
    assert "format_control" in page
    assert "<script" not in page


def test_reports_are_written(finished: xfer.Result, tmp_path: Path) -> None:
    folder = finished.save(tmp_path / "deep" / "report")
    assert json.loads((folder / "report.json").read_text()) == finished.report
    assert (folder / "report.md").read_text() == finished.to_markdown()
    assert (folder / "report.html").read_text() == finished.to_html()


def test_a_run_folder_is_read_again(spec: xfer.StudySpec, tmp_path: Path) -> None:
    first = xfer.run_study(spec, tmp_path / "run", progress=False)
    assert xfer.load_result(tmp_path / "run").report == first.report
    assert (tmp_path / "run" / "report.html").exists()
    again = xfer.run_study(spec, tmp_path / "run", progress=False)
    assert without_timing(again) == without_timing(first)


def test_an_interrupted_run_goes_on_to_the_same_result(
    spec: xfer.StudySpec, finished: xfer.Result, tmp_path: Path
) -> None:
    kinds: list[str] = []

    def interrupt(event: _native.Event) -> None:
        kinds.append(event.kind)
        if kinds.count("leg_finished") == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _native.run_study(spec, tmp_path / "run", interrupt)
    assert "finished" not in kinds
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    assert without_timing(result) == without_timing(finished)


def test_threads_do_not_change_a_result(
    spec: xfer.StudySpec, finished: xfer.Result, tmp_path: Path
) -> None:
    spec.threads = 1
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    for one, two in zip(
        result.study.cells[0].evaluations, finished.study.cells[0].evaluations, strict=True
    ):
        assert [i.reference_bits for i in one.items] == [i.reference_bits for i in two.items]
        assert [i.completion for i in one.items] == [i.completion for i in two.items]


def test_a_folder_with_another_study_is_refused(spec: xfer.StudySpec, tmp_path: Path) -> None:
    xfer.run_study(spec, tmp_path / "run", progress=False)
    spec.steps = 3
    with pytest.raises(xfer.Error, match="steps") as caught:
        xfer.run_study(spec, tmp_path / "run", progress=False)
    assert caught.value.code == "run_mismatch"


def test_events_come_in_the_callers_thread_and_in_order(
    spec: xfer.StudySpec, tmp_path: Path
) -> None:
    import threading

    seen: list[tuple[str, bool, float]] = []
    here = threading.get_ident()
    _native.run_study(
        spec,
        tmp_path / "run",
        lambda e: seen.append((e.kind, threading.get_ident() == here, e.done_units)),
    )
    assert seen[0][0] == "started"
    assert seen[-1][0] == "finished"
    assert all(same for _, same, _ in seen)
    done = [units for _, _, units in seen]
    assert done == sorted(done)


def test_studies_run_inside_a_loop(spec: xfer.StudySpec, tmp_path: Path) -> None:
    async def work() -> xfer.Result:
        study = asyncio.ensure_future(xfer.run_study_async(spec, tmp_path / "run", progress=False))
        turns = 0
        while not study.done():
            await asyncio.sleep(0.01)
            turns += 1
        assert turns > 1
        return await study

    assert asyncio.run(work()).cells


def test_a_cancelled_study_stops_and_can_go_on(spec: xfer.StudySpec, tmp_path: Path) -> None:
    spec.steps = 2000

    async def work() -> None:
        study = asyncio.ensure_future(xfer.run_study_async(spec, tmp_path / "run", progress=False))
        await asyncio.sleep(0.5)
        study.cancel()
        with pytest.raises(asyncio.CancelledError):
            await study

    asyncio.run(work())


def test_the_one_call_form(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = xfer.run_transfer_experiment(
        "logic", "law", model=str(model_folder), seeds=[3], steps=1, items=2, progress=False,
        batch_size=2, rank=2, validation_items=0, max_answer_tokens=2,
    )  # fmt: skip
    assert result.spec.pairs == [("logic", "law")]
    assert result.spec.seeds == [3]
    assert len(list(tmp_path.glob("runs/logic_to_law-*/report.html"))) == 1


def test_the_one_call_form_with_reinforcement(model_folder: Path, tmp_path: Path) -> None:
    result = xfer.run_transfer_experiment(
        "math", "code", method="rl", model=str(model_folder), seeds=[0], items=4, progress=False,
        run_folder=tmp_path / "run", rank=4, rl_steps=3, rl_problems=2, rl_group_size=2,
        validation_items=2, eval_every=2, max_answer_tokens=4,
    )  # fmt: skip
    cell = result.cell("math", "code", "rl")
    assert [c.condition for c in cell.conditions] == [
        "baseline", "transfer", "direct", "sequential", "joint", "format_reward",
    ]  # fmt: skip
    assert {leg.learning for leg in result.study.legs} == {"reinforcement"}
    rewards = result.study.legs[0].rewards
    assert [p.step for p in rewards] == [1, 2, 3]
    assert rewards[0].kl_to_base is not None
    assert rewards[1].kl_to_base is None
    assert all(0 <= p.reward <= 1 and p.silent_groups <= p.groups == 2 for p in rewards)
    assert "Rewards in training" in result._repr_html_()
    assert result.effects == []
    item = result.study.cells[0].evaluations[0].items[0]
    assert item.question and item.reference
    with pytest.raises(KeyError, match="rl"):
        result.cell("math", "code", "sl")
    with pytest.raises(TypeError, match="method"):
        xfer.run_transfer_experiment("math", "code", method="rl", methods=["sl"])


def test_two_methods_are_compared(spec: xfer.StudySpec, tmp_path: Path) -> None:
    spec.methods = ["sl", "sl_rl"]
    spec.conditions = ["baseline", "transfer"]
    spec.rl_steps, spec.rl_problems, spec.rl_group_size = 2, 2, 2
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    assert [c.method for c in result.cells] == ["sl", "sl_rl"]
    assert [(e.condition, e.method) for e in result.effects] == [("transfer", "sl_rl")]
    assert "SL + RL" in result.table()
    pytest.importorskip("pandas")
    assert set(result.to_frame()["method"]) == {"sl", "sl_rl"}


def test_conditions_follow_the_methods() -> None:
    assert xfer.StudySpec(methods=["rl"]).conditions[-1] == "format_reward"
    assert "format_control" not in xfer.StudySpec(methods=["rl"]).conditions
    assert xfer.StudySpec(methods=["rl"], conditions=["baseline"]).conditions == ["baseline"]
    with pytest.raises(xfer.Error, match="unknown method"):
        xfer.StudySpec(methods=["rlhf"])


def test_a_forecast_counts_training_exactly(spec: xfer.StudySpec, tmp_path: Path) -> None:
    plan, forecast = _native.forecast_study(spec)
    result = xfer.run_study(spec, tmp_path / "run", progress=False)
    counted = {leg.key: leg.train_tokens for leg in result.study.legs}
    for leg, tokens in zip(plan.legs, forecast.legs, strict=True):
        assert tokens.train == (counted[leg.key],) * 3
    assert forecast.training_exact
    assert forecast.training_dollars == (0.0, 0.0, 0.0)
    assert forecast.gain.effect is not None and forecast.gain.effect > 0


def test_studies_that_differ_have_different_folders() -> None:
    usual = transfer_spec("math", "code", {"steps": None})
    other = transfer_spec("math", "code", {"steps": 7})
    third = transfer_spec("math", "code", {"steps": 7, "threads": 1})
    assert usual.name == "math_to_code"
    assert len({usual.name, other.name, third.name}) >= 2
    assert transfer_spec("math", "code", {"name": "mine", "steps": 7}).name == "mine"


def test_specs_round_trip(spec: xfer.StudySpec) -> None:
    assert xfer.StudySpec.from_toml(spec.to_toml()) == spec
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert copy.deepcopy(spec) == spec
    assert xfer.StudySpec() != spec
    assert xfer.StudySpec(steps=7).steps == 7


def test_the_defaults_are_the_pilot() -> None:
    pilot = xfer.StudySpec()
    assert pilot.name == "pilot"
    assert pilot.pairs == [("math", "code")]
    assert pilot.conditions == [
        "baseline", "transfer", "direct", "sequential", "joint", "format_control",
    ]  # fmt: skip
    pilot.validate()


def test_bad_specs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="stpes"):
        xfer.StudySpec(stpes=3)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="to_toml"):
        xfer.StudySpec(to_toml=3)  # type: ignore[call-arg]
    with pytest.raises(xfer.Error, match="format_control"):
        xfer.StudySpec(conditions=["base"])
    with pytest.raises(xfer.Error, match="steps"):
        xfer.StudySpec(steps=0).validate()
    with pytest.raises(xfer.Error, match="astrology"):
        xfer.StudySpec(pairs=[("math", "astrology")]).validate()
    path = tmp_path / "s.toml"
    path.write_text('name = "x"\n[train]\nstesp = 3\n')
    with pytest.raises(xfer.Error, match=r"s\.toml.*steps") as caught:
        xfer.run_study(path, tmp_path / "run")
    assert caught.value.code == "bad_data"


def test_a_plan_shares_its_training_runs(spec: xfer.StudySpec) -> None:
    planned = _native.plan_study(spec)
    assert 0 < len(planned.legs) < planned.naive_legs
    assert all(leg.steps == 2 for leg in planned.legs)
    assert planned.evaluations
