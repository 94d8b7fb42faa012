# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xfer

PROMPT = [72, 101, 108, 108, 111]


def batch() -> list[xfer.Datum]:
    return [
        xfer.supervised_datum([65, 66, 67], [68, 69, 256]),
        xfer.Datum([1, 2, 3], target_tokens=[2, 3, 4], weights=[0.0, 1.0, 1.0]),
    ]


def test_a_model_says_what_it_is(model: xfer.Model, model_folder: Path) -> None:
    assert model.name == model_folder.name
    assert model.parameters > 10_000
    assert len(model.tokenizer) == 257


def test_data_are_what_was_given() -> None:
    datum = batch()[0]
    assert list(datum.tokens) == [65, 66, 67, 68, 69]
    np.testing.assert_array_equal(datum.loss_fn_inputs["target_tokens"], [66, 67, 68, 69, 256])
    np.testing.assert_array_equal(datum.loss_fn_inputs["weights"], [0, 0, 1, 1, 1])
    alone = xfer.Datum(np.array([1, 2], np.int32), target_tokens=np.array([2, 3]))
    np.testing.assert_array_equal(alone.loss_fn_inputs["weights"], [1, 1])
    with pytest.raises(TypeError, match="target_tokens"):
        xfer.Datum([1, 2], target_tokens=[0.5, 1.0])


def test_training_lowers_the_loss_and_leaves_snapshots_alone(model: xfer.Model) -> None:
    trainer = xfer.Trainer(model, rank=4)
    before = trainer.forward(batch())
    assert [len(x) for x in before.logprobs] == [5, 3]
    weighted = sum(
        float(-(logprobs * datum.loss_fn_inputs["weights"]).sum())
        for logprobs, datum in zip(before.logprobs, batch(), strict=True)
    )
    assert before.metrics["loss:sum"] == pytest.approx(weighted, rel=1e-5)
    snapshot = trainer.snapshot()
    for _ in range(20):
        trainer.forward_backward(batch(), loss_fn="cross_entropy")
        step = trainer.optim_step(learning_rate=1e-2, grad_clip_norm=1.0)
    assert step.metrics["grad_norm:mean"] > 0
    assert trainer.info.optimizer_steps == 20
    assert trainer.forward(batch()).metrics["loss:sum"] < 0.8 * before.metrics["loss:sum"]
    tokens = [65, 66, 67, 68]
    np.testing.assert_array_equal(snapshot.score(tokens, 1), model.sampler().score(tokens, 1))
    assert (trainer.snapshot().score(tokens, 1) != snapshot.score(tokens, 1)).any()


def sampled(trainer: xfer.Trainer) -> list[xfer.Datum]:
    """Data of a policy that was a little different; every ratio on some side of every bound."""
    rng = np.random.default_rng(3)
    data = []
    for tokens in ([65, 66, 67, 68, 69, 70], [1, 2, 3]):
        plain = xfer.Datum(tokens, target_tokens=[*tokens[1:], 9])
        [now] = trainer.forward([plain]).logprobs
        data.append(
            xfer.Datum(
                tokens,
                target_tokens=[*tokens[1:], 9],
                logprobs=now - rng.choice([-1.8, -0.5, -0.1, 0.1, 0.5, 1.8], len(tokens)),
                advantages=rng.normal(size=len(tokens)),
            )
        )
    return data


@pytest.mark.parametrize("loss_fn", ["importance_sampling", "ppo", "cispo", "dro", "gspo"])
def test_losses_are_their_formulas(model: xfer.Model, loss_fn: str) -> None:
    trainer = xfer.Trainer(model, rank=4)
    data = sampled(trainer)
    if loss_fn == "gspo":
        data = [
            xfer.Datum(
                d.tokens, **d.loss_fn_inputs, sequence_ratio_mask=np.minimum(np.arange(len(d)), 1)
            )
            for d in data
        ]
    low, high = (0.0, 4.0) if loss_fn == "cispo" else (0.8, 1.2)
    config = {}
    if loss_fn == "gspo":  # the default bounds are narrow for a whole sequence
        low, high = 0.2, 5.0
        config = {"clip_low_threshold": low, "clip_high_threshold": high}
    expected = 0.0
    for datum, lp in zip(data, trainer.forward(data, loss_fn).logprobs, strict=True):
        inputs = {k: np.asarray(v, np.float64) for k, v in datum.loss_fn_inputs.items()}
        q, a = inputs["logprobs"], inputs["advantages"]
        ratio = np.exp(lp - q)
        if loss_fn == "gspo":
            ratio = np.exp(np.mean((lp - q)[inputs["sequence_ratio_mask"] != 0]))
        clipped = np.clip(ratio, low, high)
        expected -= {
            "importance_sampling": ratio * a,
            "ppo": np.minimum(ratio * a, clipped * a),
            "cispo": clipped * lp * a,
            "dro": lp * a - 0.5 * 0.05 * (lp - q) ** 2,
            "gspo": np.minimum(ratio * a, clipped * a),
        }[loss_fn].sum()
    loss = trainer.forward_backward(data, loss_fn, config).metrics["loss:sum"]
    assert loss == pytest.approx(expected, rel=1e-5)
    assert trainer.optim_step().metrics["grad_norm:mean"] > 0


def test_several_targets_have_several_weights(model: xfer.Model) -> None:
    trainer = xfer.Trainer(model, rank=4)
    targets = np.array([[5, 6], [7, 8], [9, 10]])
    weights = np.array([[1.0, 0.5], [0.0, 0.0], [2.0, -1.0]])
    datum = xfer.Datum([1, 2, 3], target_tokens=targets, weights=weights)
    result = trainer.forward_backward([datum])
    assert result.logprobs[0].shape == (3, 2)
    loss = float(-(result.logprobs[0] * weights).sum())
    assert result.metrics["loss:sum"] == pytest.approx(loss, rel=1e-5)
    with pytest.raises(xfer.Error, match=r"datum 0: weights must have the shape"):
        trainer.forward([xfer.Datum([1, 2, 3], target_tokens=targets, weights=weights.T)])


def test_a_loss_may_be_ones_own(model: xfer.Model) -> None:
    theirs, ours = xfer.Trainer(model, rank=4), xfer.Trainer(model, rank=4)
    data = batch()

    def nll(
        given: list[xfer.Datum], logprobs: list[np.ndarray]
    ) -> tuple[float, list[np.ndarray], dict[str, float]]:
        weights = [d.loss_fn_inputs["weights"] for d in given]
        loss = -sum(float((w * lp).sum()) for w, lp in zip(weights, logprobs, strict=True))
        return loss, [-w for w in weights], {"data:sum": len(given)}

    expected = theirs.forward_backward(data)
    result = ours.forward_backward_custom(data, nll)
    assert result.metrics["loss:sum"] == pytest.approx(expected.metrics["loss:sum"], rel=1e-5)
    assert result.metrics["data:sum"] == 2.0
    steps = [t.optim_step(1e-2).metrics["grad_norm:mean"] for t in (theirs, ours)]
    assert steps[0] == steps[1]


def test_ones_own_loss_must_fit(model: xfer.Model) -> None:
    trainer = xfer.Trainer(model, rank=4)
    with pytest.raises(ZeroDivisionError):
        trainer.forward_backward_custom(batch(), lambda _data, _logprobs: 1 // 0)
    with pytest.raises(TypeError, match="must return"):
        trainer.forward_backward_custom(batch(), lambda _data, _logprobs: 1.0)
    with pytest.raises(xfer.Error, match="datum 1: the gradient"):
        trainer.forward_backward_custom(batch(), lambda _data, lp: (1.0, [lp[0], lp[0]]))
    with pytest.raises(xfer.Error, match="each of the 2 data"):
        trainer.forward_backward_custom(batch(), lambda _data, lp: (1.0, lp[:1]))
    with pytest.raises(xfer.Error) as caught:
        trainer.forward_backward_custom(batch(), lambda _data, lp: (float("nan"), lp))
    assert caught.value.code == "diverged"


def test_weights_may_be_kept_in_bf16(model: xfer.Model, model_folder: Path) -> None:
    half = xfer.Model.load(str(model_folder), threads=2, weights="bf16")
    assert half.content_hash != model.content_hash
    tokens = [*PROMPT, 1, 2, 3]
    scores = half.sampler().score(tokens, 1)
    np.testing.assert_allclose(scores, model.sampler().score(tokens, 1), atol=0.1)
    with pytest.raises(xfer.Error, match="f32, bf16 or bf16_compute"):
        xfer.Model.load(str(model_folder), weights="f16")


def test_states_are_saved_and_loaded(model: xfer.Model, tmp_path: Path) -> None:
    trainer = xfer.Trainer(model, rank=4, state_folder=tmp_path)
    for _ in range(3):
        trainer.forward_backward(batch())
        trainer.optim_step(1e-2)
    path = trainer.save_state("three")
    expected = trainer.forward(batch()).metrics["loss:sum"]
    other = xfer.Trainer(model, rank=4, state_folder=tmp_path)
    other.load_state(path)
    assert other.forward(batch()).metrics["loss:sum"] == expected
    adapted = model.sampler(adapter=path)
    np.testing.assert_array_equal(adapted.score(PROMPT, 1), trainer.snapshot().score(PROMPT, 1))
    with pytest.raises(xfer.Error) as caught:
        xfer.Trainer(model, rank=8, state_folder=tmp_path).load_state(path)
    assert caught.value.code == "run_mismatch"


def test_saving_needs_a_place(model: xfer.Model) -> None:
    with pytest.raises(xfer.Error, match="state_folder"):
        xfer.Trainer(model, rank=4).save_state("here")


def test_sampling_depends_on_the_seed_alone(model: xfer.Model) -> None:
    sampler = model.sampler()
    first = sampler.sample(PROMPT, num_samples=2, max_tokens=8, seed=1)
    again = sampler.sample(np.array(PROMPT, np.int32), num_samples=2, max_tokens=8, seed=1)
    assert [list(c.tokens) for c in first] == [list(c.tokens) for c in again]
    other = sampler.sample(PROMPT, num_samples=2, max_tokens=8, seed=2)
    assert [list(c.tokens) for c in first] != [list(c.tokens) for c in other]
    assert first[0].tokens.dtype == np.int32
    assert first[0].logprobs.dtype == np.float32
    assert first[0].stop_reason in {"stop", "length"}


def test_a_batch_is_its_prompts_one_by_one(model: xfer.Model) -> None:
    sampler = model.sampler()
    prompts = [PROMPT, [1, 2], [200]]
    together = sampler.sample_batch(prompts, max_tokens=6, seed=10)
    for i, prompt in enumerate(prompts):
        [alone] = sampler.sample(prompt, max_tokens=6, seed=10 + i)
        np.testing.assert_array_equal(together[i][0].tokens, alone.tokens)
    assert sampler.sample_batch([]) == []


def test_scores_agree_with_sampling(model: xfer.Model) -> None:
    sampler = model.sampler()
    [greedy] = sampler.sample(PROMPT, max_tokens=6, temperature=0.0, stop_tokens=[])
    scores = sampler.score([*PROMPT, *greedy.tokens.tolist()], len(PROMPT))
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, greedy.logprobs, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"num_samples": 0}, "num_samples"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"top_p": 0.0}, "top_p"),
    ],
)
def test_bad_requests_are_refused(model: xfer.Model, options: dict, named: str) -> None:
    with pytest.raises(xfer.Error, match=named) as caught:
        model.sampler().sample(PROMPT, **options)
    assert caught.value.code == "invalid_argument"


def test_bad_data_are_refused(model: xfer.Model) -> None:
    trainer = xfer.Trainer(model, rank=4)
    with pytest.raises(xfer.Error, match="no data"):
        trainer.forward_backward([])
    with pytest.raises(xfer.Error, match="known: cross_entropy, importance_sampling"):
        trainer.forward_backward(batch(), loss_fn="crossentropy")
    with pytest.raises(xfer.Error):
        trainer.forward_backward([xfer.Datum([1, 2], target_tokens=[1])])
    with pytest.raises(xfer.Error):
        trainer.forward_backward([xfer.Datum([1, 999], target_tokens=[1, 2])])
    with pytest.raises(xfer.Error, match="learning_rate"):
        trainer.optim_step(-1.0)
    with pytest.raises(xfer.Error):
        xfer.Trainer(model, rank=-1)


def test_missing_models_are_named(tmp_path: Path) -> None:
    with pytest.raises(xfer.Error, match="nowhere"):
        xfer.Model.load(str(tmp_path / "nowhere"))
    with pytest.raises(xfer.Error, match=r"did you mean .small"):
        xfer.Model.load("embedded:smal")
    (tmp_path / "cut.gguf").write_bytes(b"GGUF\x03\x00")
    with pytest.raises(xfer.Error, match=r"cut\.gguf") as caught:
        xfer.Model.load(str(tmp_path / "cut.gguf"))
    assert caught.value.code == "bad_data"
