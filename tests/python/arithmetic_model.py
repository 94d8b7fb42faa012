# SPDX-License-Identifier: Apache-2.0
"""A model that adds a little: what a trainer of reinforcement learning can start from.

The embedded small model knows neither the layout of the cookbook's prompts nor how to answer at
once, so nothing it samples earns a reward. A few seconds of training by the engine, on every
weight, make a model that is right some of the time.
"""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import xfer
from xfer import _native

SHOT = ["User:", " What is 4 + 5?\n\n", "Assistant:", " 9\n\n"]


def example(tokenizer: xfer.Tokenizer, a: int, b: int) -> xfer.Datum:
    """As the cookbook's `role_colon` renderer lays it out: piece by piece."""
    prompt = [*SHOT, "User:", f" What is {a} + {b}?\n\n", "Assistant:"]
    answer = [f" {a}+{b}={a + b}\n\n", "User:"]
    tokens = [
        [int(t) for piece in side for t in tokenizer.encode(piece)] for side in (prompt, answer)
    ]
    return xfer.supervised_datum(*tokens)


def make(folder: Path, steps: int, batch: int = 32, learning_rate: float = 1e-3) -> Path:
    """A model folder in `folder`."""
    small = Path(_native.locate_model("embedded:small"))
    model = xfer.Model.load("embedded:small")
    tokenizer = xfer.Tokenizer.load(small)
    trainer = xfer.Trainer(model, rank=0, state_folder=folder)
    draw = random.Random(1)
    for step in range(steps):
        data = [
            example(tokenizer, draw.randint(0, 100), draw.randint(0, 100)) for _ in range(batch)
        ]
        trainer.forward_backward(data)
        left = 1.0 - step / steps
        trainer.optim_step(learning_rate * min(1.0, 2.0 * left), grad_clip_norm=1.0)
    made = Path(trainer.save_state("adds", with_optimizer=False))
    shutil.copy(small / "tokenizer.json", made)
    return made.resolve()
