# SPDX-License-Identifier: Apache-2.0
"""Trainers, samplers and backends written in Python: the plumbing, and `xfer.testing`."""

from __future__ import annotations

import runpy
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import xfer
import xfer.testing
from xfer._native import locate_model

ROOT = Path(__file__).resolve().parents[2]


class LocalSampler(xfer.CustomSampler):
    """The embedded engine once more, by way of Python."""

    batches: ClassVar[list[int]] = []
    threads: ClassVar[set[int]] = set()

    def __init__(self, sampler: xfer.Sampler) -> None:
        self.sampler = sampler

    def sample(self, requests: Sequence[Any]) -> list[list[xfer.Completion]]:
        self.batches.append(len(requests))
        self.threads.add(threading.get_ident())
        return [
            self.sampler.sample(
                r.prompt,
                num_samples=r.num_samples,
                max_tokens=r.max_tokens,
                temperature=r.temperature,
                seed=r.seed,
                stop_tokens=r.stop_tokens,
                stop_strings=r.stop_strings,
            )
            for r in requests
        ]

    def score(self, requests: Sequence[Any]) -> list[np.ndarray]:
        return [self.sampler.score(r.tokens, r.first) for r in requests]


class LocalTrainer(xfer.CustomTrainer):
    def __init__(self, trainer: xfer.Trainer) -> None:
        self.trainer = trainer

    def info(self) -> xfer.TrainerInfo:
        return self.trainer.info

    def forward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
        result = self.trainer.forward(data, loss_fn, dict(loss_fn_config))
        return result.logprobs, result.metrics

    def forward_backward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
        result = self.trainer.forward_backward(data, loss_fn, dict(loss_fn_config))
        return result.logprobs, result.metrics

    def optim_step(self, params: Any) -> Mapping[str, float]:
        return self.trainer.optim_step(
            params.learning_rate,
            beta1=params.beta1,
            beta2=params.beta2,
            eps=params.eps,
            weight_decay=params.weight_decay,
            grad_clip_norm=params.grad_clip_norm,
        ).metrics

    def save_state(self, name: str, with_optimizer: bool) -> str:
        return self.trainer.save_state(name, with_optimizer)

    def load_state(self, path: str, with_optimizer: bool) -> None:
        self.trainer.load_state(path, with_optimizer)

    def snapshot(self) -> xfer.CustomSampler:
        return LocalSampler(self.trainer.snapshot())


class LocalBackend(xfer.CustomBackend):
    trainer_class: type[LocalTrainer] = LocalTrainer

    def __init__(self) -> None:
        self.model = xfer.Model.load("embedded:small", threads=1)
        self.name = "the small model again"
        self.model_hash = self.model.content_hash
        self.version = "1"
        self.parameters = self.model.parameters
        self.tokenizer = self.model.tokenizer

    def create_trainer(self, lora: xfer.LoraConfig, state_folder: Path) -> xfer.CustomTrainer:
        return self.trainer_class(
            xfer.Trainer(
                self.model,
                rank=lora.rank,
                alpha=lora.alpha,
                seed=lora.seed,
                train_attn=lora.train_attn,
                train_mlp=lora.train_mlp,
                train_unembed=lora.train_unembed,
                state_folder=state_folder,
            )
        )

    def base_sampler(self) -> xfer.CustomSampler:
        return LocalSampler(self.model.sampler())


def test_the_engine_conforms() -> None:
    xfer.testing.check_backend(xfer.Model.load("embedded:small", threads=1)).raise_if_failed()


def test_a_backend_in_python_conforms() -> None:
    outcome = xfer.testing.check_backend(LocalBackend())
    outcome.raise_if_failed()
    assert str(outcome).count("pass ") == len(xfer.testing.CHECKS)


class MeanLoss(LocalTrainer):
    def forward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
        logprobs, metrics = super().forward(data, loss_fn, loss_fn_config)
        return logprobs, metrics | {"loss:sum": metrics["loss:sum"] / len(data)}


class ForgetsTheOptimizer(LocalTrainer):
    def load_state(self, path: str, with_optimizer: bool) -> None:
        super().load_state(path, False)


class ClearsGradients(LocalTrainer):
    def forward_backward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
        state = self.trainer.save_state("before", True)
        self.trainer.load_state(state, True)
        return super().forward_backward(data, loss_fn, loss_fn_config)


class LiveSnapshot(LocalTrainer):
    def snapshot(self) -> xfer.CustomSampler:
        trainer = self.trainer

        class Live(LocalSampler):
            def score(self, requests: Sequence[Any]) -> list[np.ndarray]:
                return LocalSampler(trainer.snapshot()).score(requests)

        return Live(trainer.snapshot())


class ForwardTrains(LocalTrainer):
    def forward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
        return self.forward_backward(data, loss_fn, loss_fn_config)


@pytest.mark.parametrize(
    ("trainer_class", "failing"),
    [
        (MeanLoss, "loss is the weighted sum"),
        (ForgetsTheOptimizer, "a saved state goes on"),
        (ClearsGradients, "gradients add up"),
        (LiveSnapshot, "a snapshot keeps its weights"),
        (ForwardTrains, "forward gathers no gradients"),
    ],
)
def test_each_fault_is_found(trainer_class: type[LocalTrainer], failing: str) -> None:
    backend = LocalBackend()
    backend.trainer_class = trainer_class
    outcome = xfer.testing.check_backend(backend)
    assert failing in [check.name for check in outcome.checks if not check.passed]
    assert not outcome.passed
    with pytest.raises(AssertionError, match=failing):
        outcome.raise_if_failed()


def small_study(name: str) -> xfer.StudySpec:
    return xfer.StudySpec(
        name=name,
        pairs=[("math", "code")],
        conditions=["baseline", "transfer", "direct"],
        seeds=[0],
        steps=4,
        batch_size=4,
        items=12,
        validation_items=0,
    )


def scores(result: xfer.Result) -> list[tuple[str, float, float]]:
    """Condition, accuracy and bits per byte."""
    return [
        (c.condition, c.accuracy.value, c.bits_per_byte.value)
        for c in result.cell("math", "code").conditions
    ]


def test_a_study_on_a_backend_in_python_gives_the_engines_numbers(tmp_path: Path) -> None:
    LocalSampler.batches.clear()
    LocalSampler.threads.clear()
    own = xfer.run_study(
        small_study("own"), tmp_path / "own", backend=LocalBackend(), progress=False
    )
    engine = xfer.run_study(small_study("engine"), tmp_path / "engine", progress=False)
    assert scores(own) == scores(engine)
    assert max(LocalSampler.batches) > 1, "questions that wait together are asked together"
    assert len(LocalSampler.threads) == 1
    assert threading.get_ident() not in LocalSampler.threads


def test_what_the_backend_raises_comes_out(tmp_path: Path) -> None:
    class Breaks(LocalTrainer):
        def optim_step(self, params: Any) -> Mapping[str, float]:
            raise ZeroDivisionError("the optimizer is out of order")

    backend = LocalBackend()
    backend.trainer_class = Breaks
    with pytest.raises(ZeroDivisionError, match="out of order"):
        xfer.run_study(small_study("breaks"), tmp_path / "run", backend=backend, progress=False)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "CustomTrainer.forward must return .logprobs, metrics."),
        (([], {"loss:sum": 1.0}), "an array for each of the 1 data"),
        (([[0.0]], {"loss:sum": 1.0}), "arrays of 2 log-probabilities .got 1."),
        (([[0.0, 0.0]], {}), "a dict with .loss:sum."),
        (([[0.0, 0.0]], {"loss:sum": float("nan")}), "not a finite number"),
    ],
)
def test_answers_of_the_wrong_form_are_refused(answer: Any, message: str) -> None:
    class Wrong(LocalTrainer):
        def forward(self, data: Any, loss_fn: str, loss_fn_config: Mapping[str, float]) -> Any:
            return answer

    model = xfer.Model.load("embedded:small", threads=1)
    trainer = xfer.Trainer.wrap(Wrong(xfer.Trainer(model, rank=2)))
    with pytest.raises(xfer.Error, match=message):
        trainer.forward([xfer.Datum([1, 2], target_tokens=[2, 3])])


def test_a_backend_without_a_tokenizer_is_refused(tmp_path: Path) -> None:
    backend = LocalBackend()
    del backend.tokenizer
    with pytest.raises(xfer.Error, match="'tokenizer' is missing"):
        xfer.run_study(small_study("none"), tmp_path / "run", backend=backend, progress=False)


def test_a_completion_needs_a_logprob_for_each_token() -> None:
    with pytest.raises(ValueError, match="as many logprobs as tokens"):
        xfer.Completion([1, 2], [0.0])
    with pytest.raises(ValueError, match="stop_reason"):
        xfer.Completion([1], [0.0], "done")


@pytest.mark.filterwarnings("ignore")
def test_the_peft_example_conforms_and_runs_a_study(tmp_path: Path) -> None:
    pytest.importorskip("peft", reason="the extra test-parity is not installed")
    example = runpy.run_path(str(ROOT / "examples" / "peft_backend.py"))
    backend = example["PeftBackend"](locate_model("embedded:small"))
    xfer.testing.check_backend(backend).raise_if_failed()
    result = xfer.run_study(small_study("peft"), tmp_path / "run", backend=backend, progress=False)
    engine = xfer.run_study(small_study("engine"), tmp_path / "engine", progress=False)
    for (name, accuracy, bits), wanted in zip(scores(result), scores(engine), strict=True):
        assert abs(bits - wanted[2]) < 0.02, name
        # Adapters start otherwise there, so only the base model's answers are the same.
        assert name != "baseline" or accuracy == wanted[1]
