# SPDX-License-Identifier: Apache-2.0
"""Runs, checkpoints and sessions of an account."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import quote, urlencode

from xfer import _native
from xfer.tinker._answers import (
    CheckpointsListResponse,
    ExternalWeightsUrlsResponse,
    GetSamplerResponse,
    GetServerCapabilitiesResponse,
    GetSessionResponse,
    ListSessionsResponse,
    ParsedCheckpointTinkerPath,
    TrainingRun,
    TrainingRunsResponse,
    WeightsInfoResponse,
)
from xfer.tinker._futures import APIFuture, start
from xfer.tinker._model import Model

if TYPE_CHECKING:
    T = TypeVar("T", bound=Model)

Scope = Literal["owned", "accessible"]


class RestClient:
    """Needs no session. Safe to use from several threads."""

    def __init__(
        self,
        _service: _native.TinkerService | None = None,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
    ) -> None:
        self._service = _service or _native.TinkerService(base_url=base_url, api_key=api_key)

    def _ask(self, answer: type[T], method: str, path: str, body: Any = None) -> APIFuture[T]:
        def read(text: bytes) -> T:
            return answer.model_validate_json(text)

        return self._send(read, method, path, body)

    def _tell(self, method: str, path: str, body: Any = None) -> APIFuture[None]:
        return self._send(lambda _: None, method, path, body)

    def _send(
        self, read: Callable[[bytes], Any], method: str, path: str, body: Any = None
    ) -> APIFuture[Any]:
        text = "" if body is None else json.dumps(body)
        future: APIFuture[Any] = start(
            lambda done: self._service.request(method, path, text, done), read
        )
        return future

    def get_server_capabilities(self) -> APIFuture[GetServerCapabilitiesResponse]:
        return self._ask(GetServerCapabilitiesResponse, "GET", "get_server_capabilities")

    def get_training_run(
        self, training_run_id: str, access_scope: Scope = "owned"
    ) -> APIFuture[TrainingRun]:
        query = urlencode({"access_scope": access_scope})
        return self._ask(TrainingRun, "GET", f"training_runs/{_segment(training_run_id)}?{query}")

    async def get_training_run_async(
        self, training_run_id: str, access_scope: Scope = "owned"
    ) -> TrainingRun:
        return await self.get_training_run(training_run_id, access_scope)

    def get_training_run_by_tinker_path(
        self, tinker_path: str, access_scope: Scope = "owned"
    ) -> APIFuture[TrainingRun]:
        parsed = ParsedCheckpointTinkerPath.from_tinker_path(tinker_path)
        return self.get_training_run(parsed.training_run_id, access_scope)

    async def get_training_run_by_tinker_path_async(
        self, tinker_path: str, access_scope: Scope = "owned"
    ) -> TrainingRun:
        return await self.get_training_run_by_tinker_path(tinker_path, access_scope)

    def get_weights_info_by_tinker_path(self, tinker_path: str) -> APIFuture[WeightsInfoResponse]:
        return self._ask(WeightsInfoResponse, "POST", "weights_info", {"tinker_path": tinker_path})

    def list_training_runs(
        self,
        limit: int = 20,
        offset: int = 0,
        access_scope: Scope = "owned",
        project_id: str | None = None,
    ) -> APIFuture[TrainingRunsResponse]:
        fields: dict[str, Any] = {"limit": limit, "offset": offset, "access_scope": access_scope}
        if project_id is not None:
            fields["project_id"] = project_id
        return self._ask(TrainingRunsResponse, "GET", f"training_runs?{urlencode(fields)}")

    async def list_training_runs_async(
        self,
        limit: int = 20,
        offset: int = 0,
        access_scope: Scope = "owned",
        project_id: str | None = None,
    ) -> TrainingRunsResponse:
        return await self.list_training_runs(limit, offset, access_scope, project_id)

    def list_checkpoints(self, training_run_id: str) -> APIFuture[CheckpointsListResponse]:
        """Of one run."""
        path = f"training_runs/{_segment(training_run_id)}/checkpoints"
        return self._ask(CheckpointsListResponse, "GET", path)

    async def list_checkpoints_async(self, training_run_id: str) -> CheckpointsListResponse:
        return await self.list_checkpoints(training_run_id)

    def list_user_checkpoints(
        self, limit: int = 100, offset: int = 0
    ) -> APIFuture[CheckpointsListResponse]:
        """Of all runs."""
        query = urlencode({"limit": limit, "offset": offset})
        return self._ask(CheckpointsListResponse, "GET", f"checkpoints?{query}")

    async def list_user_checkpoints_async(
        self, limit: int = 100, offset: int = 0
    ) -> CheckpointsListResponse:
        return await self.list_user_checkpoints(limit, offset)

    def get_external_weights_urls(
        self, training_run_id: str, checkpoint_id: str
    ) -> APIFuture[ExternalWeightsUrlsResponse]:
        path = _checkpoint(training_run_id, checkpoint_id) + "/external_weights_urls"
        return self._ask(ExternalWeightsUrlsResponse, "GET", path)

    def delete_checkpoint(self, training_run_id: str, checkpoint_id: str) -> APIFuture[None]:
        """For good. `checkpoint_id` as in "weights/name"."""
        return self._tell("DELETE", _checkpoint(training_run_id, checkpoint_id))

    async def delete_checkpoint_async(self, training_run_id: str, checkpoint_id: str) -> None:
        await self.delete_checkpoint(training_run_id, checkpoint_id)

    def delete_checkpoint_from_tinker_path(self, tinker_path: str) -> APIFuture[None]:
        return self._tell("DELETE", _of_path(tinker_path))

    async def delete_checkpoint_from_tinker_path_async(self, tinker_path: str) -> None:
        await self.delete_checkpoint_from_tinker_path(tinker_path)

    def publish_checkpoint_from_tinker_path(self, tinker_path: str) -> APIFuture[None]:
        return self._tell("POST", _of_path(tinker_path) + "/publish")

    async def publish_checkpoint_from_tinker_path_async(self, tinker_path: str) -> None:
        await self.publish_checkpoint_from_tinker_path(tinker_path)

    def unpublish_checkpoint_from_tinker_path(self, tinker_path: str) -> APIFuture[None]:
        return self._tell("DELETE", _of_path(tinker_path) + "/publish")

    async def unpublish_checkpoint_from_tinker_path_async(self, tinker_path: str) -> None:
        await self.unpublish_checkpoint_from_tinker_path(tinker_path)

    def set_checkpoint_ttl_from_tinker_path(
        self, tinker_path: str, ttl_seconds: int | None
    ) -> APIFuture[None]:
        """None: keep it for good."""
        return self._tell("PUT", _of_path(tinker_path) + "/ttl", {"ttl_seconds": ttl_seconds})

    async def set_checkpoint_ttl_from_tinker_path_async(
        self, tinker_path: str, ttl_seconds: int | None
    ) -> None:
        await self.set_checkpoint_ttl_from_tinker_path(tinker_path, ttl_seconds)

    def list_sessions(
        self, limit: int = 20, offset: int = 0, access_scope: Scope = "owned"
    ) -> APIFuture[ListSessionsResponse]:
        query = urlencode({"limit": limit, "offset": offset, "access_scope": access_scope})
        return self._ask(ListSessionsResponse, "GET", f"sessions?{query}")

    async def list_sessions_async(
        self, limit: int = 20, offset: int = 0, access_scope: Scope = "owned"
    ) -> ListSessionsResponse:
        return await self.list_sessions(limit, offset, access_scope)

    def get_session(
        self, session_id: str, access_scope: Scope = "owned"
    ) -> APIFuture[GetSessionResponse]:
        query = urlencode({"access_scope": access_scope})
        return self._ask(GetSessionResponse, "GET", f"sessions/{_segment(session_id)}?{query}")

    async def get_session_async(
        self, session_id: str, access_scope: Scope = "owned"
    ) -> GetSessionResponse:
        return await self.get_session(session_id, access_scope)

    def get_sampler(self, sampler_id: str) -> APIFuture[GetSamplerResponse]:
        return self._ask(GetSamplerResponse, "GET", f"samplers/{_segment(sampler_id)}")

    async def get_sampler_async(self, sampler_id: str) -> GetSamplerResponse:
        return await self.get_sampler(sampler_id)


def _segment(text: str) -> str:
    if not text or text in (".", ".."):
        raise ValueError(f"not an id: {text!r}")
    return quote(text, safe=":")


def _checkpoint(run_id: str, checkpoint_id: str) -> str:
    kind, _, name = checkpoint_id.partition("/")
    return f"training_runs/{_segment(run_id)}/checkpoints/{_segment(kind)}/{_segment(name)}"


def _of_path(tinker_path: str) -> str:
    parsed = ParsedCheckpointTinkerPath.from_tinker_path(tinker_path)
    return _checkpoint(parsed.training_run_id, parsed.checkpoint_id)
