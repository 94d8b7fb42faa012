# SPDX-License-Identifier: Apache-2.0
"""`xfer.tinker` against `xfer serve`: a script with its import line changed, and all that the
clients offer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xfer
from xfer import _native, cli_serve, tinker
from xfer.tinker import types

PROMPTS = [[1, 2, 3], [4, 5, 6, 7], [8, 9]]
ANSWERS = [[4, 5], [1, 2, 3], [10, 11, 12]]


@pytest.fixture(scope="module")
def folder() -> str:
    return str(Path(_native.locate_model("embedded:small")).resolve())


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
def service(server: xfer.Server) -> Iterator[tinker.ServiceClient]:
    with tinker.ServiceClient(base_url=server.url, api_key="tml-test") as client:
        yield client


def local_data() -> list[xfer.Datum]:
    return [xfer.supervised_datum(p, a) for p, a in zip(PROMPTS, ANSWERS, strict=True)]


def wire_data() -> list[tinker.Datum]:
    return [
        tinker.Datum(
            model_input=tinker.ModelInput.from_ints(datum.tokens.tolist()),
            loss_fn_inputs={k: np.asarray(v) for k, v in datum.loss_fn_inputs.items()},
        )
        for datum in local_data()
    ]


def unweighted() -> list[tinker.Datum]:
    return [
        tinker.Datum(d.model_input, {"target_tokens": d.loss_fn_inputs["target_tokens"]})
        for d in wire_data()
    ]


def params(**changes: Any) -> tinker.SamplingParams:
    values: dict[str, Any] = {"max_tokens": 6, "seed": 3, "temperature": 1.0} | changes
    return tinker.SamplingParams(**values)


def prompt(*tokens: int) -> tinker.ModelInput:
    return tinker.ModelInput.from_ints(list(tokens))


def training(service: tinker.ServiceClient, folder: str) -> tinker.TrainingClient:
    return service.create_lora_training_client(base_model=folder, rank=4, seed=7).result()


def step(client: tinker.TrainingClient) -> None:
    passed = client.forward_backward(wire_data(), "cross_entropy")
    stepped = client.optim_step(tinker.AdamParams(learning_rate=1e-2))
    passed.result()
    stepped.result()


def logprobs(client: tinker.TrainingClient) -> list[list[float]]:
    output = client.forward(wire_data(), "cross_entropy").result(timeout=60)
    return [record["logprobs"].tolist() for record in output.loss_fn_outputs]


def test_a_prompt_keeps_what_it_was_made_from() -> None:
    tokens = [1, 2]
    chunks: list[Any] = [tinker.EncodedTextChunk(tokens=tokens)]
    made = tinker.ModelInput(chunks=chunks)
    tokens.clear()
    chunks.clear()
    assert made.to_ints() == [1, 2]


def test_training_gives_the_engines_numbers(
    service: tinker.ServiceClient, folder: str, model: xfer.Model, tmp_path: Path
) -> None:
    client = training(service, folder)
    info = client.get_info()
    assert (info.model_data.model_name, info.model_data.tokenizer_id) == (folder, folder)
    assert (info.is_lora, info.lora_rank, info.model_id) == (True, 4, client.model_id)
    local = xfer.Trainer(model, rank=4, seed=7, state_folder=tmp_path)
    for _ in range(2):
        # Both on their way before either's result is there.
        passed = client.forward_backward(wire_data(), "cross_entropy")
        stepped = client.optim_step(tinker.AdamParams(learning_rate=1e-2, grad_clip_norm=1.0))
        expected = local.forward_backward(local_data())
        result = passed.result()
        assert result.metrics["loss:sum"] == expected.metrics["loss:sum"]
        for record, values in zip(result.loss_fn_outputs, expected.logprobs, strict=True):
            np.testing.assert_array_equal(record["logprobs"].to_numpy(), values)
        metrics = stepped.result().metrics
        norm = local.optim_step(1e-2, grad_clip_norm=1.0).metrics["grad_norm:mean"]
        assert metrics is not None and metrics["grad_norm:mean"] == norm


def test_sampling_gives_the_engines_tokens(
    service: tinker.ServiceClient, folder: str, model: xfer.Model
) -> None:
    client = training(service, folder)
    local = model.sampler().sample([1, 2, 3], max_tokens=6, seed=3, stop_tokens=[])[0]
    path = client.save_weights_for_sampler("s").result().path
    samplers = [
        service.create_sampling_client(base_model=folder).result(),
        service.create_sampling_client(model_path=path).result(),
        client.save_weights_and_get_sampling_client().result(),
        client.create_sampling_client(path).result(),
        # Used at once, as scripts for older clients do.
        client.save_weights_and_get_sampling_client("ignored"),
    ]
    for sampler in samplers:
        one = sampler.sample(prompt(1, 2, 3), 1, params(stop=[])).result().sequences[0]
        assert one.tokens == local.tokens.tolist()
        assert one.logprobs is not None and one.stop_reason == "length"
        assert sampler.get_base_model() == folder
    assert isinstance(samplers[-1], tinker.SamplingClient)
    ids = [s.sequence_id for s in samplers[0].sample(prompt(1), 3, params()).result().sequences]
    assert len(set(ids)) == 3 and all(ids)


def test_sampling_options(service: tinker.ServiceClient, folder: str, model: xfer.Model) -> None:
    sampler = service.create_sampling_client(base_model=folder).result()

    def sample(samples: int = 1, **changes: Any) -> Any:
        return sampler.sample(prompt(1, 2, 3), samples, params(**changes)).result().sequences

    free = sample(stop=[])[0]
    assert len({tuple(s.tokens) for s in sample(4, stop=[], max_tokens=12)}) > 1
    stopped = sample(stop=[free.tokens[2]])[0]
    assert stopped.tokens[-1] == free.tokens[2] and stopped.stop_reason == "stop"
    text = xfer.Tokenizer.load(folder).decode_text([free.tokens[3]])
    for stop in (text, [text]):
        assert len(sample(stop=stop)[0].tokens) <= 4
    greedy = sample(temperature=0.0, stop=[])[0].tokens
    assert sample(top_k=1, stop=[])[0].tokens == sample(top_p=1e-6, stop=[])[0].tokens == greedy

    expected = model.sampler().score([1, 2, 3, 4], 1).tolist()
    assert sampler.compute_logprobs(prompt(1, 2, 3, 4)).result() == [None, *expected]
    response = sampler.sample(
        prompt(1, 2, 3, 4),
        2,
        params(temperature=0.0, stop=[]),
        include_prompt_logprobs=True,
        topk_prompt_logprobs=2,
        topk_sample_logprobs=2,
        target_prompt_logprobs=tinker.TensorData.from_numpy(np.array([[2, -1], [3, 7], [-1, 4]])),
        prompt_alt_tokens_k=5,
        prompt_logprobs_last_n=1,
    ).result()
    assert response.prompt_logprobs is not None and response.target_prompt_logprobs is not None
    assert response.prompt_logprobs[:3] == [None, None, None]
    scored = response.target_prompt_logprobs.to_numpy()
    assert scored.shape == (3, 2) and scored[0, 1] == 0.0 and scored[0, 0] < 0.0
    assert scored[2, 1] == pytest.approx(response.prompt_logprobs[3], abs=1e-4)
    rows = response.topk_prompt_logprobs
    assert rows is not None and rows[:3] == [None, None, None]
    last = rows[3]
    assert last is not None and len(last) == 2
    drawn = response.prompt_alt_tokens
    assert drawn is not None and set(drawn.tokens.to_numpy()[2].tolist()) == {last[0][0]}
    for sequence in response.sequences:
        assert sequence.logprobs is not None and sequence.topk_logprobs is not None
        for token, value, row in zip(
            sequence.tokens, sequence.logprobs, sequence.topk_logprobs, strict=True
        ):
            assert row is not None and row[0] == (token, value)


def test_a_saved_state_goes_on(service: tinker.ServiceClient, folder: str) -> None:
    first = training(service, folder)
    step(first)
    path = first.save_state("one", ttl_seconds=7200).result().path
    metadata = {"from": "one"}
    second = service.create_training_client_from_state_with_optimizer(path, user_metadata=metadata)
    third = service.create_training_client_from_state(path).result()
    # A future of a client is one, too.
    assert isinstance(second, tinker.TrainingClient)
    for client in (first, second, third):
        step(client)
    assert logprobs(first) == logprobs(second) != logprobs(third)
    third.load_state_with_optimizer(path).result()
    step(third)
    assert logprobs(third) == logprobs(first)
    assert third.load_state(path).result().path == path
    run = service.create_rest_client().get_training_run(second.model_id).result()
    assert run.user_metadata == metadata


@pytest.mark.parametrize("with_torch", [False, True])
def test_a_loss_of_ones_own(
    service: tinker.ServiceClient, folder: str, with_torch: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if with_torch:
        torch = pytest.importorskip("torch")
    else:
        monkeypatch.delitem(sys.modules, "torch", raising=False)

    def loss(data: Any, given: list[Any]) -> Any:
        assert len(data) == len(given)
        if with_torch:
            return torch.cat([v.reshape(-1) for v in given]).square().sum(), {"own:mean": 1.0}
        value = sum(float((v**2).sum()) for v in given)
        return value, {"own:mean": 1.0}, [2 * v for v in given]

    client = training(service, folder)
    values = []
    for _ in range(3):
        # The step waits for the loss's second pass although it is asked for before.
        passed = client.forward_backward_custom(unweighted(), loss)
        stepped = client.optim_step(tinker.AdamParams(learning_rate=1e-2))
        metrics = passed.result(timeout=60).metrics
        stepped.result(timeout=60)
        assert metrics["own:mean"] == 1.0 and "surrogate_loss:sum" in metrics
        values.append(metrics["loss:sum"])
    assert values[0] > values[1] > values[2]


def test_a_loss_that_fails_fails_what_follows(service: tinker.ServiceClient, folder: str) -> None:
    def loss(data: Any, given: Any) -> Any:
        raise KeyError("mine")

    client = training(service, folder)
    passed = client.forward_backward_custom(unweighted(), loss)
    stepped = client.optim_step(tinker.AdamParams())
    with pytest.raises(KeyError, match="mine"):
        passed.result(timeout=60)
    with pytest.raises(RuntimeError, match="earlier loss"):
        stepped.result(timeout=60)
    with pytest.raises(RuntimeError, match="earlier loss"):
        client.optim_step(tinker.AdamParams()).result(timeout=60)


def test_rest(service: tinker.ServiceClient, folder: str) -> None:
    client = training(service, folder)
    run = client.model_id
    path = client.save_state("one").result().path
    sampler_path = client.save_weights_for_sampler("two").result().path
    rest = service.create_rest_client()
    models = service.get_server_capabilities().supported_models
    assert folder in {m.model_name for m in models}
    runs = rest.list_training_runs(limit=1000).result()
    assert run in {r.training_run_id for r in runs.training_runs}
    assert runs.cursor.total_count >= 1
    found = rest.get_training_run_by_tinker_path(path).result()
    assert (found.training_run_id, found.base_model, found.lora_rank) == (run, folder, 4)
    listed = rest.list_checkpoints(run).result().checkpoints
    assert {c.tinker_path: c.checkpoint_type for c in listed} == {
        path: "training",
        sampler_path: "sampler",
    }
    assert found.last_request_time.tzinfo is not None
    info = rest.get_weights_info_by_tinker_path(path).result()
    assert (info.base_model, info.lora_rank, info.is_lora) == (folder, 4, True)
    rest.publish_checkpoint_from_tinker_path(path).result()
    assert any(c.public for c in rest.list_checkpoints(run).result().checkpoints)
    rest.unpublish_checkpoint_from_tinker_path(path).result()
    rest.set_checkpoint_ttl_from_tinker_path(path, 7200).result()
    assert any(c.expires_at for c in rest.list_checkpoints(run).result().checkpoints)
    rest.set_checkpoint_ttl_from_tinker_path(path, None).result()
    rest.delete_checkpoint_from_tinker_path(sampler_path).result()
    rest.delete_checkpoint(run, "weights/one").result()
    assert rest.list_checkpoints(run).result().checkpoints == []
    assert run.split(":")[0] in rest.list_sessions(limit=1000).result().sessions
    assert run in rest.get_session(run.split(":")[0]).result().training_run_ids


def test_errors_have_the_names_of_the_sdk(service: tinker.ServiceClient, folder: str) -> None:
    client = training(service, folder)
    with pytest.raises(tinker.RequestFailedError, match="no_such_loss") as caught:
        client.forward_backward(wire_data(), "no_such_loss").result()  # type: ignore[arg-type]
    assert caught.value.category == types.RequestErrorCategory.User
    assert isinstance(caught.value, xfer.Error)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    with pytest.raises(tinker.RequestFailedError, match="not served"):
        service.create_lora_training_client(base_model="no/such-model", rank=4).result()
    with pytest.raises(tinker.NotFoundError) as missing:
        service.create_rest_client().get_training_run("none").result()
    assert missing.value.status_code == 404
    with pytest.raises(tinker.TinkerError):
        service.create_sampling_client(model_path="tinker://none/sampler_weights/x").result()
    with pytest.raises(ValueError, match="not a tinker path"):
        service.create_rest_client().delete_checkpoint_from_tinker_path("tinker://x")
    with pytest.raises(ValueError, match="no data"):
        client.forward_backward([], "cross_entropy")
    with pytest.raises(ValueError, match="not a token id"):
        client.forward([tinker.Datum(prompt(2**40), {})], "cross_entropy")
    step(client)  # None of this has harmed the model.


def test_a_wrong_key_is_refused(tmp_path: Path) -> None:
    with cli_serve.start("embedded:small", tmp_path, threads=1, api_keys=["tml-right"]) as server:
        right = tinker.ServiceClient(base_url=server.url, api_key="tml-right")
        assert right.get_server_capabilities().supported_models
        wrong = tinker.RestClient(base_url=server.url, api_key="tml-wrong")
        with pytest.raises(tinker.AuthenticationError):
            wrong.get_server_capabilities().result()


def test_in_an_event_loop(service: tinker.ServiceClient, folder: str) -> None:
    async def script() -> list[int]:
        client = await service.create_lora_training_client_async(folder, rank=4, seed=7)
        passed = await client.forward_backward_async(wire_data(), "cross_entropy")
        stepped = await client.optim_step_async(tinker.AdamParams(learning_rate=1e-2))
        # Blocking calls work inside a running loop, as notebooks make them.
        assert passed.result().metrics["loss:sum"] > 0
        await stepped
        sampler = await client.save_weights_and_get_sampling_client_async()
        samples = [sampler.sample_async(prompt(1, 2, 3), 1, params(stop=[])) for _ in range(8)]
        answers = await asyncio.gather(*samples)
        assert len({tuple(a.sequences[0].tokens) for a in answers}) == 1
        rest = service.create_rest_client()
        assert (await rest.get_training_run_async(client.model_id)).lora_rank == 4
        task = asyncio.create_task(sampler.compute_logprobs(prompt(1, 2)).coroutine())
        assert (await task)[0] is None
        return answers[0].sequences[0].tokens

    # Twice, in two loops, with clients that outlive the first.
    assert asyncio.run(script()) == asyncio.run(script())


def test_in_threads_and_with_standard_futures(
    service: tinker.ServiceClient, folder: str, model: xfer.Model
) -> None:
    sampler = service.create_sampling_client(base_model=folder).result()
    futures = [sampler.sample(prompt(1, 2, 3), 1, params(seed=s, stop=[])) for s in range(64)]
    assert len(list(concurrent.futures.as_completed(futures, timeout=120))) == 64
    local = model.sampler()
    for seed in (0, 37, 63):
        expected = local.sample([1, 2, 3], max_tokens=6, seed=seed, stop_tokens=[])[0]
        assert futures[seed].result().sequences[0].tokens == expected.tokens.tolist()

    answers: list[Any] = []

    def work() -> None:
        answers.append(sampler.compute_logprobs(prompt(1, 2, 3)).result())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 8 and all(a == answers[0] for a in answers)


def test_timeouts_and_cancelling(service: tinker.ServiceClient, folder: str) -> None:
    sampler = service.create_sampling_client(base_model=folder).result()
    long = params(max_tokens=1_000_000, stop=[])
    future = sampler.sample(prompt(1, 2), 64, long)
    with pytest.raises(TimeoutError):
        future.result(timeout=0.05)
    assert future.cancel() and future.cancelled()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await sampler.sample(prompt(1, 2), 64, long).result_async(timeout=0.05)

    asyncio.run(give_up())
    assert sampler.sample(prompt(1, 2, 3), 1, params()).result(timeout=60).sequences


def test_a_closed_service_says_so(server: xfer.Server, folder: str) -> None:
    with tinker.ServiceClient(base_url=server.url, api_key="tml-test") as service:
        client = training(service, folder)
    with pytest.raises(RuntimeError, match="closed"):
        service.create_sampling_client(base_model=folder)
    with pytest.raises(tinker.TinkerError):
        client.optim_step(tinker.AdamParams()).result()
    service.close("success").result()
    with pytest.raises(ValueError, match="model_path or base_model"):
        tinker.ServiceClient(base_url=server.url, api_key="tml-x").create_sampling_client()


SCRIPT = Path(__file__).with_name("tinker_script.py")


def run_script(import_line: str, server: xfer.Server, folder: str) -> str:
    code = SCRIPT.read_text().replace("from xfer import tinker", import_line)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, server.url, folder],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_script_runs_with_its_import_line_changed(server: xfer.Server, folder: str) -> None:
    ours = run_script("from xfer import tinker", server, folder)
    assert "accuracy" in ours
    pytest.importorskip("tinker", reason="the official SDK is not installed: xfer[test-tinker]")
    pytest.importorskip("transformers")
    assert run_script("import tinker", server, folder) == ours


def test_a_process_ends_with_calls_under_way(server: xfer.Server, folder: str) -> None:
    code = f"""
from xfer import tinker
service = tinker.ServiceClient(base_url={server.url!r}, api_key="tml-test")
sampler = service.create_sampling_client(base_model={folder!r}).result()
params = tinker.SamplingParams(max_tokens=1_000_000, stop=[])
futures = [sampler.sample(tinker.ModelInput.from_ints([1, 2]), 8, params) for _ in range(4)]
print("done")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_torch_is_not_imported(server: xfer.Server, folder: str) -> None:
    code = f"""
import sys
from xfer import tinker
service = tinker.ServiceClient(base_url={server.url!r}, api_key="tml-test")
client = service.create_lora_training_client(base_model={folder!r}, rank=2).result()
data = [tinker.Datum(tinker.ModelInput.from_ints([1, 2]),
                     {{"target_tokens": [2, 3], "weights": [0.0, 1.0]}})]
client.forward_backward(data, "cross_entropy").result()
assert not {{"torch", "pydantic", "tinker", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
