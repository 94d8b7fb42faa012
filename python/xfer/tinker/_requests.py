# SPDX-License-Identifier: Apache-2.0
"""What is sent: prompts, data, parameters."""

from __future__ import annotations

import base64
import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from xfer.tinker._model import Model
from xfer.tinker._tensors import TensorData, is_torch_tensor

LossFnType = Literal[
    "cross_entropy",
    "importance_sampling",
    "ppo",
    "cispo",
    "dro",
    "gspo",
    "stable_reinforce",
    "custom",
]
LossFnInputs = dict[str, TensorData]
StopReason = Literal["length", "stop"]
ModelID = str
RequestID = str


@dataclass(frozen=True, kw_only=True)
class EncodedTextChunk(Model):
    """Token ids."""

    tokens: Sequence[int]
    type: Literal["encoded_text"] = "encoded_text"

    def __post_init__(self) -> None:
        # Its own: callers fill and clear one list for chunk after chunk.
        object.__setattr__(self, "tokens", copy.copy(self.tokens))

    @property
    def length(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True, kw_only=True)
class ImageChunk(Model):
    """An image's file content."""

    data: bytes
    format: Literal["png", "jpeg"]
    expected_tokens: int | None = None
    type: Literal["image"] = "image"

    def __post_init__(self) -> None:
        if isinstance(self.data, str):
            object.__setattr__(self, "data", base64.b64decode(self.data))

    @property
    def length(self) -> int:
        return _expected(self)


@dataclass(frozen=True, kw_only=True)
class ImageAssetPointerChunk(Model):
    """An image that the service knows already; for sampling only."""

    format: Literal["png", "jpeg"]
    location: str
    expected_tokens: int | None = None
    type: Literal["image_asset_pointer"] = "image_asset_pointer"

    @property
    def length(self) -> int:
        return _expected(self)


@dataclass(frozen=True, kw_only=True)
class DmelChunk(Model):
    """Discretised audio, opaque to the client."""

    dmel: bytes
    type: Literal["dmel"] = "dmel"

    def __post_init__(self) -> None:
        if isinstance(self.dmel, str):
            object.__setattr__(self, "dmel", base64.b64decode(self.dmel))


def _expected(chunk: ImageChunk | ImageAssetPointerChunk) -> int:
    if chunk.expected_tokens is None:
        raise ValueError(f"the length of an {type(chunk).__name__} needs expected_tokens")
    return chunk.expected_tokens


ModelInputChunk = EncodedTextChunk | ImageAssetPointerChunk | ImageChunk | DmelChunk


@dataclass(frozen=True, kw_only=True)
class ModelInput(Model):
    """A prompt, or the input tokens of a datum."""

    chunks: list[ModelInputChunk]

    def __post_init__(self) -> None:
        object.__setattr__(self, "chunks", list(self.chunks))

    @classmethod
    def from_ints(cls, tokens: Sequence[int]) -> ModelInput:
        return cls(chunks=[EncodedTextChunk(tokens=tokens)])

    @classmethod
    def empty(cls) -> ModelInput:
        return cls(chunks=[])

    def to_ints(self) -> list[int]:
        out: list[int] = []
        for chunk in self.chunks:
            if not isinstance(chunk, EncodedTextChunk):
                raise ValueError(f"to_ints: a chunk is not text but {type(chunk).__name__}")
            out.extend(chunk.tokens)
        return out

    @property
    def length(self) -> int:
        """In tokens."""
        total = 0
        for chunk in self.chunks:
            if isinstance(chunk, DmelChunk):
                raise ValueError("the length of audio is known to the service only")
            total += chunk.length
        return total

    def append(self, chunk: ModelInputChunk) -> ModelInput:
        return ModelInput(chunks=[*self.chunks, chunk])

    def append_int(self, token: int) -> ModelInput:
        return self.append(EncodedTextChunk(tokens=[token]))


@dataclass(frozen=True, kw_only=True)
class _Span(Model):
    sequence_id: str
    offset: int = 0
    length: int

    def __post_init__(self) -> None:
        if not self.sequence_id or self.offset < 0 or self.length < 0:
            raise ValueError(
                f"{type(self).__name__}: sequence_id must not be empty, offset and length must "
                f"not be negative (got {self.sequence_id!r}, {self.offset}, {self.length})"
            )


class PromptProvenanceSpan(_Span):
    """Tokens that stood at [offset, offset + length) of a sampled sequence's prompt."""


class SampledProvenanceSpan(_Span):
    """Tokens that stood at [offset, offset + length) of a sampled sequence."""


ProvenanceSpans = list[PromptProvenanceSpan | SampledProvenanceSpan]

# Of plain lists; arrays and tensors say it themselves.
_DTYPES: dict[str, Literal["int64", "float32"]] = {
    "target_tokens": "int64",
    "weights": "float32",
    "advantages": "float32",
    "logprobs": "float32",
    "clip_low_threshold": "float32",
    "clip_high_threshold": "float32",
    "sequence_ratio_mask": "float32",
}


@dataclass(frozen=True)
class Datum(Model):
    """One training sequence: position i of `model_input` predicts `target_tokens[i]`.

    Provenance spans are kept but not sent: only a loss that this client does not offer reads them.
    """

    model_input: ModelInput
    loss_fn_inputs: LossFnInputs = field(default_factory=dict)
    model_input_spans: ProvenanceSpans | None = None
    loss_fn_input_spans: ProvenanceSpans | None = None

    def __post_init__(self) -> None:
        tensors = {name: _tensor(name, value) for name, value in self.loss_fn_inputs.items()}
        object.__setattr__(self, "loss_fn_inputs", tensors)

    def with_provenance(
        self, model_input: ProvenanceSpans, loss_fn_inputs: ProvenanceSpans
    ) -> Datum:
        """A copy with spans that tile the input tokens and the targets."""
        _check_tiling("model_input", model_input, self.model_input.length)
        targets = self.loss_fn_inputs.get("target_tokens")
        if targets is not None and targets.shape is not None and len(targets.shape) == 1:
            _check_tiling("loss_fn_inputs", loss_fn_inputs, targets.shape[0])
        return replace(self, model_input_spans=model_input, loss_fn_input_spans=loss_fn_inputs)


def _check_tiling(name: str, spans: ProvenanceSpans, length: int) -> None:
    covered = sum(span.length for span in spans)
    if covered != length:
        raise ValueError(f"with_provenance: {name} spans cover {covered} of {length} positions")


def _tensor(name: str, value: Any) -> TensorData:
    if isinstance(value, TensorData):
        return value
    if is_torch_tensor(value):
        if value.ndim == 2 and name in ("target_tokens", "weights"):
            return TensorData.from_torch_sparse(value)
        return TensorData.from_torch(value)
    if isinstance(value, np.ndarray):
        return TensorData.from_numpy(value)
    if isinstance(value, (list, tuple)):
        try:
            array = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name}: the lists must be of the same length") from None
        if name in _DTYPES:
            return TensorData(array, _DTYPES[name], list(array.shape))
        return TensorData.from_numpy(array)
    raise TypeError(
        f"{name}: expected TensorData, an array, a tensor or a list (got {type(value).__name__})"
    )


@dataclass(frozen=True, kw_only=True)
class SamplingParams(Model):
    """How to sample; `stop` are texts or token ids, [] means never, None the end of text."""

    max_tokens: int | None = None
    seed: int | None = None
    stop: str | Sequence[str] | Sequence[int] | None = None
    temperature: float = 1.0
    top_k: int = -1
    top_p: float = 1.0


@dataclass(frozen=True, kw_only=True)
class AdamParams(Model):
    """AdamW's parameters, which come with every step."""

    learning_rate: float = 0.0001
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-12
    weight_decay: float = 0.0
    grad_clip_norm: float = 0.0


OptimParams = AdamParams


@dataclass(frozen=True, kw_only=True)
class AdamOptimizerConfig(Model):
    type: Literal["adamw"] = "adamw"


OptimizerConfig = AdamOptimizerConfig


@dataclass(frozen=True, kw_only=True)
class LoraConfig(Model):
    rank: int
    seed: int | None = None
    train_unembed: bool = True
    train_mlp: bool = True
    train_attn: bool = True
