# SPDX-License-Identifier: Apache-2.0
"""The clients where some scripts look for them."""

from xfer.tinker._futures import APIFuture
from xfer.tinker._rest import RestClient
from xfer.tinker._sampling import SamplingClient
from xfer.tinker._service import ServiceClient
from xfer.tinker._training import TrainingClient

__all__ = ["APIFuture", "RestClient", "SamplingClient", "ServiceClient", "TrainingClient"]
