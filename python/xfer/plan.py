# SPDX-License-Identifier: Apache-2.0
"""What a study's plan looks like, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from xfer import _html
from xfer._native import Detectable, Forecast, Plan, StudySpec, TokenForecast

Range = tuple[float, float, float]


class StudyPlan(tuple[Plan, Forecast]):
    """What a study will train and test, and what that costs and can show. In a notebook it shows
    itself, `print` writes what `xfer plan` does, and `plan, forecast = ...` takes it apart.
    """

    spec: StudySpec

    def __new__(cls, spec: StudySpec, plan: Plan, forecast: Forecast) -> StudyPlan:
        self = super().__new__(cls, (plan, forecast))
        self.spec = spec
        return self

    def __getnewargs__(self) -> tuple[StudySpec, Plan, Forecast]:
        return (self.spec, *self)

    @property
    def plan(self) -> Plan:
        """The graph of training runs and evaluations."""
        return self[0]

    @property
    def forecast(self) -> Forecast:
        """Tokens, dollars, hours, and the smallest effects that can be found."""
        return self[1]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return plan_content(self.spec, *self)

    def __str__(self) -> str:
        return "\n".join(plan_lines(self.spec, *self))

    def __repr__(self) -> str:
        runs, tests = len(self.plan.legs), len(self.plan.evaluations)
        return f"<xfer.StudyPlan of {self.spec.name}: {runs} training runs, {tests} evaluations>"

    def _repr_html_(self) -> str:
        steps = [("train", leg.description, f"{leg.steps} steps") for leg in self.plan.legs]
        tests = [("test", e.description, f"{e.items} items") for e in self.plan.evaluations]
        head, *lines = summary_lines(self.spec, *self)
        summary = escape("\n".join(lines))
        return (
            f"<div class='xfer-plan'><strong>{escape(head)}</strong>"
            f"{_html.table(['', 'what', 'how much'], [*steps, *tests])}<pre>{summary}</pre></div>"
        )


def plan_content(spec: StudySpec, plan: Plan, forecast: Forecast) -> dict[str, Any]:
    """Everything, as JSON has it. Ranges are objects of low, expected and high."""
    return {
        "study": spec.name,
        "legs": [
            {
                "description": leg.description,
                "learning": leg.learning,
                "steps": leg.steps,
                "seed": leg.seed,
                "key": leg.key,
                "tokens": _tokens(tokens),
            }
            for leg, tokens in zip(plan.legs, forecast.legs, strict=True)
        ],
        "evaluations": [
            {
                "description": e.description,
                "items": e.items,
                "key": e.key,
                "tokens": _tokens(tokens),
            }
            for e, tokens in zip(plan.evaluations, forecast.evaluations, strict=True)
        ],
        "legs_without_sharing": plan.naive_legs,
        "training_tokens": _tokens(forecast.training),
        "testing_tokens": _tokens(forecast.testing),
        "training_tokens_exact": forecast.training_exact,
        "dollars": {
            "training": _range(forecast.training_dollars),
            "testing": _range(forecast.testing_dollars),
            "total": _range(_sum(forecast.training_dollars, forecast.testing_dollars)),
            "training_without_sharing": forecast.naive_training_dollars,
            "model": forecast.priced_model,
            "prices_of": forecast.price_date,
            "prices_source": forecast.price_source,
            "prices_from": forecast.price_origin,
        },
        "hours_on_this_machine": _range(forecast.hours),
        "smallest_effects": {
            "gain": _detectable(forecast.gain),
            "efficiency": _detectable(forecast.efficiency),
            "correlation": _detectable(forecast.correlation),
        },
        "advice": [
            {
                "change": one.change,
                "more_dollars": one.more_dollars,
                "more_hours": one.more_hours,
                "smallest_gain": one.gain_effect,
            }
            for one in forecast.advice
        ],
    }


def plan_lines(spec: StudySpec, plan: Plan, forecast: Forecast) -> Iterator[str]:
    """The same for a terminal."""
    head, *summary = summary_lines(spec, plan, forecast)
    yield head
    for leg in plan.legs:
        yield f"  train  {leg.description}: {leg.steps} steps"
    for test in plan.evaluations:
        yield f"  test   {test.description}: {test.items} items"
    yield ""
    yield from summary


def summary_lines(spec: StudySpec, plan: Plan, forecast: Forecast) -> Iterator[str]:
    """How much it is, what it costs and what it can show."""
    yield (
        f"{spec.name}: {len(plan.legs)} training runs ({plan.naive_legs} without sharing), "
        f"{len(plan.evaluations)} evaluations"
    )
    exact = "" if forecast.training_exact else "; sampled answers are estimated"
    yield f"training tokens: {_tokens_text(forecast.training)}{exact}"
    yield f"testing tokens:  {_tokens_text(forecast.testing)}"
    total = _sum(forecast.training_dollars, forecast.testing_dollars)
    if total[2] > 0:
        saved = forecast.naive_training_dollars - forecast.training_dollars[1]
        yield (
            f"cost on {forecast.priced_model}: {_range_text(total, '${:,.2f}')}; sharing training "
            f"runs saves ${saved:,.2f}"
        )
        yield (
            f"  prices of {forecast.price_date} ({forecast.price_source}; {forecast.price_origin})"
        )
    else:
        where = "this machine" if spec.backend == "embedded" else "a service with no known price"
        yield f"cost: none, {forecast.priced_model} runs on {where}"
    if forecast.hours[2] > 0:
        yield f"time on this machine: {_range_text(forecast.hours, '{:,.2g}')} hours"
    else:
        yield "time: as the service takes"
    yield "smallest effects found with 80 % power (two-sided, 5 %):"
    yield f"  gain         {_effect_text(forecast.gain, 100, ' points')}"
    yield f"  efficiency   {_effect_text(forecast.efficiency, 100, ' %')}"
    yield f"  correlation  {_effect_text(forecast.correlation, 1, '')}"
    for one in forecast.advice:
        yield (
            f"  {one.change}: a gain of {one.gain_effect * 100:.1f} points, for "
            f"${one.more_dollars:,.2f} and {one.more_hours:.2g} hours more"
        )


def _range(values: Range) -> dict[str, float]:
    return dict(zip(("low", "expected", "high"), values, strict=True))


def _tokens(tokens: TokenForecast) -> dict[str, dict[str, float]]:
    return {
        "prefill": _range(tokens.prefill),
        "sample": _range(tokens.sample),
        "train": _range(tokens.train),
    }


def _detectable(found: Detectable) -> dict[str, Any]:
    if found.effect is None:
        return {"undefined": found.assumptions}
    return {"effect": found.effect, "assumptions": found.assumptions}


def _sum(a: Range, b: Range) -> Range:
    return (a[0] + b[0], a[1] + b[1], a[2] + b[2])


def _range_text(values: Range, form: str) -> str:
    low, expected, high = (form.format(value) for value in values)
    return expected if low == high else f"{expected} ({low} to {high})"


def _tokens_text(tokens: TokenForecast) -> str:
    kinds = {"prefill": tokens.prefill, "sample": tokens.sample, "train": tokens.train}
    parts = [f"{_range_text(v, '{:,.0f}')} {kind}" for kind, v in kinds.items() if v[2] > 0]
    return ", ".join(parts) or "none"


def _effect_text(found: Detectable, scale: float, unit: str) -> str:
    if found.effect is None:
        return f"none: {found.assumptions}"
    return f"{found.effect * scale:.3g}{unit}, from {found.assumptions}"
