# SPDX-License-Identifier: Apache-2.0
"""Losses of the caller's own: a forward pass, the loss in Python, a backward pass.

The gradient of any loss C of the log-probabilities is that of the cross-entropy with the weights
-dC/dlogprob, held constant.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from xfer.tinker._requests import Datum
from xfer.tinker._tensors import TensorData, is_torch_tensor

CustomLoss = Callable[[Sequence[Datum], list[Any]], tuple[Any, ...]]


def forward_data(data: Sequence[Datum]) -> list[Datum]:
    """What the forward pass needs of the data."""
    out = []
    for number, datum in enumerate(data):
        targets = datum.loss_fn_inputs.get("target_tokens")
        if targets is None:
            raise ValueError(f"datum {number} has no target_tokens")
        weights = datum.loss_fn_inputs.get("weights")
        if weights is None:
            weights = TensorData.from_numpy(np.zeros(targets.to_numpy().shape, dtype=np.float32))
        inputs = {"target_tokens": targets, "weights": weights}
        out.append(Datum(datum.model_input, inputs))
    return out


def evaluate(
    loss_fn: CustomLoss, data: Sequence[Datum], logprobs: Sequence[Any]
) -> tuple[float, dict[str, float], list[Any]]:
    """The loss, its metrics, and dloss/dlogprobs for each datum."""
    torch = sys.modules.get("torch")
    if torch is None:
        given: list[Any] = [np.array(values) for values in logprobs]
    else:
        given = [torch.from_numpy(np.array(v)).requires_grad_(True) for v in logprobs]
    result = loss_fn(data, given)
    if len(result) == 2 and is_torch_tensor(result[0]):
        loss, metrics = result
        loss.backward()
        if any(values.grad is None for values in given):
            raise ValueError("the loss does not depend on every datum's log-probabilities")
        return float(loss.detach().sum()), dict(metrics), [v.grad.numpy() for v in given]
    if len(result) != 3:
        raise ValueError(
            "a loss of your own returns (loss, metrics) with a torch tensor, or (loss, metrics, "
            "gradients)"
        )
    loss, metrics, gradients = result
    if len(gradients) != len(logprobs):
        raise ValueError(f"{len(gradients)} gradients for {len(logprobs)} datums")
    return float(loss), dict(metrics), [np.asarray(g, dtype=np.float32) for g in gradients]


def backward_data(data: Sequence[Datum], gradients: Sequence[Any]) -> list[Datum]:
    out = []
    for number, (datum, gradient) in enumerate(zip(data, gradients, strict=True)):
        targets = datum.loss_fn_inputs["target_tokens"]
        if gradient.shape != targets.to_numpy().shape:
            raise ValueError(
                f"datum {number}: a gradient of shape {gradient.shape} for targets of shape "
                f"{targets.to_numpy().shape}"
            )
        inputs = {"target_tokens": targets, "weights": TensorData.from_numpy(-gradient)}
        out.append(Datum(datum.model_input, inputs))
    return out
