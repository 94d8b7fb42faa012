# SPDX-License-Identifier: Apache-2.0
"""`TensorData` where some scripts look for it."""

from xfer.tinker._tensors import TensorData

__all__ = ["TensorData"]
