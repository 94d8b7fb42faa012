# SPDX-License-Identifier: Apache-2.0
"""Models, training and sampling of your own (Hugging Face, torch, a service) in xfer's studies.

Write three classes after these and give the first to `xfer.run_study(..., backend=...)`. All their
methods are called on one thread, never two at a time. `xfer.testing.check_backend` says whether
they keep what studies rely on.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from xfer._native import (
    AdamParams,
    Completion,
    Datum,
    LoraConfig,
    SampleRequest,
    ScoreRequest,
    Tokenizer,
    TrainerInfo,
)

if TYPE_CHECKING:  # NumPy takes longer to import than all of this package
    from numpy.typing import ArrayLike


class CustomSampler(ABC):
    """A fixed set of weights that answers and scores."""

    @abstractmethod
    def sample(self, requests: Sequence[SampleRequest]) -> Sequence[Sequence[Completion]]:
        """For each request `num_samples` completions; the token that stopped one is part of it.

        Requests that wait at the same time come together: compute them as one batch. A completion
        carries the log-probability of each of its tokens at temperature 1.
        """

    @abstractmethod
    def score(self, requests: Sequence[ScoreRequest]) -> Sequence[ArrayLike]:
        """For each request the natural log-probability of each of `tokens[first:]`."""


class CustomTrainer(ABC):
    """Weights in training. Gradients add up until `optim_step` applies and clears them."""

    @abstractmethod
    def info(self) -> TrainerInfo:
        """What is being trained, and how many optimizer steps it has had."""

    @abstractmethod
    def forward(
        self, data: Sequence[Datum], loss_fn: str, loss_fn_config: Mapping[str, float]
    ) -> tuple[Sequence[ArrayLike], Mapping[str, float]]:
        """Log-probabilities and metrics, without gradients.

        The log-probabilities are one array for each datum, in the shape of its `target_tokens`.
        The metrics hold "loss:sum": for "cross_entropy" the plain sum over all data and positions
        of -weight x log-probability. Raise `NotImplementedError` for a loss you do not have.
        """

    @abstractmethod
    def forward_backward(
        self, data: Sequence[Datum], loss_fn: str, loss_fn_config: Mapping[str, float]
    ) -> tuple[Sequence[ArrayLike], Mapping[str, float]]:
        """The same, and adds to the gradients."""

    @abstractmethod
    def optim_step(self, params: AdamParams) -> Mapping[str, float] | None:
        """One AdamW step on the gradients gathered so far; metrics if there are any."""

    @abstractmethod
    def save_state(self, name: str, with_optimizer: bool) -> str | Path:
        """Writes the weights, and the optimizer's state when asked; returns what `load_state`
        takes. The state must be durable when this returns."""

    @abstractmethod
    def load_state(self, path: str, with_optimizer: bool) -> None:
        """Goes on from a saved state; without its optimizer the moments start from zero. Clears
        gathered gradients."""

    @abstractmethod
    def snapshot(self) -> CustomSampler:
        """A sampler of the weights as they are now; later steps must not change it."""


class CustomBackend(ABC):
    """One base model, and what trains and samples it."""

    #: For people and reports.
    name: str
    #: Changes whenever an answer of the untrained model could, e.g. a hash of the weight files.
    model_hash: str
    #: Changes whenever the same training could give other weights: versions, precision, device.
    version: str
    #: Number of parameters of the base model.
    parameters: int
    #: The model's tokenizer, e.g. `xfer.Tokenizer.load(folder / "tokenizer.json")`.
    tokenizer: Tokenizer

    @abstractmethod
    def create_trainer(self, lora: LoraConfig, state_folder: Path) -> CustomTrainer:
        """A fresh adapter on the base model; adapters of one seed start equal. `state_folder`
        exists and is this trainer's own."""

    @abstractmethod
    def base_sampler(self) -> CustomSampler:
        """A sampler of the untrained model."""
