# SPDX-License-Identifier: Apache-2.0
"""The door to a Tinker service."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal

from xfer import _native
from xfer.tinker._answers import GetSamplerResponse, GetServerCapabilitiesResponse
from xfer.tinker._futures import APIFuture, OnDone, follow, settle, start
from xfer.tinker._requests import AdamOptimizerConfig
from xfer.tinker._rest import RestClient
from xfer.tinker._sampling import BackcompatSamplingClientFuture, SamplingClient
from xfer.tinker._training import (
    BackcompatTrainingClientFuture,
    TrainingClient,
    refuse_stability_info,
)


class ServiceClient:
    """One account at one service. Connects on first use; threads of the library keep its session
    alive, so it works inside and outside of event loops and from several threads.

    Without `base_url`: TINKER_BASE_URL, else the hosted service. Without `api_key`: TINKER_API_KEY.
    """

    def __init__(
        self,
        user_metadata: dict[str, str] | None = None,
        project_id: str | None = None,
        *,
        display_name: str | None = None,
        base_url: str | None = None,
        api_key: str | None = None,
        default_headers_overrides: Mapping[str, str] | None = None,
        **ignored: Any,
    ) -> None:
        if ignored:
            names = ", ".join(sorted(ignored))
            warnings.warn(f"ServiceClient ignores {names}", FutureWarning, stacklevel=2)
        if default_headers_overrides:
            raise ValueError("default_headers_overrides is not offered by this client")
        self._closed = False
        self._handle = _native.TinkerService(
            base_url=base_url or os.environ.get("TINKER_BASE_URL") or None,
            api_key=api_key,
            project_id=project_id,
            display_name=display_name or "",
            user_metadata=user_metadata or {},
        )

    def __enter__(self) -> ServiceClient:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close("success").result()
        else:
            self.close("errored" if issubclass(kind, Exception) else "interrupted").result()

    def _open(self) -> _native.TinkerService:
        if self._closed:
            raise RuntimeError("ServiceClient is closed")
        return self._handle

    def close(
        self, status: Literal["success", "errored", "interrupted"], detail: str | None = None
    ) -> APIFuture[None]:
        """Tells the service that the session is over."""
        if self._closed:
            future: APIFuture[None] = APIFuture()
            settle(future, lambda: None)
            return future
        self._closed = True
        ended: APIFuture[None] = start(
            lambda done: self._handle.finish_session(status, detail or "", done)
        )
        return ended

    def create_rest_client(self) -> RestClient:
        return RestClient(self._open())

    def get_server_capabilities(self) -> GetServerCapabilitiesResponse:
        return self.create_rest_client().get_server_capabilities().result()

    async def get_server_capabilities_async(self) -> GetServerCapabilitiesResponse:
        return await self.create_rest_client().get_server_capabilities()

    def create_lora_training_client(
        self,
        base_model: str,
        rank: int = 32,
        seed: int | None = None,
        train_mlp: bool = True,
        train_attn: bool = True,
        train_unembed: bool = True,
        user_metadata: dict[str, str] | None = None,
        optimizer: AdamOptimizerConfig | None = None,
    ) -> BackcompatTrainingClientFuture:
        """A new adapter on a base model. Without a seed the service chooses."""
        if not (train_mlp or train_attn or train_unembed):
            raise ValueError("at least one of train_mlp, train_attn, train_unembed must be True")
        _check_optimizer(optimizer)
        native = self._open()
        future: BackcompatTrainingClientFuture = start(
            lambda done: native.create_training_client(
                base_model,
                rank,
                seed,
                train_mlp,
                train_attn,
                train_unembed,
                user_metadata or {},
                done,
            ),
            lambda made: TrainingClient._make(made, self),
            BackcompatTrainingClientFuture(),
        )
        return future

    async def create_lora_training_client_async(
        self,
        base_model: str,
        rank: int = 32,
        seed: int | None = None,
        train_mlp: bool = True,
        train_attn: bool = True,
        train_unembed: bool = True,
        user_metadata: dict[str, str] | None = None,
        optimizer: AdamOptimizerConfig | None = None,
    ) -> TrainingClient:
        return await self.create_lora_training_client(
            base_model, rank, seed, train_mlp, train_attn, train_unembed, user_metadata, optimizer
        )

    def create_training_client_from_state(
        self,
        path: str,
        base_model: str | None = None,
        user_metadata: dict[str, str] | None = None,
        weights_access_token: str | None = None,
        optimizer: AdamOptimizerConfig | None = None,
    ) -> BackcompatTrainingClientFuture:
        """A new model from a checkpoint's weights; its optimizer starts afresh."""
        _check_optimizer(optimizer)
        return self._from_state(path, False, base_model, user_metadata, weights_access_token)

    async def create_training_client_from_state_async(
        self,
        path: str,
        base_model: str | None = None,
        user_metadata: dict[str, str] | None = None,
        weights_access_token: str | None = None,
        optimizer: AdamOptimizerConfig | None = None,
    ) -> TrainingClient:
        return await self.create_training_client_from_state(
            path, base_model, user_metadata, weights_access_token, optimizer
        )

    def create_training_client_from_state_with_optimizer(
        self,
        path: str,
        base_model: str | None = None,
        user_metadata: dict[str, str] | None = None,
        weights_access_token: str | None = None,
    ) -> BackcompatTrainingClientFuture:
        """A new model that goes on exactly where the checkpoint was saved."""
        return self._from_state(path, True, base_model, user_metadata, weights_access_token)

    async def create_training_client_from_state_with_optimizer_async(
        self,
        path: str,
        base_model: str | None = None,
        user_metadata: dict[str, str] | None = None,
        weights_access_token: str | None = None,
    ) -> TrainingClient:
        return await self.create_training_client_from_state_with_optimizer(
            path, base_model, user_metadata, weights_access_token
        )

    def _from_state(
        self,
        path: str,
        with_optimizer: bool,
        base_model: str | None,
        user_metadata: dict[str, str] | None,
        weights_access_token: str | None,
    ) -> BackcompatTrainingClientFuture:
        if base_model is not None or weights_access_token is not None:
            raise ValueError("base_model and weights_access_token are not offered by this client")
        native = self._open()
        future: BackcompatTrainingClientFuture = start(
            lambda done: native.create_training_client_from_state(
                path, with_optimizer, user_metadata or {}, done
            ),
            lambda made: TrainingClient._make(made, self),
            BackcompatTrainingClientFuture(),
        )
        return future

    def create_sampling_client(
        self,
        model_path: str | None = None,
        base_model: str | None = None,
        retry_config: object = None,
        record_stability_info: bool = False,
    ) -> BackcompatSamplingClientFuture:
        """Of saved weights or of a base model. `retry_config` has no effect."""
        del retry_config
        refuse_stability_info(record_stability_info)
        if model_path is None and base_model is None:
            raise ValueError("either model_path or base_model must be given")
        native = self._open()
        if base_model is not None:
            name = base_model
            future: BackcompatSamplingClientFuture = start(
                lambda done: native.create_sampling_client(model_path, name, done),
                lambda made: SamplingClient._make(made, name),
                BackcompatSamplingClientFuture(),
            )
            return future
        return _with_base_model(native, model_path)

    async def create_sampling_client_async(
        self,
        model_path: str | None = None,
        base_model: str | None = None,
        retry_config: object = None,
        record_stability_info: bool = False,
    ) -> SamplingClient:
        return await self.create_sampling_client(
            model_path, base_model, retry_config, record_stability_info
        )


def _with_base_model(
    native: _native.TinkerService, model_path: str | None
) -> BackcompatSamplingClientFuture:
    """A sampling client of saved weights, and then the name of their base model."""
    future = BackcompatSamplingClientFuture()

    def then_ask(made: Any, error: BaseException | None) -> None:
        def fail() -> Any:
            assert error is not None
            raise error

        if error is not None:
            settle(future, fail)
            return

        def client_of(answer: bytes) -> SamplingClient:
            sampler = GetSamplerResponse.model_validate_json(answer)
            return SamplingClient._make(made, sampler.base_model)

        def ask(done: OnDone) -> _native.TinkerCall:
            return native.request("GET", f"samplers/{made.id}", "", done)

        follow(future, ask, client_of)

    call = native.create_sampling_client(model_path, None, then_ask)
    future.add_done_callback(lambda ended: call.cancel() if ended.cancelled() else None)
    return future


def _check_optimizer(optimizer: object) -> None:
    if optimizer is not None and not isinstance(optimizer, AdamOptimizerConfig):
        raise ValueError(f"the only optimizer of this client is AdamW (got {optimizer!r})")
