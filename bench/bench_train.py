"""LoRA training: xfer beside transformers + PEFT, on the same weights, tokens and threads.

    python bench/bench_train.py                       # both models, three rounds
    python bench/bench_train.py --sides peer --models smollm2 --rounds 1

A step is forward and backward over one full batch and one AdamW step, with adapters of rank 32 on
every linear layer, in float32. The first step's loss must agree between the sides.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import support
from support import Result, Work

LEARNING_RATE = 1e-4
ADAM = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-12}


def batch_of(work: Work, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs and targets: position t predicts target t."""
    ids = support.random_tokens(work["model"], (work["batch"], work["length"] + 1), step)
    return ids[:, :-1], ids[:, 1:]


def timed_steps(work: Work, step: Callable[[int], float]) -> Result:
    """`step` returns the summed loss of its batch."""
    losses, seconds = [], []
    for number in range(work["warmup"] + work["steps"]):
        start = time.perf_counter()
        losses.append(step(number))
        seconds.append(time.perf_counter() - start)
    tokens = work["batch"] * work["length"]
    seconds = seconds[work["warmup"] :]
    return {
        "tokens_per_s": tokens / statistics.median(seconds),
        "tokens_per_s_best": tokens / min(seconds),
        "loss_first": losses[0] / tokens,
        "loss_last": losses[-1] / tokens,
    }


def train_peer(work: Work, threads: int) -> Result:
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    support.quiet_peer(threads)
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(work["model"], dtype=torch.float32)
    base.config.use_cache = False
    adapters = LoraConfig(
        r=work["rank"], lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, adapters).train()
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(
        parameters,
        lr=LEARNING_RATE,
        betas=(ADAM["beta1"], ADAM["beta2"]),
        eps=ADAM["eps"],
        weight_decay=0.0,
        fused=True,
    )

    def step(number: int) -> float:
        inputs, targets = (torch.from_numpy(part.copy()) for part in batch_of(work, number))
        logits = model(input_ids=inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), reduction="sum"
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.item())

    return timed_steps(work, step)


def train_xfer(work: Work, threads: int) -> Result:
    import xfer

    model = xfer.Model.load(work["model"], threads=threads)
    trainer = xfer.Trainer(
        model,
        rank=work["rank"],
        alpha=32.0,
        seed=0,
        train_attn=True,
        train_mlp=True,
        train_unembed=False,
    )
    weights = np.ones(work["length"], np.float32)

    def step(number: int) -> float:
        inputs, targets = batch_of(work, number)
        data = [
            xfer.Datum(tokens=row.astype(np.int32), target_tokens=target.copy(), weights=weights)
            for row, target in zip(inputs, targets, strict=True)
        ]
        result = trainer.forward_backward(data, loss_fn="cross_entropy")
        trainer.optim_step(learning_rate=LEARNING_RATE, **ADAM)
        return float(result.metrics["loss:sum"])

    return timed_steps(work, step)


def works_of(options: argparse.Namespace, name: str, folder: Path) -> list[Work]:
    label = f"{name}, LoRA r {options.rank}, {options.batch} x {options.length}"
    small = support.is_small(folder)
    return [
        {
            "label": label,
            "model": str(folder),
            "rank": options.rank,
            "batch": options.batch,
            "length": options.length,
            "warmup": 5 if small else 1,
            "steps": options.steps or (40 if small else 4),
        }
    ]


def compare_losses(results: Sequence[Result]) -> None:
    """Adapters start at B = 0, so the first loss is the base model's on both sides."""
    for label in dict.fromkeys(r["label"] for r in results):
        first = {r["side"]: r["loss_first"] for r in results if r["label"] == label}
        if max(first.values()) - min(first.values()) > 1e-4 * max(first.values()):
            sys.exit(f"{label}: the sides do not compute the same first loss: {first}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128, help="tokens per sequence")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--steps", type=int, help="timed steps (default 4 or 40, by model)")
    support.Benchmark(
        script=Path(__file__),
        peer_name="transformers + PEFT",
        works_of=works_of,
        peer=train_peer,
        xfer=train_xfer,
        compare=compare_losses,
    ).run(parser)


if __name__ == "__main__":
    main()
