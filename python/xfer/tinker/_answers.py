# SPDX-License-Identifier: Apache-2.0
"""What comes back: results, and what a service tells about itself, its runs and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from xfer.tinker._model import Model
from xfer.tinker._requests import AdamOptimizerConfig, OptimizerConfig, StopReason
from xfer.tinker._tensors import TensorData

Array = npt.NDArray[Any]
TopkRows = list[list[tuple[int, float]] | None]
LossFnOutput = dict[str, TensorData]

# An undefined cell of a top-k table is token 0 with this log-probability.
_UNDEFINED = -99999.0


class RequestErrorCategory(str, Enum):
    """Whose fault a failed request was."""

    Unknown = "unknown"
    Server = "server"
    User = "user"


@dataclass(frozen=True)
class ForwardBackwardOutput(Model):
    """Per datum its outputs ("logprobs" among them); metrics are named `name:reduction`."""

    loss_fn_output_type: str
    loss_fn_outputs: list[LossFnOutput]
    metrics: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TopkLogprobs:
    """The most probable tokens at each position, as two arrays (length, k)."""

    token_ids: Array
    logprobs: Array

    def to_lists(self) -> TopkRows:
        rows: TopkRows = []
        for ids, values in zip(self.token_ids.tolist(), self.logprobs.tolist(), strict=True):
            cells = [c for c in zip(ids, values, strict=True) if c != (0, _UNDEFINED)]
            rows.append(cells or None)
        return rows


@dataclass(frozen=True)
class SampledSequence:
    """One answer; the token that stopped it is its last."""

    stop_reason: StopReason
    sequence_id: str
    tokens_np: Array | None = field(default=None, repr=False)
    logprobs_np: Array | None = field(default=None, repr=False)
    topk_logprobs_np: TopkLogprobs | None = field(default=None, repr=False)

    @cached_property
    def tokens(self) -> list[int]:
        return [] if self.tokens_np is None else self.tokens_np.tolist()

    @cached_property
    def logprobs(self) -> list[float] | None:
        return None if self.logprobs_np is None else self.logprobs_np.tolist()

    @cached_property
    def topk_logprobs(self) -> TopkRows | None:
        return None if self.topk_logprobs_np is None else self.topk_logprobs_np.to_lists()


@dataclass(frozen=True)
class PromptAltTokens:
    """Tokens drawn at each prompt position but the first, and their log-probabilities."""

    tokens: TensorData
    logprobs: TensorData


@dataclass(frozen=True)
class SampleResponse:
    """Answers, and what was asked for about the prompt."""

    sequences: Sequence[SampledSequence]
    prompt_logprobs_np: Array | None = field(default=None, repr=False)
    topk_prompt_logprobs_np: TopkLogprobs | None = field(default=None, repr=False)
    target_prompt_logprobs: TensorData | None = None
    prompt_cache_hit_tokens: int = 0
    prompt_alt_tokens: PromptAltTokens | None = None

    @cached_property
    def prompt_logprobs(self) -> list[float | None] | None:
        if self.prompt_logprobs_np is None:
            return None
        return [None if np.isnan(v) else v for v in self.prompt_logprobs_np.tolist()]

    @cached_property
    def topk_prompt_logprobs(self) -> TopkRows | None:
        table = self.topk_prompt_logprobs_np
        return None if table is None else table.to_lists()


@dataclass(frozen=True, kw_only=True)
class OptimStepResponse(Model):
    metrics: dict[str, float] | None = None


@dataclass(frozen=True, kw_only=True)
class SaveWeightsResponse(Model):
    path: str
    type: Literal["save_weights"] | None = "save_weights"


@dataclass(frozen=True, kw_only=True)
class SaveWeightsForSamplerResponse(Model):
    path: str
    type: Literal["save_weights_for_sampler"] | None = "save_weights_for_sampler"


@dataclass(frozen=True, kw_only=True)
class LoadWeightsResponse(Model):
    path: str | None = None
    model_id: str | None = None
    type: Literal["load_weights"] | None = "load_weights"


@dataclass(frozen=True, kw_only=True)
class ModelData(Model):
    arch: str | None = None
    model_name: str | None = None
    tokenizer_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class GetInfoResponse(Model):
    model_data: ModelData
    model_id: str
    type: Literal["get_info"] | None = "get_info"
    optimizer_config: OptimizerConfig = field(default_factory=AdamOptimizerConfig)
    is_lora: bool | None = None
    lora_rank: int | None = None
    model_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class SupportedModel(Model):
    model_name: str | None = None
    max_context_length: int | None = None
    trainable: bool | None = None
    sampleable: bool | None = None


@dataclass(frozen=True, kw_only=True)
class GetServerCapabilitiesResponse(Model):
    supported_models: list[SupportedModel]


CheckpointType = Literal["training", "sampler", "external"]
_CHECKPOINT_TYPES: Mapping[str, CheckpointType] = {
    "weights": "training",
    "sampler_weights": "sampler",
    "external_weights": "external",
}


@dataclass(frozen=True, kw_only=True)
class Checkpoint(Model):
    checkpoint_id: str
    checkpoint_type: CheckpointType
    time: datetime
    tinker_path: str
    size_bytes: int | None = None
    public: bool = False
    user_metadata: dict[str, str] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class ParsedCheckpointTinkerPath(Model):
    """tinker://<run>/<weights|sampler_weights|external_weights>/<name>, taken apart."""

    tinker_path: str
    training_run_id: str
    checkpoint_type: CheckpointType
    checkpoint_id: str

    @classmethod
    def from_tinker_path(cls, tinker_path: str) -> ParsedCheckpointTinkerPath:
        parts = tinker_path.removeprefix("tinker://").split("/")
        if (
            not tinker_path.startswith("tinker://")
            or len(parts) != 3
            or parts[1] not in _CHECKPOINT_TYPES
        ):
            raise ValueError(f"not a tinker path: {tinker_path[:200]!r}")
        return cls(
            tinker_path=tinker_path,
            training_run_id=parts[0],
            checkpoint_type=_CHECKPOINT_TYPES[parts[1]],
            checkpoint_id=f"{parts[1]}/{parts[2]}",
        )


@dataclass(frozen=True, kw_only=True)
class Cursor(Model):
    offset: int
    limit: int
    total_count: int


@dataclass(frozen=True, kw_only=True)
class CheckpointsListResponse(Model):
    checkpoints: list[Checkpoint]
    cursor: Cursor | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingRun(Model):
    training_run_id: str
    base_model: str
    model_owner: str
    is_lora: bool
    last_request_time: datetime
    corrupted: bool = False
    lora_rank: int | None = None
    last_checkpoint: Checkpoint | None = None
    last_sampler_checkpoint: Checkpoint | None = None
    user_metadata: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True)
class TrainingRunsResponse(Model):
    training_runs: list[TrainingRun]
    cursor: Cursor


@dataclass(frozen=True, kw_only=True)
class WeightsInfoResponse(Model):
    base_model: str
    is_lora: bool
    optimizer_config: OptimizerConfig = field(default_factory=AdamOptimizerConfig)
    lora_rank: int | None = None
    train_unembed: bool | None = None
    train_mlp: bool | None = None
    train_attn: bool | None = None


@dataclass(frozen=True, kw_only=True)
class ExternalWeightsUrlsResponse(Model):
    urls: dict[str, str]
    expires: datetime


@dataclass(frozen=True, kw_only=True)
class GetSessionResponse(Model):
    training_run_ids: list[str]
    sampler_ids: list[str]
    user_metadata: dict[str, str] | None = None
    display_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ListSessionsResponse(Model):
    sessions: list[str]


@dataclass(frozen=True, kw_only=True)
class GetSamplerResponse(Model):
    sampler_id: str
    base_model: str
    model_path: str | None = None
