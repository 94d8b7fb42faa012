# SPDX-License-Identifier: Apache-2.0
"""Whether a trainer and a sampler, or a domain and its grader, keep what studies rely on.

    print(xfer.testing.check_backend(MyBackend()))
    print(xfer.testing.check_domain(my_domain))

Every check trains or samples a few tokens, so a small model takes seconds. Nothing is assumed about
speed, and numbers are compared with a tolerance that float32 on any device keeps.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from xfer._native import Datum, LoraConfig, Model, Sampler, Trainer, supervised_datum
from xfer.conformance import Check, Conformance
from xfer.custom import CustomBackend
from xfer.domain_conformance import check_domain

__all__ = ["Check", "Conformance", "check_backend", "check_domain"]

LEARNING_RATE = 1e-2
#: Largest difference of two log-probabilities that should be equal, in nats.
TOLERANCE = 2e-3


class _Subject:
    """Trainers and samplers of one base model, each trainer with a folder of its own."""

    def __init__(self, backend: CustomBackend | Model, folder: Path) -> None:
        self.backend = backend
        self.folder = folder
        self.vocab_size = backend.tokenizer.vocab_size
        self.made = 0

    def trainer(self) -> Trainer:
        self.made += 1
        folder = self.folder / f"trainer-{self.made}"
        folder.mkdir()
        if isinstance(self.backend, Model):
            return Trainer(self.backend, rank=8, seed=1, state_folder=folder)
        return Trainer.wrap(self.backend.create_trainer(LoraConfig(rank=8, seed=1), folder))

    def base_sampler(self) -> Sampler:
        if isinstance(self.backend, Model):
            return self.backend.sampler()
        return Sampler.wrap(self.backend.base_sampler())

    def data(self) -> list[Datum]:
        data = []
        for i in range(3):
            prompt = [(7 * t + 3 * i + 1) % self.vocab_size for t in range(4 + i)]
            answer = [(5 * t + i + 2) % self.vocab_size for t in range(3 + 2 * i)]
            data.append(supervised_datum(prompt, answer))
        return data

    def text(self) -> list[int]:
        return [(11 * t + 5) % self.vocab_size for t in range(12)]

    def loss(self, trainer: Trainer) -> float:
        return trainer.forward(self.data()).metrics["loss:sum"]

    def step(self, trainer: Trainer, count: int = 1) -> None:
        for _ in range(count):
            trainer.forward_backward(self.data())
            trainer.optim_step(learning_rate=LEARNING_RATE)

    def scores(self, trainer: Trainer) -> np.ndarray:
        return np.asarray(trainer.snapshot().score(self.text(), 1))


def _close(found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    difference = float(np.max(np.abs(np.asarray(found) - np.asarray(wanted))))
    assert difference <= TOLERANCE, f"{what} differ by {difference:.3g} nats"


# --- what is checked: each raises AssertionError -------------------------------------------------


def loss_is_the_weighted_sum(subject: _Subject) -> None:
    """ "loss:sum" is -sum(weight x log-probability)."""
    result = subject.trainer().forward(subject.data())
    total = 0.0
    for datum, logprobs in zip(subject.data(), result.logprobs, strict=True):
        assert np.all(np.asarray(logprobs) <= 0.0), "a log-probability is above 0"
        total -= float(np.sum(datum.loss_fn_inputs["weights"] * logprobs))
    found = result.metrics["loss:sum"]
    assert abs(found - total) <= 1e-3 * abs(total), f"loss:sum is {found:.6g}, the sum {total:.6g}"


def a_fresh_adapter_changes_nothing(subject: _Subject) -> None:
    """Before its first step a trainer scores as the base model does."""
    base = np.asarray(subject.base_sampler().score(subject.text(), 1))
    _close(subject.scores(subject.trainer()), base, "a fresh adapter's and the base's scores")


def adapters_of_one_seed_are_equal(subject: _Subject) -> None:
    """Two trainers with the same seed learn the same."""
    one, two = subject.trainer(), subject.trainer()
    subject.step(one, 2)
    subject.step(two, 2)
    _close(subject.scores(one), subject.scores(two), "scores after the same training")


def steps_lower_the_loss(subject: _Subject) -> None:
    """Five steps on one batch lower its loss, and are counted."""
    trainer = subject.trainer()
    before = subject.loss(trainer)
    subject.step(trainer, 5)
    after = subject.loss(trainer)
    assert after < before, f"the loss went from {before:.4g} to {after:.4g}"
    steps = trainer.info.optimizer_steps
    assert steps == 5, f"info() counts {steps} optimizer steps after 5"


def forward_gathers_no_gradients(subject: _Subject) -> None:
    """`forward` leaves nothing for the optimizer."""
    trainer = subject.trainer()
    first = subject.loss(trainer)
    trainer.optim_step(learning_rate=LEARNING_RATE)
    second = subject.loss(trainer)
    assert first == second, f"the loss went from {first:.6g} to {second:.6g} without a gradient"


def gradients_add_up(subject: _Subject) -> None:
    """A batch in parts trains as the batch in one."""
    whole, parts = subject.trainer(), subject.trainer()
    for _ in range(2):
        whole.forward_backward(subject.data())
        whole.optim_step(learning_rate=LEARNING_RATE)
        for datum in subject.data():
            parts.forward_backward([datum])
        parts.optim_step(learning_rate=LEARNING_RATE)
    one, other = subject.loss(whole), subject.loss(parts)
    assert abs(one - other) <= 5e-3 * abs(one), f"losses afterwards: {one:.6g} and {other:.6g}"


def a_saved_state_goes_on(subject: _Subject) -> None:
    """Saved with its optimizer and loaded again, training goes on as if never interrupted."""
    straight, stopped = subject.trainer(), subject.trainer()
    subject.step(straight, 4)
    subject.step(stopped, 2)
    path = stopped.save_state("half-way", True)
    resumed = subject.trainer()
    resumed.load_state(path, True)
    subject.step(resumed, 2)
    _close(subject.scores(resumed), subject.scores(straight), "scores after resuming")


def weights_alone_can_be_loaded(subject: _Subject) -> None:
    """A state saved without optimizer gives the same weights."""
    trainer, other = subject.trainer(), subject.trainer()
    subject.step(trainer, 2)
    other.load_state(trainer.save_state("weights", False), False)
    _close(subject.scores(other), subject.scores(trainer), "scores after loading")


def a_snapshot_keeps_its_weights(subject: _Subject) -> None:
    """Later steps do not reach a sampler taken earlier."""
    trainer = subject.trainer()
    subject.step(trainer)
    sampler = trainer.snapshot()
    before = np.asarray(sampler.score(subject.text(), 1))
    subject.step(trainer, 3)
    _close(np.asarray(sampler.score(subject.text(), 1)), before, "the snapshot's scores")
    later = np.asarray(trainer.snapshot().score(subject.text(), 1))
    assert not np.array_equal(later, before), "a later snapshot has the old weights"


def training_and_sampling_agree(subject: _Subject) -> None:
    """The trainer's log-probabilities are those of its snapshot."""
    trainer = subject.trainer()
    subject.step(trainer, 2)
    text = subject.text()
    datum = Datum(text[:-1], target_tokens=text[1:])
    _close(
        np.asarray(trainer.forward([datum]).logprobs[0]),
        subject.scores(trainer),
        "the trainer's and the sampler's log-probabilities",
    )


def greedy_answers_repeat(subject: _Subject) -> None:
    """Temperature 0 gives the same tokens each time, of the length asked for."""
    sampler = subject.base_sampler()
    options: dict[str, Any] = {"temperature": 0.0, "max_tokens": 6, "stop_tokens": []}
    [first] = sampler.sample(subject.text(), **options)
    [second] = sampler.sample(subject.text(), **options)
    assert list(first.tokens) == list(second.tokens), "two greedy answers differ"
    assert len(first.tokens) == 6, f"{len(first.tokens)} tokens in place of 6"
    assert first.stop_reason == "length", f"stop_reason is {first.stop_reason!r}, not 'length'"


def samples_carry_their_logprobs(subject: _Subject) -> None:
    """The log-probabilities of sampled tokens are those that scoring gives them."""
    sampler = subject.base_sampler()
    text = subject.text()
    [answer] = sampler.sample(text, temperature=1.0, max_tokens=6, seed=3, stop_tokens=[])
    scores = sampler.score(text + [int(t) for t in answer.tokens], len(text))
    _close(np.asarray(answer.logprobs), np.asarray(scores), "sampled and scored log-probabilities")


def stop_tokens_stop(subject: _Subject) -> None:
    """Sampling ends with a stop token, which is part of the answer."""
    sampler = subject.base_sampler()
    options: dict[str, Any] = {"temperature": 0.0, "max_tokens": 6}
    [free] = sampler.sample(subject.text(), stop_tokens=[], **options)
    stop = int(free.tokens[2])
    first = [int(t) for t in free.tokens].index(stop)
    [stopped] = sampler.sample(subject.text(), stop_tokens=[stop], **options)
    assert list(stopped.tokens) == list(free.tokens[: first + 1]), "it did not stop there"
    assert stopped.stop_reason == "stop", f"stop_reason is {stopped.stop_reason!r}, not 'stop'"


def several_samples_differ(subject: _Subject) -> None:
    """As many completions as asked for, not all the same at a high temperature."""
    answers = subject.base_sampler().sample(
        subject.text(), num_samples=4, temperature=2.0, max_tokens=8, seed=1, stop_tokens=[]
    )
    assert len(answers) == 4, f"{len(answers)} completions in place of 4"
    assert len({tuple(a.tokens) for a in answers}) > 1, "all completions are equal"


def a_batch_is_answered_one_by_one(subject: _Subject) -> None:
    """Prompts of different lengths, asked together, get the answers they get alone."""
    sampler = subject.base_sampler()
    prompts = [subject.text()[:length] for length in (3, 12, 7)]
    options: dict[str, Any] = {"temperature": 0.0, "max_tokens": 5, "stop_tokens": []}
    together = sampler.sample_batch(prompts, **options)
    for prompt, [answer] in zip(prompts, together, strict=True):
        [alone] = sampler.sample(prompt, **options)
        _close(
            np.asarray(sampler.score(prompt + [int(t) for t in answer.tokens], len(prompt))),
            np.asarray(answer.logprobs),
            f"the log-probabilities in a batch and alone (prompt of {len(prompt)} tokens)",
        )
        same = list(alone.tokens) == list(answer.tokens)
        near = float(np.sum(alone.logprobs)) - float(np.sum(answer.logprobs)) < TOLERANCE
        assert same or near, f"the prompt of {len(prompt)} tokens is answered otherwise in a batch"


CHECKS: tuple[Callable[[_Subject], None], ...] = (
    loss_is_the_weighted_sum,
    a_fresh_adapter_changes_nothing,
    adapters_of_one_seed_are_equal,
    steps_lower_the_loss,
    forward_gathers_no_gradients,
    gradients_add_up,
    a_saved_state_goes_on,
    weights_alone_can_be_loaded,
    a_snapshot_keeps_its_weights,
    training_and_sampling_agree,
    greedy_answers_repeat,
    samples_carry_their_logprobs,
    stop_tokens_stop,
    several_samples_differ,
    a_batch_is_answered_one_by_one,
)


def check_backend(backend: CustomBackend | Model) -> Conformance:
    """Runs every check on a backend of your own, or on a model of the embedded engine."""
    with _subject(backend) as subject:
        return Conformance([_run(check, subject) for check in CHECKS])


@contextmanager
def _subject(backend: CustomBackend | Model) -> Iterator[_Subject]:
    with tempfile.TemporaryDirectory(prefix="xfer-testing-") as folder:
        yield _Subject(backend, Path(folder))


def _run(check: Callable[[_Subject], None], subject: _Subject) -> Check:
    name = check.__name__.replace("_", " ")
    try:
        check(subject)
    except AssertionError as failure:
        return Check(name, False, str(failure))
    except Exception as failure:  # a check that cannot run has failed
        return Check(name, False, f"{type(failure).__name__}: {failure}")
    return Check(name, True)
