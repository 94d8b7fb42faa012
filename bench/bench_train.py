# SPDX-License-Identifier: Apache-2.0
"""LoRA training: xfer beside transformers + PEFT, on the same weights, tokens and threads.

    python bench/bench_train.py                       # both models, three rounds
    python bench/bench_train.py --sides peer --models smollm2 --rounds 1
    python bench/bench_train.py --answers train.jsonl --models smollm2

A step is forward and backward over one batch and one AdamW step, with adapters of rank 32 on every
linear layer, in float32 (xfer in bf16 with `--weights`). Two kinds of batch: full ones, where every
position is learned, and those of a study, where examples differ in length and only the answer is
learned; the peer then pads them to the longest, as its collator does. The first step's loss must
agree between the sides.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import support
from support import Result, Work

LEARNING_RATE = 1e-4
ADAM = {"beta1": 0.9, "beta2": 0.95, "eps": 1e-12}


@dataclass(frozen=True)
class Batch:
    """Sequences of token ids, and how many at the start of each are only read."""

    sequences: list[list[int]]
    prompts: list[int]

    @property
    def tokens(self) -> int:
        """Positions that predict one."""
        return sum(len(sequence) - 1 for sequence in self.sequences)

    @property
    def targets(self) -> int:
        pairs = zip(self.sequences, self.prompts, strict=True)
        return sum(len(sequence) - max(prompt, 1) for sequence, prompt in pairs)


def full_batch(work: Work, step: int) -> Batch:
    ids = support.random_tokens(work["model"], (work["batch"], work["length"] + 1), step)
    return Batch(ids.tolist(), [0] * work["batch"])


@functools.cache
def answer_batches(model: str, examples: str, batch: int, steps: int) -> list[Batch]:
    """Batches of a study: the domain's own examples, prompt and worked answer."""
    import xfer

    loaded = xfer.Model.load(model)
    chat = xfer.Renderer(xfer.Renderer.recommended(loaded.tokenizer), loaded.tokenizer)
    domain = (
        xfer.domain(examples)
        if examples in xfer.domains()
        else xfer.domain_from_file(Path(examples))
    )
    batches = []
    for step in range(steps):
        sequences, prompts = [], []
        for place in range(batch):
            example = domain.example("train", step * batch + place)
            ids, is_target = chat.supervised_example(
                [
                    {"role": "user", "content": domain.prompts[0].apply(example.question)},
                    {"role": "assistant", "content": example.solution},
                ]
            )
            sequences.append([int(token) for token in ids])
            prompts.append(int(np.argmax(is_target)))
        batches.append(Batch(sequences, prompts))
    return batches


def batches_of(work: Work) -> list[Batch]:
    """What the conductor wrote down, or full batches of random tokens."""
    if work["batches"]:
        stored = json.loads(Path(work["batches"]).read_text())
        return [Batch(**batch) for batch in stored]
    return [full_batch(work, step) for step in range(work["warmup"] + work["steps"])]


def timed_steps(work: Work, step: Callable[[Batch], float]) -> Result:
    """`step` returns the summed loss of its batch. Tokens are those that are not padding."""
    losses, rates = [], []
    batches = batches_of(work)
    for batch in batches:
        start = time.perf_counter()
        losses.append(step(batch) / batch.targets)
        rates.append(batch.tokens / (time.perf_counter() - start))
    rates = rates[work["warmup"] :]
    return {
        "tokens_per_s": statistics.median(rates),
        "tokens_per_s_best": max(rates),
        "loss_first": losses[0],
        "loss_last": losses[-1],
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

    def step(batch: Batch) -> float:
        longest = max(len(sequence) for sequence in batch.sequences)
        ids = torch.zeros(len(batch.sequences), longest, dtype=torch.int64)
        labels = torch.full_like(ids, -100)
        mask = torch.zeros_like(ids)
        for row, (sequence, prompt) in enumerate(zip(batch.sequences, batch.prompts, strict=True)):
            ids[row, : len(sequence)] = torch.tensor(sequence)
            labels[row, prompt : len(sequence)] = ids[row, prompt : len(sequence)]
            mask[row, : len(sequence)] = 1
        # Without padding no mask is given: the peer is quicker so.
        inputs = {"input_ids": ids[:, :-1]} | (
            {} if bool(mask.all()) else {"attention_mask": mask[:, :-1]}
        )
        logits = model(**inputs).logits
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), labels[:, 1:].flatten(), reduction="sum"
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return float(loss.item())

    return timed_steps(work, step)


def train_xfer(work: Work, threads: int) -> Result:
    import xfer

    model = xfer.Model.load(work["model"], threads=threads, weights=work["weights"])
    trainer = xfer.Trainer(
        model,
        rank=work["rank"],
        alpha=32.0,
        seed=0,
        train_attn=True,
        train_mlp=True,
        train_unembed=False,
    )

    def datum(sequence: list[int], prompt: int) -> xfer.Datum:
        weights = np.ones(len(sequence) - 1, np.float32)
        weights[: max(prompt - 1, 0)] = 0.0
        return xfer.Datum(tokens=sequence[:-1], target_tokens=sequence[1:], weights=weights)

    def step(batch: Batch) -> float:
        pairs = zip(batch.sequences, batch.prompts, strict=True)
        data = [datum(sequence, prompt) for sequence, prompt in pairs]
        result = trainer.forward_backward(data, loss_fn="cross_entropy", all_logprobs=False)
        trainer.optim_step(learning_rate=LEARNING_RATE, **ADAM)
        return float(result.metrics["loss:sum"])

    return timed_steps(work, step)


def works_of(options: argparse.Namespace, name: str, folder: Path) -> list[Work]:
    small = support.is_small(folder)
    common: Work = {
        "model": str(folder),
        "rank": options.rank,
        "warmup": 5 if small else 1,
        "steps": options.steps or (40 if small else 4),
    }
    works = [
        common
        | {
            "label": f"{name}, LoRA r {options.rank}, {options.batch} x {options.length}",
            "batch": options.batch,
            "length": options.length,
            "batches": None,
        }
    ]
    for examples in options.answers if options.answers is not None else ["math"] if small else []:
        count = common["warmup"] + common["steps"]
        batches = answer_batches(str(folder), examples, options.answers_batch, count)
        file = options.cache / f"{folder.name}-{Path(examples).stem}-answers.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([asdict(batch) for batch in batches]))
        label = f"{name}, LoRA r {options.rank}, {options.answers_batch} of {Path(examples).stem}"
        works.append(common | {"label": label, "batches": str(file)})
    return works


#: Of the first loss: the sides may differ by so much of its size. Rounding to bf16 moves each logit
#: by a few thousandths, and their mean by less.
LOSS_TOLERANCE = {"f32": 1e-4, "bf16": 5e-3, "bf16_compute": 5e-3}


def compare_losses(results: Sequence[Result]) -> None:
    """Adapters start at B = 0, so the first loss is the base model's on both sides."""
    for label in dict.fromkeys(r["label"] for r in results):
        of_label = [r for r in results if r["label"] == label]
        first = {r["side"]: r["loss_first"] for r in of_label}
        allowed = LOSS_TOLERANCE[of_label[0]["weights"]] * max(first.values())
        if max(first.values()) - min(first.values()) > allowed:
            sys.exit(f"{label}: the sides do not compute the same first loss: {first}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--length", type=int, default=128, help="tokens per sequence")
    parser.add_argument(
        "--answers",
        nargs="*",
        metavar="DOMAIN",
        help="study batches of these domains or dataset files (default: math on a small model)",
    )
    parser.add_argument("--answers-batch", type=int, default=16, help="examples in those batches")
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
