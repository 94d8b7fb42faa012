# SPDX-License-Identifier: Apache-2.0
"""One model being trained."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from xfer.tinker._answers import (
    ForwardBackwardOutput,
    GetInfoResponse,
    LoadWeightsResponse,
    ModelData,
    OptimStepResponse,
    SaveWeightsForSamplerResponse,
    SaveWeightsResponse,
)
from xfer.tinker._custom_loss import CustomLoss, backward_data, evaluate, forward_data
from xfer.tinker._futures import APIFuture, OnDone, follow, settle
from xfer.tinker._order import Order
from xfer.tinker._requests import AdamParams, Datum, LossFnType
from xfer.tinker._sampling import BackcompatSamplingClientFuture, SamplingClient
from xfer.tinker._tensors import TensorData
from xfer.tinker._tokenizers import load_tokenizer

if TYPE_CHECKING:
    from xfer import _native
    from xfer.tinker._service import ServiceClient

LossConfig = Mapping[str, "float | str"]
Begin = Callable[[OnDone], "_native.TinkerCall"]


class TrainingClient:
    """Made by `ServiceClient`. Calls return futures at once and are carried out in the order in
    which they were made, whatever thread made them.
    """

    _handle: _native.TinkerTraining
    _service: ServiceClient
    _info: GetInfoResponse
    _order: Order

    @classmethod
    def _make(cls, native: _native.TinkerTraining, service: ServiceClient) -> TrainingClient:
        client = TrainingClient()
        client._handle = native
        client._service = service
        client._info = _info_of(native.info)
        client._order = Order()
        return client

    def _client(self) -> TrainingClient:
        return self

    def _start(
        self, begin: Begin, convert: Callable[[Any], Any], future: APIFuture[Any] | None = None
    ) -> Any:
        future = APIFuture() if future is None else future
        pending = future
        self._client()._order.begin(pending, lambda: follow(pending, begin, convert))
        return future

    @property
    def model_id(self) -> str:
        return self.get_info().model_id

    def forward(
        self, data: Sequence[Datum], loss_fn: LossFnType, loss_fn_config: LossConfig | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        """Losses and log-probabilities, without gradients."""
        return self._pass(data, loss_fn, loss_fn_config, forward_only=True)

    async def forward_async(
        self, data: Sequence[Datum], loss_fn: LossFnType, loss_fn_config: LossConfig | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        return self.forward(data, loss_fn, loss_fn_config)

    def forward_backward(
        self, data: Sequence[Datum], loss_fn: LossFnType, loss_fn_config: LossConfig | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        """The same, and gradients, which add up until `optim_step`."""
        return self._pass(data, loss_fn, loss_fn_config, forward_only=False)

    async def forward_backward_async(
        self, data: Sequence[Datum], loss_fn: LossFnType, loss_fn_config: LossConfig | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        return self.forward_backward(data, loss_fn, loss_fn_config)

    def _pass(
        self,
        data: Sequence[Datum],
        loss_fn: str,
        config: LossConfig | None,
        *,
        forward_only: bool,
    ) -> APIFuture[ForwardBackwardOutput]:
        if not data:
            raise ValueError("no data")
        if loss_fn in ("stable_reinforce", "custom"):
            raise ValueError(f"the loss {loss_fn!r} is not offered by this client")
        native = self._client()._handle
        future: APIFuture[ForwardBackwardOutput] = self._start(
            lambda done: native.pass_(data, loss_fn, config, forward_only, done), output_of
        )
        return future

    def forward_backward_custom(
        self, data: Sequence[Datum], loss_fn: CustomLoss, *, loss_type_input: str | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        """A loss of your own: `loss_fn(data, logprobs) -> (loss, metrics)` on torch tensors.

        Without torch it is given arrays and returns `(loss, metrics, gradients)`, the last being
        dloss/dlogprobs for each datum. It runs on a thread of its own. When it fails, so do all
        later calls on this model.
        """
        if loss_type_input not in (None, "logprobs"):
            raise ValueError(f"loss_type_input must be 'logprobs' (got {loss_type_input!r})")
        if not data:
            raise ValueError("no data")
        client = self._client()
        inputs = forward_data(data)
        future: APIFuture[ForwardBackwardOutput] = APIFuture()

        def on_forward(result: Any, error: BaseException | None) -> None:
            work = threading.Thread(
                target=client._finish_custom,
                args=(future, data, loss_fn, result, error),
                name="xfer-tinker-loss",
                daemon=True,
            )
            work.start()

        client._order.begin(
            future,
            lambda: _begin_custom(client._handle, inputs, on_forward),
            hold=True,
        )
        return future

    async def forward_backward_custom_async(
        self, data: Sequence[Datum], loss_fn: CustomLoss, *, loss_type_input: str | None = None
    ) -> APIFuture[ForwardBackwardOutput]:
        return self.forward_backward_custom(data, loss_fn, loss_type_input=loss_type_input)

    def _finish_custom(
        self,
        future: APIFuture[ForwardBackwardOutput],
        data: Sequence[Datum],
        loss_fn: CustomLoss,
        result: Any,
        error: BaseException | None,
    ) -> None:
        """Between the two passes of a custom loss, and the second one's beginning."""
        try:
            if error is not None:
                raise error
            if future.cancelled():
                raise RuntimeError("it was cancelled")
            logprobs = [record["logprobs"] for record in result[1]]
            value, metrics, gradients = evaluate(loss_fn, data, logprobs)
            weighted = backward_data(data, gradients)

            def convert(raw: Any) -> ForwardBackwardOutput:
                output = output_of(raw)
                surrogate = {"surrogate_loss:sum": output.metrics.pop("loss:sum")}
                output.metrics.update({**metrics, "loss:sum": value, **surrogate})
                return output

            follow(
                future,
                lambda done: self._handle.pass_(weighted, "cross_entropy", None, False, done),
                convert,
            )
        except BaseException as failure:
            self._order.release(failure)
            problem = failure

            def fail() -> Any:
                raise problem

            settle(future, fail)
        else:
            self._order.release()

    def optim_step(
        self, optim_params: AdamParams | None = None, *, adam_params: AdamParams | None = None
    ) -> APIFuture[OptimStepResponse]:
        """Applies the gradients by AdamW and clears them."""
        if (optim_params is None) == (adam_params is None):
            raise ValueError("optim_step takes AdamParams")
        params = optim_params if optim_params is not None else adam_params
        if not isinstance(params, AdamParams):
            raise TypeError(f"optim_step takes AdamParams (got {type(params).__name__})")
        native = self._client()._handle
        values = params.model_dump()
        future: APIFuture[OptimStepResponse] = self._start(
            lambda done: native.optim_step(**values, on_done=done),
            lambda metrics: OptimStepResponse(metrics=metrics),
        )
        return future

    async def optim_step_async(
        self, optim_params: AdamParams | None = None, *, adam_params: AdamParams | None = None
    ) -> APIFuture[OptimStepResponse]:
        return self.optim_step(optim_params, adam_params=adam_params)

    def save_state(
        self,
        name: str,
        ttl_seconds: int | None = None,
        overwrite: bool = False,
        user_metadata: dict[str, str] | None = None,
    ) -> APIFuture[SaveWeightsResponse]:
        """Saves weights and optimizer; the result's `path` is what to load."""
        native = self._client()._handle
        metadata = user_metadata or {}
        future: APIFuture[SaveWeightsResponse] = self._start(
            lambda done: native.save(name, ttl_seconds, overwrite, metadata, False, done),
            lambda path: SaveWeightsResponse(path=path),
        )
        return future

    async def save_state_async(
        self,
        name: str,
        ttl_seconds: int | None = None,
        overwrite: bool = False,
        user_metadata: dict[str, str] | None = None,
    ) -> APIFuture[SaveWeightsResponse]:
        return self.save_state(name, ttl_seconds, overwrite, user_metadata)

    def save_weights_for_sampler(
        self,
        name: str,
        ttl_seconds: int | None = None,
        user_metadata: dict[str, str] | None = None,
    ) -> APIFuture[SaveWeightsForSamplerResponse]:
        """Saves weights to sample from; the result's `path` makes sampling clients."""
        native = self._client()._handle
        metadata = user_metadata or {}
        future: APIFuture[SaveWeightsForSamplerResponse] = self._start(
            lambda done: native.save(name, ttl_seconds, False, metadata, True, done),
            lambda path: SaveWeightsForSamplerResponse(path=path),
        )
        return future

    async def save_weights_for_sampler_async(
        self,
        name: str,
        ttl_seconds: int | None = None,
        user_metadata: dict[str, str] | None = None,
    ) -> APIFuture[SaveWeightsForSamplerResponse]:
        return self.save_weights_for_sampler(name, ttl_seconds, user_metadata)

    def load_state(self, path: str) -> APIFuture[LoadWeightsResponse]:
        """Into this very model, without the optimizer's state."""
        return self._load(path, with_optimizer=False)

    async def load_state_async(self, path: str) -> APIFuture[LoadWeightsResponse]:
        return self.load_state(path)

    def load_state_with_optimizer(self, path: str) -> APIFuture[LoadWeightsResponse]:
        return self._load(path, with_optimizer=True)

    async def load_state_with_optimizer_async(self, path: str) -> APIFuture[LoadWeightsResponse]:
        return self.load_state_with_optimizer(path)

    def _load(self, path: str, *, with_optimizer: bool) -> APIFuture[LoadWeightsResponse]:
        native = self._client()._handle
        future: APIFuture[LoadWeightsResponse] = self._start(
            lambda done: native.load_state(path, with_optimizer, done),
            lambda _: LoadWeightsResponse(path=path, model_id=self.model_id),
        )
        return future

    def save_weights_and_get_sampling_client(
        self,
        name: str | None = None,
        retry_config: object = None,
        record_stability_info: bool = False,
        kind: str = "snapshot",
    ) -> BackcompatSamplingClientFuture:
        """Samples from the weights as they are now, for as long as the session lasts.

        `name` and `retry_config` have no effect.
        """
        del name, retry_config
        refuse_stability_info(record_stability_info)
        if kind != "snapshot":
            raise ValueError(f"kind must be 'snapshot' (got {kind!r})")
        client = self._client()
        base_model = client._info.model_data.model_name or ""
        future: BackcompatSamplingClientFuture = self._start(
            client._handle.snapshot,
            lambda native: SamplingClient._make(native, base_model),
            BackcompatSamplingClientFuture(),
        )
        return future

    async def save_weights_and_get_sampling_client_async(
        self,
        name: str | None = None,
        retry_config: object = None,
        record_stability_info: bool = False,
        kind: str = "snapshot",
    ) -> SamplingClient:
        return await self.save_weights_and_get_sampling_client(
            name, retry_config, record_stability_info, kind
        )

    def create_sampling_client(
        self, model_path: str, retry_config: object = None, record_stability_info: bool = False
    ) -> BackcompatSamplingClientFuture:
        """Of saved weights."""
        return self._client()._service.create_sampling_client(
            model_path=model_path,
            retry_config=retry_config,
            record_stability_info=record_stability_info,
        )

    async def create_sampling_client_async(
        self, model_path: str, retry_config: object = None, record_stability_info: bool = False
    ) -> SamplingClient:
        return await self.create_sampling_client(model_path, retry_config, record_stability_info)

    def get_info(self) -> GetInfoResponse:
        return self._client()._info

    async def get_info_async(self) -> GetInfoResponse:
        return self.get_info()

    def get_tokenizer(self) -> Any:
        """The model's, of transformers where that is installed."""
        data = self.get_info().model_data
        return load_tokenizer(data.model_name or "", data.tokenizer_id)


class BackcompatTrainingClientFuture(APIFuture[TrainingClient], TrainingClient):
    """A future of a client; used as the client itself it waits for it."""

    def _client(self) -> TrainingClient:
        return self.result()


def _begin_custom(native: _native.TinkerTraining, data: list[Datum], on_forward: OnDone) -> None:
    native.pass_(data, "cross_entropy", None, True, on_forward)


def refuse_stability_info(wanted: bool) -> None:
    if wanted:
        raise ValueError("record_stability_info is not offered by this client")


def output_of(raw: Any) -> ForwardBackwardOutput:
    """From the native client's form."""
    kind, records, metrics = raw
    outputs = [
        {name: TensorData.from_numpy(np.asarray(values)) for name, values in record.items()}
        for record in records
    ]
    return ForwardBackwardOutput(kind, outputs, metrics)


def _info_of(raw: dict[str, Any]) -> GetInfoResponse:
    return GetInfoResponse(
        model_id=raw["model_id"],
        model_data=ModelData(
            arch=raw["arch"], model_name=raw["model_name"], tokenizer_id=raw["tokenizer_id"]
        ),
        is_lora=raw["is_lora"],
        lora_rank=raw["lora_rank"],
        model_name=raw["model_name"],
    )
