# SPDX-License-Identifier: Apache-2.0
"""Copies and pickles of the extension module's values.

What can be made again from its parts is; what cannot be changed is its own copy. Models, trainers,
samplers and servers hold weights and threads: Python refuses to pickle them, as it should.
"""

from __future__ import annotations

from typing import Any

from xfer import _native

#: Values without a way to change them, so that a copy may be the value itself.
_UNCHANGING = (
    "Advice", "Band", "BootstrapInterval", "CellReport", "CellResult", "ChangeGroup", "ChiSquare",
    "Completion", "ConditionChanges", "ConditionSummary", "Curve", "CurvePoint", "Datum",
    "Detectable", "Domain", "Estimate", "EvaluationResult", "Example", "Fieller",
    "FindingParagraph", "Forecast", "HypothesisAnswer", "ItemResult", "KindSummary",
    "LearningCurve", "LearningSummary", "LegSummary", "LoraConfig", "MannWhitney",
    "MatrixReport", "MatrixVerdict", "MethodEffect", "Metric", "PairedT", "PermutationTest",
    "Plan", "PlannedEvaluation", "PlannedLeg", "PromptRobustness", "Recommendation",
    "Reliability", "Renderer", "Report", "RewardPoint", "ScoreVerdict", "SignFlip",
    "SimilarityTable", "StudyResult", "TokenForecast", "Tokenizer", "Tost", "TrainerInfo",
    "TransferMetrics", "TransferabilityIndex", "Value", "Verdict",
)  # fmt: skip


def attach() -> None:
    """Gives the classes of the extension module what `copy` and `pickle` look for."""
    for name in _UNCHANGING:
        kind: Any = getattr(_native, name)
        kind.__copy__ = _itself
        kind.__deepcopy__ = _itself
    kinds: Any = _native  # assigning to methods of classes that mypy holds final
    kinds.Completion.__reduce__ = _reduce_completion
    kinds.Datum.__reduce__ = _reduce_datum
    kinds.LoraConfig.__reduce__ = _reduce_lora
    kinds.TrainerInfo.__reduce__ = _reduce_info
    kinds.ScoreRow.__reduce__ = _reduce_row


def _itself(value: Any, _memory: Any = None) -> Any:
    return value


def _reduce_completion(value: _native.Completion) -> tuple[Any, ...]:
    return _native.Completion, (value.tokens, value.logprobs, value.stop_reason)


def _datum(tokens: Any, inputs: dict[str, Any]) -> _native.Datum:
    return _native.Datum(tokens, **inputs)


def _reduce_datum(value: _native.Datum) -> tuple[Any, ...]:
    return _datum, (value.tokens, value.loss_fn_inputs)


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
