# SPDX-License-Identifier: Apache-2.0
"""Sampling from one fixed set of weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from xfer.tinker._answers import (
    PromptAltTokens,
    SampledSequence,
    SampleResponse,
    TopkLogprobs,
)
from xfer.tinker._futures import APIFuture, start
from xfer.tinker._requests import ModelInput, SamplingParams
from xfer.tinker._tensors import TensorData
from xfer.tinker._tokenizers import load_tokenizer

if TYPE_CHECKING:
    from xfer import _native


class SamplingClient:
    """Made by `ServiceClient.create_sampling_client` and by training clients.

    Safe to use from several threads, any number of samples at once.
    """

    _handle: _native.TinkerSampling
    _base_model: str

    @classmethod
    def _make(cls, native: _native.TinkerSampling, base_model: str) -> SamplingClient:
        client = SamplingClient()
        client._handle = native
        client._base_model = base_model
        return client

    def _client(self) -> SamplingClient:
        return self

    def sample(
        self,
        prompt: ModelInput,
        num_samples: int,
        sampling_params: SamplingParams,
        include_prompt_logprobs: bool = False,
        topk_prompt_logprobs: int = 0,
        topk_sample_logprobs: int = 0,
        target_prompt_logprobs: TensorData | None = None,
        prompt_alt_tokens_k: int = 0,
        prompt_logprobs_last_n: int | None = None,
    ) -> APIFuture[SampleResponse]:
        """`num_samples` answers to one prompt, and what is asked for about the prompt.

        `target_prompt_logprobs` are token ids (len(prompt) - 1, K), -1 for none, whose
        log-probabilities to return; `prompt_alt_tokens_k` how many tokens to draw at each prompt
        position; `prompt_logprobs_last_n` how many of the last prompt tokens to score.
        """
        if prompt_logprobs_last_n is not None and not include_prompt_logprobs:
            raise ValueError("prompt_logprobs_last_n needs include_prompt_logprobs")
        options = {
            "num_samples": num_samples,
            "include_prompt_logprobs": include_prompt_logprobs,
            "topk_prompt_logprobs": topk_prompt_logprobs,
            "topk_sample_logprobs": topk_sample_logprobs,
            "target_prompt_logprobs": target_prompt_logprobs,
            "prompt_alt_tokens_k": prompt_alt_tokens_k,
            "prompt_logprobs_last_n": prompt_logprobs_last_n,
        }
        native = self._client()._handle
        future: APIFuture[SampleResponse] = start(
            lambda done: native.sample(prompt, sampling_params, options, done), response_of
        )
        return future

    async def sample_async(
        self,
        prompt: ModelInput,
        num_samples: int,
        sampling_params: SamplingParams,
        include_prompt_logprobs: bool = False,
        topk_prompt_logprobs: int = 0,
        topk_sample_logprobs: int = 0,
        target_prompt_logprobs: TensorData | None = None,
        prompt_alt_tokens_k: int = 0,
        prompt_logprobs_last_n: int | None = None,
    ) -> SampleResponse:
        return await self.sample(
            prompt,
            num_samples,
            sampling_params,
            include_prompt_logprobs,
            topk_prompt_logprobs,
            topk_sample_logprobs,
            target_prompt_logprobs,
            prompt_alt_tokens_k,
            prompt_logprobs_last_n,
        )

    def compute_logprobs(
        self, prompt: ModelInput, prompt_logprobs_last_n: int | None = None
    ) -> APIFuture[list[float | None]]:
        """One log-probability for each prompt token; None for the first, and where not asked."""
        options = {
            "num_samples": 1,
            "include_prompt_logprobs": True,
            "topk_prompt_logprobs": 0,
            "topk_sample_logprobs": 0,
            "target_prompt_logprobs": None,
            "prompt_alt_tokens_k": 0,
            "prompt_logprobs_last_n": prompt_logprobs_last_n,
        }
        native = self._client()._handle
        future: APIFuture[list[float | None]] = start(
            lambda done: native.sample(prompt, SamplingParams(max_tokens=1), options, done),
            lambda result: response_of(result).prompt_logprobs,
        )
        return future

    async def compute_logprobs_async(
        self, prompt: ModelInput, prompt_logprobs_last_n: int | None = None
    ) -> list[float | None]:
        return await self.compute_logprobs(prompt, prompt_logprobs_last_n)

    def get_base_model(self) -> str:
        return self._client()._base_model

    async def get_base_model_async(self) -> str:
        return self.get_base_model()

    def get_tokenizer(self) -> Any:
        """The base model's, of transformers where that is installed."""
        return load_tokenizer(self.get_base_model())

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            "a SamplingClient cannot be pickled: make one in each process, from saved weights"
        )


class BackcompatSamplingClientFuture(APIFuture[SamplingClient], SamplingClient):
    """A future of a client; used as the client itself it waits for it."""

    def _client(self) -> SamplingClient:
        return self.result()


def _topk(arrays: Any) -> TopkLogprobs | None:
    return None if arrays is None else TopkLogprobs(*arrays)


def _tensor(parts: Any) -> TensorData | None:
    if parts is None:
        return None
    values, shape, crow, col = parts
    dense = TensorData.from_numpy(values)
    return dense if crow is None else TensorData(dense.values, dense.dtype, shape, crow, col)


def response_of(raw: dict[str, Any]) -> SampleResponse:
    """From the native client's form."""
    alt = raw["prompt_alt_tokens"]
    return SampleResponse(
        sequences=[
            SampledSequence(
                stop_reason=one["stop_reason"],
                sequence_id=one["sequence_id"],
                tokens_np=one["tokens_np"],
                logprobs_np=one["logprobs_np"],
                topk_logprobs_np=_topk(one["topk_logprobs_np"]),
            )
            for one in raw["sequences"]
        ],
        prompt_logprobs_np=raw["prompt_logprobs_np"],
        topk_prompt_logprobs_np=_topk(raw["topk_prompt_logprobs_np"]),
        target_prompt_logprobs=_tensor(raw["target_prompt_logprobs"]),
        prompt_cache_hit_tokens=raw["prompt_cache_hit_tokens"],
        prompt_alt_tokens=None
        if alt is None
        else PromptAltTokens(*(TensorData.from_numpy(a) for a in alt)),
    )
