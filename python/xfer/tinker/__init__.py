# SPDX-License-Identifier: Apache-2.0
"""The Tinker SDK's public names on xfer's native client: `from xfer import tinker`.

Arrays are NumPy's; torch tensors are taken wherever they come, and torch is never imported unless
`to_torch` is called.
"""

from __future__ import annotations

from xfer.tinker import types
from xfer.tinker._answers import (
    Checkpoint,
    CheckpointType,
    ForwardBackwardOutput,
    OptimStepResponse,
    ParsedCheckpointTinkerPath,
    SampledSequence,
    SampleResponse,
    TrainingRun,
)
from xfer.tinker._exceptions import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BillingError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestFailedError,
    TinkerError,
    UnprocessableEntityError,
)
from xfer.tinker._futures import APIFuture
from xfer.tinker._requests import (
    AdamOptimizerConfig,
    AdamParams,
    Datum,
    DmelChunk,
    EncodedTextChunk,
    LoraConfig,
    ModelID,
    ModelInput,
    ModelInputChunk,
    OptimParams,
    PromptProvenanceSpan,
    SampledProvenanceSpan,
    SamplingParams,
    StopReason,
)
from xfer.tinker._rest import RestClient
from xfer.tinker._sampling import BackcompatSamplingClientFuture, SamplingClient
from xfer.tinker._service import ServiceClient
from xfer.tinker._tensors import TensorData, TensorDtype
from xfer.tinker._training import BackcompatTrainingClientFuture, TrainingClient

# The SDK's version whose names these are.
__version__ = "0.38.0"

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIFuture",
    "APIResponseValidationError",
    "APIStatusError",
    "APITimeoutError",
    "AdamOptimizerConfig",
    "AdamParams",
    "AuthenticationError",
    "BackcompatSamplingClientFuture",
    "BackcompatTrainingClientFuture",
    "BadRequestError",
    "BillingError",
    "Checkpoint",
    "CheckpointType",
    "ConflictError",
    "Datum",
    "DmelChunk",
    "EncodedTextChunk",
    "ForwardBackwardOutput",
    "InternalServerError",
    "LoraConfig",
    "ModelID",
    "ModelInput",
    "ModelInputChunk",
    "NotFoundError",
    "OptimParams",
    "OptimStepResponse",
    "ParsedCheckpointTinkerPath",
    "PermissionDeniedError",
    "PromptProvenanceSpan",
    "RateLimitError",
    "RequestFailedError",
    "RestClient",
    "SampleResponse",
    "SampledProvenanceSpan",
    "SampledSequence",
    "SamplingClient",
    "SamplingParams",
    "ServiceClient",
    "StopReason",
    "TensorData",
    "TensorDtype",
    "TinkerError",
    "TrainingClient",
    "TrainingRun",
    "UnprocessableEntityError",
    "__version__",
    "types",
]
