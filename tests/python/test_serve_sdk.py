# SPDX-License-Identifier: Apache-2.0
"""The official Tinker SDK, unmodified, against the server: a tour of everything it offers.

Needs the extra `test-tinker`. Runs with SDK 0.38 and with 0.25, whose clients offer less.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xfer
from xfer import _native, cli_serve

tinker = pytest.importorskip(
    "tinker", reason="the official Tinker SDK is not installed: pip install xfer[test-tinker]"
)
types = tinker.types

# The SDK's own warnings, of which it has many, are not ours to heed.
pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.timeout(600)]

VERSION = tuple(int(part) for part in tinker.__version__.split(".")[:2])
NEW = VERSION >= (0, 38)
needs_new = pytest.mark.skipif(not NEW, reason=f"SDK {tinker.__version__} does not offer it")

PROMPTS = [[1, 2, 3], [4, 5, 6, 7], [8, 9]]
ANSWERS = [[4, 5], [1, 2, 3], [10, 11, 12]]


@pytest.fixture(scope="module")
def folder() -> str:
    return str(_native.locate_model("embedded:small"))


@pytest.fixture(scope="module")
def model() -> xfer.Model:
    return xfer.Model.load("embedded:small", threads=1)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[xfer.Server]:
    with cli_serve.start(
        "embedded:small", tmp_path_factory.mktemp("serve"), threads=1, compress=True
    ) as server:
        yield server


@pytest.fixture
def service(server: xfer.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("TINKER_TELEMETRY", "0")
    client = tinker.ServiceClient(base_url=server.url, api_key="tml-test")
    yield client
    if hasattr(client, "close"):
        client.close("success")


def wire_data(repeat: int = 1) -> list[Any]:
    out = []
    for datum in local_data():
        inputs = {
            name: tinker.TensorData.from_numpy(np.asarray(values))
            for name, values in datum.loss_fn_inputs.items()
        }
        tokens = datum.tokens.tolist()
        out.append(
            tinker.Datum(model_input=tinker.ModelInput.from_ints(tokens), loss_fn_inputs=inputs)
        )
    return out * repeat


def local_data(repeat: int = 1) -> list[xfer.Datum]:
    return [xfer.supervised_datum(p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)] * repeat


def local_trainer(model: xfer.Model, tmp_path: Path) -> xfer.Trainer:
    return xfer.Trainer(model, rank=4, seed=7, state_folder=tmp_path)


def ready(client: Any) -> Any:
    """The new SDK returns futures of clients."""
    return client.result() if NEW else client


def training(service: Any, folder: str) -> Any:
    return ready(service.create_lora_training_client(base_model=folder, rank=4, seed=7))


def logprobs_of(output: Any) -> list[list[float]]:
    return [o["logprobs"].to_numpy().tolist() for o in output.loss_fn_outputs]


def assert_same(served: Any, local: xfer.ForwardBackwardResult) -> None:
    assert logprobs_of(served) == [values.tolist() for values in local.logprobs]
    assert served.metrics["loss:sum"] == local.metrics["loss:sum"]


def step(client: Any, learning_rate: float = 1e-2) -> None:
    passed = client.forward_backward(wire_data(), "cross_entropy")
    stepped = client.optim_step(tinker.AdamParams(learning_rate=learning_rate))
    passed.result()
    stepped.result()


def params(**changes: Any) -> Any:
    return tinker.SamplingParams(**{"max_tokens": 6, "seed": 3, "temperature": 1.0} | changes)


def prompt(*tokens: int) -> Any:
    return tinker.ModelInput.from_ints(list(tokens))


def test_capabilities(service: Any, folder: str) -> None:
    offered = service.get_server_capabilities().supported_models
    assert {m.model_name for m in offered} == {"embedded:small", folder}


def test_training_gives_the_engines_numbers(
    service: Any, folder: str, model: xfer.Model, tmp_path: Path
) -> None:
    client = training(service, folder)
    info = client.get_info()
    assert (info.model_data.model_name, info.model_data.tokenizer_id) == (folder, folder)
    assert (info.is_lora, info.lora_rank) == (True, 4)
    local = local_trainer(model, tmp_path)
    for _ in range(2):
        assert_same(
            client.forward(wire_data(), "cross_entropy").result(), local.forward(local_data())
        )
        # Both on their way before either's result is there.
        passed = client.forward_backward(wire_data(), "cross_entropy")
        stepped = client.optim_step(tinker.AdamParams(learning_rate=1e-2, grad_clip_norm=1.0))
        assert_same(passed.result(), local.forward_backward(local_data()))
        norm = local.optim_step(1e-2, grad_clip_norm=1.0).metrics["grad_norm:mean"]
        assert stepped.result().metrics["grad_norm:mean"] == norm


def test_large_batches_come_in_several_chunks(
    service: Any, folder: str, model: xfer.Model, tmp_path: Path
) -> None:
    client = training(service, folder)
    output = client.forward_backward(wire_data(400), "cross_entropy").result()
    expected = local_trainer(model, tmp_path).forward(local_data())
    assert len(output.loss_fn_outputs) == 1200
    assert logprobs_of(output)[-3:] == [values.tolist() for values in expected.logprobs]
    loss = expected.metrics["loss:sum"]
    assert output.metrics["loss:sum"] == pytest.approx(400 * loss, rel=1e-6)


def test_sparse_tensors(service: Any, folder: str) -> None:
    torch = pytest.importorskip("torch")
    rows = 12
    targets = torch.zeros((rows, 16), dtype=torch.int64)
    weights = torch.zeros((rows, 16))
    targets[:, 0] = torch.arange(1, rows + 1)
    weights[:, 0] = 1.0
    weights[3, 2] = 0.5
    tokens = tinker.ModelInput.from_ints(list(range(rows)))

    def datum(convert: Any) -> Any:
        inputs = {"target_tokens": convert(targets), "weights": convert(weights)}
        return tinker.Datum(model_input=tokens, loss_fn_inputs=inputs)

    sparse = datum(tinker.TensorData.from_torch_sparse)
    assert sparse.loss_fn_inputs["weights"].sparse_crow_indices is not None
    client = training(service, folder)
    dense = datum(tinker.TensorData.from_torch)
    outputs = [client.forward([d], "cross_entropy").result() for d in (dense, sparse)]
    assert logprobs_of(outputs[0]) == logprobs_of(outputs[1])
    assert outputs[0].metrics == outputs[1].metrics


def test_a_loss_of_the_clients_own(service: Any, folder: str) -> None:
    torch = pytest.importorskip("torch")

    def loss(data: list[Any], logprobs: list[Any]) -> tuple[Any, dict[str, float]]:
        total = torch.cat([values.reshape(-1) for values in logprobs]).square().sum()
        return total, {"own:mean": 1.0}

    client = training(service, folder)
    data = []
    for datum in wire_data():
        inputs = {"target_tokens": datum.loss_fn_inputs["target_tokens"]}
        data.append(tinker.Datum(model_input=datum.model_input, loss_fn_inputs=inputs))
    values = []
    for _ in range(4):
        values.append(client.forward_backward_custom(data, loss).result().metrics["loss:sum"])
        client.optim_step(tinker.AdamParams(learning_rate=1e-2)).result()
    assert values[-1] < values[0]


@pytest.mark.parametrize("name", ["importance_sampling", "ppo", "cispo", "dro"])
def test_losses_of_reinforcement_learning(
    service: Any, folder: str, model: xfer.Model, tmp_path: Path, name: str
) -> None:
    local = []
    wire = []
    for datum in local_data():
        targets = datum.loss_fn_inputs["target_tokens"]
        arrays = {
            "target_tokens": targets,
            "logprobs": np.full(len(targets), -2.0, dtype=np.float32),
            "advantages": np.linspace(-1.0, 1.0, len(targets), dtype=np.float32),
        }
        local.append(xfer.Datum(datum.tokens, **arrays))
        inputs = {key: tinker.TensorData.from_numpy(np.asarray(a)) for key, a in arrays.items()}
        wire.append(
            tinker.Datum(
                model_input=tinker.ModelInput.from_ints(datum.tokens.tolist()),
                loss_fn_inputs=inputs,
            )
        )
    client = training(service, folder)
    config = {"clip_low_threshold": 0.9} if name == "ppo" else None
    served = client.forward_backward(wire, name, config).result()
    assert_same(served, local_trainer(model, tmp_path).forward_backward(local, name, config or {}))


def test_a_saved_state_goes_on(service: Any, folder: str) -> None:
    first = training(service, folder)
    step(first)
    path = first.save_state("one").result().path
    assert path.startswith("tinker://") and path.endswith("/weights/one")
    second = ready(service.create_training_client_from_state_with_optimizer(path))
    third = ready(service.create_training_client_from_state(path))
    assert second.get_info().lora_rank == 4
    for client in (first, second, third):
        step(client)
    one, two, three = (
        logprobs_of(client.forward(wire_data(), "cross_entropy").result())
        for client in (first, second, third)
    )
    assert one == two
    assert one != three
    third.load_state_with_optimizer(path).result()
    step(third)
    assert logprobs_of(third.forward(wire_data(), "cross_entropy").result()) == one
    third.load_state(path).result()


def test_every_way_to_a_sampler(service: Any, folder: str, model: xfer.Model) -> None:
    client = training(service, folder)
    base = ready(service.create_sampling_client(base_model=folder))
    expected = model.sampler().sample([1, 2, 3], max_tokens=6, seed=3, stop_tokens=[])[0]
    for sampler in (base, ready(client.save_weights_and_get_sampling_client())):
        got = sampler.sample(prompt(1, 2, 3), 1, params(stop=[])).result().sequences[0]
        assert list(got.tokens) == expected.tokens.tolist()
    step(client)
    path = client.save_weights_for_sampler("s").result().path
    named = ready(service.create_sampling_client(model_path=path))
    unnamed = ready(client.save_weights_and_get_sampling_client())
    also = ready(client.create_sampling_client(path))
    answers = [
        list(s.sample(prompt(1, 2, 3), 1, params(stop=[])).result().sequences[0].logprobs)
        for s in (named, unnamed, also)
    ]
    assert answers[0] == answers[1] == answers[2]


def test_sampling_options(service: Any, folder: str) -> None:
    sampler = ready(service.create_sampling_client(base_model=folder))

    def sample(samples: int = 1, **changes: Any) -> Any:
        return sampler.sample(prompt(1, 2, 3), samples, params(**changes)).result().sequences

    free = sample(stop=[])[0]
    assert len(free.tokens) == 6 and free.stop_reason == "length"
    assert list(sample(stop=[])[0].tokens) == list(free.tokens)
    several = sample(4, stop=[], max_tokens=12)
    assert len({tuple(s.tokens) for s in several}) > 1
    by_token = sample(stop=[free.tokens[2]])[0]
    assert by_token.tokens[-1] == free.tokens[2] and by_token.stop_reason == "stop"
    best = list(sample(temperature=0.0, stop=[])[0].tokens)
    assert list(sample(top_k=1, stop=[])[0].tokens) == best
    assert list(sample(top_p=1e-6, stop=[])[0].tokens) == best
    tokenizer = xfer.Tokenizer.load(folder)
    text = tokenizer.decode([free.tokens[3]]).decode(errors="replace")
    for stop in (text, [text]):
        stopped = sample(stop=stop)[0]
        assert stopped.stop_reason == "stop" and len(stopped.tokens) <= 4
    unseeded = [list(sample(seed=None, max_tokens=20, stop=[])[0].tokens) for _ in range(2)]
    assert unseeded[0] != unseeded[1]


def test_log_probabilities(service: Any, folder: str, model: xfer.Model) -> None:
    sampler = ready(service.create_sampling_client(base_model=folder))
    expected = model.sampler().score([1, 2, 3, 4], 1).tolist()
    assert sampler.compute_logprobs(prompt(1, 2, 3, 4)).result() == [None, *expected]
    response = sampler.sample(
        prompt(1, 2, 3, 4),
        1,
        params(temperature=0.0, stop=[]),
        include_prompt_logprobs=True,
        topk_prompt_logprobs=3,
    ).result()
    assert response.prompt_logprobs == [None, *expected]
    rows = response.topk_prompt_logprobs
    assert len(rows) == 4 and rows[0] is None
    assert all(len(row) == 3 for row in rows[1:])


@needs_new
def test_log_probabilities_at_each_position(service: Any, folder: str) -> None:
    torch = pytest.importorskip("torch")
    sampler = ready(service.create_sampling_client(base_model=folder))
    ids = torch.tensor([[2, -1], [3, 7], [-1, 4]])
    for target in (
        tinker.TensorData.from_torch(ids),
        tinker.TensorData(
            data=[2, 3, 7, 4],
            dtype="int64",
            shape=[3, 2],
            sparse_crow_indices=[0, 1, 3, 4],
            sparse_col_indices=[0, 0, 1, 1],
        ),
    ):
        response = sampler.sample(
            prompt(1, 2, 3, 4),
            2,
            params(temperature=0.0, stop=[]),
            include_prompt_logprobs=True,
            topk_prompt_logprobs=2,
            topk_sample_logprobs=2,
            target_prompt_logprobs=target,
            prompt_alt_tokens_k=5,
            prompt_logprobs_last_n=1,
        ).result()
        assert response.prompt_logprobs[:3] == [None, None, None]
        scored = response.target_prompt_logprobs.to_numpy()
        assert scored.shape == (3, 2)
        assert scored[0, 1] == 0.0 and scored[0, 0] < 0.0
        assert scored[2, 1] == pytest.approx(response.prompt_logprobs[3], abs=1e-4)
        assert response.prompt_alt_tokens.tokens.to_numpy().shape == (3, 5)
        assert response.topk_prompt_logprobs[:3] == [None, None, None]
        best = response.topk_prompt_logprobs[3][0]
        drawn = response.prompt_alt_tokens
        assert set(drawn.tokens.to_numpy()[2].tolist()) == {best[0]}
        assert drawn.logprobs.to_numpy()[2, 0] == best[1]
        for sequence in response.sequences:
            for token, logprob, row in zip(
                sequence.tokens, sequence.logprobs, sequence.topk_logprobs, strict=True
            ):
                assert row[0] == (token, logprob)


def test_the_rest_client(service: Any, folder: str) -> None:
    client = training(service, folder)
    run = client.get_info().model_id
    path = client.save_state("one").result().path
    sampler_path = client.save_weights_for_sampler("two").result().path
    rest = service.create_rest_client()
    assert run in [r.training_run_id for r in rest.list_training_runs().result().training_runs]
    found = rest.get_training_run(run).result()
    assert (found.base_model, found.lora_rank) == (folder, 4)
    assert rest.get_training_run_by_tinker_path(path).result().training_run_id == run
    listed = rest.list_checkpoints(run).result().checkpoints
    assert {c.tinker_path for c in listed} == {path, sampler_path}
    assert {c.checkpoint_type for c in listed} == {"training", "sampler"}
    assert rest.list_user_checkpoints(limit=1000).result().checkpoints
    info = rest.get_weights_info_by_tinker_path(path).result()
    assert (info.base_model, info.lora_rank) == (folder, 4)
    rest.publish_checkpoint_from_tinker_path(path).result()
    assert any(c.public for c in rest.list_checkpoints(run).result().checkpoints)
    rest.unpublish_checkpoint_from_tinker_path(path).result()
    if hasattr(rest, "set_checkpoint_ttl_from_tinker_path"):
        rest.set_checkpoint_ttl_from_tinker_path(path, 7200).result()
        rest.set_checkpoint_ttl_from_tinker_path(path, None).result()
    rest.delete_checkpoint_from_tinker_path(sampler_path).result()
    rest.delete_checkpoint(run, "weights/one").result()
    assert rest.list_checkpoints(run).result().checkpoints == []
    sessions = rest.list_sessions(limit=1000).result().sessions
    assert run.split(":")[0] in sessions
    assert run in rest.get_session(run.split(":")[0]).result().training_run_ids
    sampler = ready(service.create_sampling_client(base_model=folder))
    assert sampler.get_base_model() == folder


def test_errors_say_whose_they_are(service: Any, folder: str) -> None:
    client = training(service, folder)
    with pytest.raises(tinker.RequestFailedError, match="no_such_loss") as caught:
        client.forward_backward(wire_data(), "no_such_loss").result()
    assert caught.value.category == types.RequestErrorCategory.User
    outside = wire_data()
    outside[1] = tinker.Datum(
        model_input=tinker.ModelInput.from_ints([1, 2, 10**6]),
        loss_fn_inputs=outside[1].loss_fn_inputs,
    )
    with pytest.raises(tinker.RequestFailedError, match="datum 1"):
        client.forward_backward(outside, "cross_entropy").result()
    with pytest.raises(tinker.RequestFailedError, match="already"):
        client.save_state("twice").result()
        client.save_state("twice").result()
    with pytest.raises(tinker.RequestFailedError, match="not served"):
        ready(service.create_lora_training_client(base_model="no/such-model", rank=4))
    with pytest.raises(tinker.TinkerError):
        ready(service.create_sampling_client(model_path="tinker://no-run/sampler_weights/x"))
    sampler = ready(service.create_sampling_client(base_model=folder))
    with pytest.raises(tinker.RequestFailedError, match="prompt is empty"):
        sampler.sample(prompt(), 1, params()).result()
    # None of this has harmed the model.
    step(client)


def test_a_wrong_key_is_refused(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TINKER_TELEMETRY", "0")
    with cli_serve.start("embedded:small", tmp_path, threads=1, api_keys=["tml-right"]) as server:
        right = tinker.ServiceClient(base_url=server.url, api_key="tml-right")
        assert right.get_server_capabilities().supported_models
        with pytest.raises(tinker.AuthenticationError, match="API key"):
            wrong = tinker.ServiceClient(base_url=server.url, api_key="tml-wrong")
            wrong.get_server_capabilities()


def test_the_tokenizer_is_found_offline(
    service: Any, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    expected = xfer.Tokenizer.load(folder).encode("2 + 2 = 4")
    sampler = ready(service.create_sampling_client(base_model=folder))
    clients = [training(service, folder), sampler]
    for client in clients:
        tokens = client.get_tokenizer().encode("2 + 2 = 4", add_special_tokens=False)
        assert list(tokens) == list(expected)


@needs_new
def test_a_sample_that_is_given_up_is_cancelled(service: Any, folder: str) -> None:
    sampler = ready(service.create_sampling_client(base_model=folder))
    long = params(max_tokens=1_000_000, stop=[])

    async def give_up() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(sampler.sample(prompt(1, 2), 64, long), 0.2)

    asyncio.run(give_up())
    assert sampler.sample(prompt(1, 2, 3), 1, params()).result(timeout=60).sequences


def test_256_samples_at_once(service: Any, folder: str, model: xfer.Model) -> None:
    cli_serve.allow_many_connections()
    sampler = ready(service.create_sampling_client(base_model=folder))

    def sample(seed: int) -> list[int]:
        result = sampler.sample(prompt(1, 2, 3), 1, params(seed=seed, stop=[])).result()
        return list(result.sequences[0].tokens)

    with ThreadPoolExecutor(256) as pool:
        answers = list(pool.map(sample, range(256)))
    local = model.sampler()
    for seed in range(0, 256, 37):
        expected = local.sample([1, 2, 3], max_tokens=6, seed=seed, stop_tokens=[])[0]
        assert answers[seed] == expected.tokens.tolist()


@needs_new
def test_samples_are_waited_for_together(folder: str, tmp_path: Path) -> None:
    cli_serve.allow_many_connections()
    with cli_serve.start("embedded:small", tmp_path, threads=1, batch_polls=True) as server:
        service = tinker.ServiceClient(base_url=server.url, api_key="tml-test")
        sampler = ready(service.create_sampling_client(base_model=folder))
        futures = [sampler.sample(prompt(1, 2, 3), 1, params(seed=i)) for i in range(300)]
        with pytest.raises(tinker.RequestFailedError, match="prompt is empty"):
            sampler.sample(prompt(), 1, params()).result()
        answers = [list(future.result().sequences[0].tokens) for future in futures]
        again = sampler.sample(prompt(1, 2, 3), 1, params(seed=7)).result()
        assert list(again.sequences[0].tokens) == answers[7]
        service.close("success")
