# SPDX-License-Identifier: Apache-2.0
"""Copies and pickles of the extension module's values.

What cannot be changed is its own copy. Records pickle by their members (`bindings/pickling.cpp`),
what has a constructor by its arguments (here). What holds weights, threads or connections does not
pickle, and says what to do instead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from xfer import _native

#: Values without a way to change them, so that a copy may be the value itself.
_UNCHANGING = (
    "AdamParams", "Advice", "Band", "BootstrapInterval", "CellReport", "CellResult", "CellStatus",
    "ChangeGroup", "ChiSquare", "Completion", "ConditionChanges", "ConditionSummary", "Curve",
    "CurvePoint", "Datum", "Detectable", "Domain", "Estimate", "EvaluationResult", "Event",
    "Example", "Fieller", "FindingParagraph", "Forecast", "ForwardBackwardResult",
    "HypothesisAnswer", "ItemResult", "KindSummary", "LearningCurve", "LearningSummary",
    "LegSummary", "Look", "LoraConfig", "MannWhitney", "MatrixReport", "MatrixVerdict",
    "MethodEffect", "Metric", "OptimStepResult", "PairedT", "PermutationTest", "Plan",
    "PlannedEvaluation", "PlannedLeg", "PromptRobustness", "PromptTemplate", "Recommendation",
    "Reliability", "Renderer", "Report", "RewardPoint", "RunStatus", "SampleRequest",
    "ScoreRequest", "ScoreVerdict", "SignFlip", "SimilarityTable", "StoredCheckpoint",
    "StudyResult", "TokenForecast", "Tokenizer", "Tost", "TrainerInfo", "TransferMetrics",
    "TransferabilityIndex", "Value", "Verdict", "WorkStatus",
)  # fmt: skip

#: What does not pickle, and what to send to another process in its place.
_UNPICKLED = {
    "Model": "load it in each process, with xfer.Model.load(name)",
    "Sampler": "load the model in each process, and its weights from a saved adapter",
    "Trainer": "save its state, and load that in the other process",
    "Server": "start it in one process, and connect to its address from the others",
    "Tokenizer": "load it in each process",
    "Renderer": "make it in each process from its tokenizer",
    "TinkerService": "make one in each process",
    "TinkerTraining": "save its state, and open that in the other process",
    "TinkerSampling": "make one in each process, from saved weights",
    "TinkerCall": "await it where it was made",
    "Report": "pickle the xfer.Result of a run folder, or take to_json()",
    "StudyResult": "pickle the xfer.Result of a run folder",
    "AdamParams": "take its fields",
    "SampleRequest": "take its fields",
    "ScoreRequest": "take its fields",
    "ForwardBackwardResult": "take its arrays and metrics",
    "OptimStepResult": "take its metrics",
}


def attach() -> None:
    """Gives the classes of the extension module what `copy` and `pickle` look for."""
    for name in _UNCHANGING:
        kind: Any = getattr(_native, name)
        kind.__copy__ = _itself
        kind.__deepcopy__ = _itself
    for name, instead in _UNPICKLED.items():
        getattr(_native, name).__reduce__ = _refusal(name, instead)
    kinds: Any = _native  # assigning to methods of classes that mypy holds final
    kinds.Completion.__reduce__ = _reduce_completion
    kinds.Datum.__reduce__ = _reduce_datum
    kinds.Domain.__reduce__ = _reduce_domain
    kinds.LoraConfig.__reduce__ = _reduce_lora
    kinds.TrainerInfo.__reduce__ = _reduce_info
    kinds.ScoreRow.__reduce__ = _reduce_row


def _itself(value: Any, _memory: Any = None) -> Any:
    return value


def _refusal(name: str, instead: str) -> Callable[[Any], NoReturn]:
    def refuse(_value: Any) -> NoReturn:
        raise TypeError(f"cannot pickle a {name}: {instead}")

    return refuse


def _reduce_completion(value: _native.Completion) -> tuple[Any, ...]:
    return _native.Completion, (value.tokens, value.logprobs, value.stop_reason)


def _datum(tokens: Any, inputs: dict[str, Any]) -> _native.Datum:
    return _native.Datum(tokens, **inputs)


def _reduce_datum(value: _native.Datum) -> tuple[Any, ...]:
    return _datum, (value.tokens, value.loss_fn_inputs)


def _reduce_domain(value: _native.Domain) -> tuple[Any, ...]:
    """A built-in domain of the usual items is its name; others hold files or functions."""
    name = value.name
    if name in _native.domains():
        usual = _native.domain(name)
        if all(value.manifest_hash(s) == usual.manifest_hash(s) for s in ("train", "test")):
            return _native.domain, (name,)
    raise TypeError(
        f"cannot pickle the domain {name}: make it in each process, with xfer.domain(name, seed), "
        "xfer.domain_from_file(path) or xfer.Domain(...)"
    )


def _lora(fields: dict[str, Any]) -> _native.LoraConfig:
    return _native.LoraConfig(**fields)


def _reduce_lora(value: _native.LoraConfig) -> tuple[Any, ...]:
    names = ("rank", "alpha", "seed", "train_attn", "train_mlp", "train_unembed")
    return _lora, ({name: getattr(value, name) for name in names},)


def _reduce_info(value: _native.TrainerInfo) -> tuple[Any, ...]:
    names = ("base_model", "rank", "trainable_parameters", "optimizer_steps")
    return _native.TrainerInfo, tuple(getattr(value, name) for name in names)


def _row(fields: dict[str, Any]) -> _native.ScoreRow:
    row = _native.ScoreRow()
    for name, value in fields.items():
        setattr(row, name, value)
    return row


def _reduce_row(value: _native.ScoreRow) -> tuple[Any, ...]:
    kind = type(value)
    names = [n for n in dir(kind) if isinstance(getattr(kind, n), property)]
    return _row, ({name: getattr(value, name) for name in names},)
